"""A class: who is in it, and what it is given to do.

A class has a short code, by which browsers join under a nickname. Its assignment says what a member's run may be: a
config, and the settings of it that are open, each within a range.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from dqn_core.config import NO_SUCH_FIELD, TrainingConfig
from dqn_core.errors import ClassError, ConfigError, FieldProblem, mark
from dqn_core.runs.storage.records import clean_text

__all__ = [
    "MESSAGE_LENGTH",
    "NICKNAME_LENGTH",
    "TITLE_LENGTH",
    "WEIGHTS",
    "Announcement",
    "Assignment",
    "Classroom",
    "Member",
    "Opening",
    "Place",
    "clean_nickname",
    "new_code",
    "nickname_key",
    "tidy_code",
]

NICKNAME_LENGTH = 24
"""Characters of a nickname at most."""
TITLE_LENGTH = 60
MESSAGE_LENGTH = 300
_CODE_LETTERS = "CDFHJKMNPQRTVWXY"
"""Letters that are not taken for each other, nor for digits; without vowels they make no words."""
_CODE_LENGTH = 4

# ------------------------------------------------------------------------------------------------------------ nicknames

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that show nothing, though their category says that they do."""
_MOST_MARKS = 3
"""Marks on one letter: more of them cover the lines above and below."""


def clean_nickname(text: str) -> str:
    """``text`` as a nickname: in the Unicode form NFKC, with single spaces. Raises :class:`ClassError`."""
    if len(text) > 10 * NICKNAME_LENGTH:
        raise _bad_length(text)
    nickname = re.sub(" +", " ", unicodedata.normalize("NFKC", text)).strip(" ")
    bad = next((each for each in nickname if _is_refused(each)), None)
    if bad is not None:
        template = mark("A nickname may not hold the invisible character {code}: type it with letters and digits.")
        raise ClassError(template, code=f"U+{ord(bad):04X}")
    if not 1 <= len(nickname) <= NICKNAME_LENGTH:
        raise _bad_length(nickname)
    if not any(each.isalnum() for each in nickname):
        raise ClassError(mark("A nickname needs a letter or a digit."))
    if _marks_in_a_row(nickname) > _MOST_MARKS:
        raise ClassError(mark("This nickname has too many marks on one letter."))
    return nickname


def nickname_key(nickname: str) -> str:
    """The same for nicknames that differ in case, Unicode form or spaces alone."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", nickname).casefold())
    return folded.replace(" ", "")


def _is_refused(character: str) -> bool:
    category = unicodedata.category(character)
    return category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or character in _UNSEEN


def _marks_in_a_row(text: str) -> int:
    longest = count = 0
    for each in text:
        count = count + 1 if unicodedata.category(each).startswith("M") else 0
        longest = max(longest, count)
    return longest


def _bad_length(text: str) -> ClassError:
    template = mark("A nickname has 1 to {most} characters; this one has {count}.")
    return ClassError(template, most=NICKNAME_LENGTH, count=len(text))


def new_code(taken: Iterable[str]) -> str:
    """A code for a new class; none of those that are ``taken``."""
    used = set(taken)
    while True:
        code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
        if code not in used:
            return code


def tidy_code(text: str) -> str:
    """A code as somebody typed it, as the class has it."""
    return "".join(text.split()).upper()[: _CODE_LENGTH + 1]


# ----------------------------------------------------------------------------------------------------------- assignment

WEIGHTS = "initial_weights"
"""Stands for the initial weights among the settings that an assignment may open."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What an open setting may be: any value, numbers of a range (ends included), or one of a few."""

    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()

    def problem(self, name: str, value: Any) -> FieldProblem | None:
        """What is wrong with ``value`` for the setting ``name``; None where nothing is."""
        if self.choices:
            if value in self.choices:
                return None
            template = mark("must be one of {choices} in this assignment")
            return FieldProblem(name, value, template, {"choices": ", ".join(map(str, self.choices))})
        numbers = value if isinstance(value, tuple) else (value,)
        if all(self._holds(each) for each in numbers):
            return None
        return FieldProblem(name, value, *self._range())

    def _holds(self, value: Any) -> bool:
        if self.low is None and self.high is None:
            return True
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def _range(self) -> tuple[str, dict[str, object]]:
        if self.low is None:
            return mark("must be at most {high} in this assignment"), {"high": self.high}
        if self.high is None:
            return mark("must be at least {low} in this assignment"), {"low": self.low}
        return mark("must be from {low} to {high} in this assignment"), {"low": self.low, "high": self.high}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"low": self.low, "high": self.high, "choices": list(self.choices)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The opening of :meth:`to_dict`'s values. Raises KeyError, TypeError or ValueError."""
        low, high = (None if values[name] is None else float(values[name]) for name in ("low", "high"))
        return cls(low=low, high=high, choices=tuple(values["choices"]))


_PAGE = re.compile(r"[a-z]{0,20}")
_PARAMETER = re.compile(r"[a-z]{1,20}")
_MOST_PARAMETERS, _LONGEST_PARAMETER = 6, 200


@dataclass(frozen=True, kw_only=True)
class Place:
    """A page of this server, and what it is to show. Raises ValueError for what is none."""

    page: str
    """The page's own part of its address, such as ``train``; empty for the start page."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the address's query."""

    def __post_init__(self) -> None:
        are_short = all(
            _PARAMETER.fullmatch(name) and len(value) <= _LONGEST_PARAMETER and value.isprintable()
            for name, value in self.parameters.items()
        )
        if not _PAGE.fullmatch(self.page) or not are_short or len(self.parameters) > _MOST_PARAMETERS:
            message = f"No page of this server: {self.page!r}"
            raise ValueError(message)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"page": self.page, "parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The place of :meth:`to_dict`'s values. Raises KeyError, TypeError or ValueError."""
        parameters = {str(name): str(value) for name, value in values["parameters"].items()}
        return cls(page=str(values["page"]), parameters=parameters)


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a class is given to do. Raises :class:`ConfigError` where its open settings are none."""

    pushed_at: datetime
    """In UTC, aware."""
    task: str = ""
    """What is to be done, in the teacher's words."""
    config: TrainingConfig | None = None
    """The settings of a member's run: environment, arguments, budget and goal among them. None: they are free."""
    open: Mapping[str, Opening] = field(default_factory=dict)
    """Settings that may differ, by name: a field, an argument such as ``env_kwargs.gravity``, or :data:`WEIGHTS`. All
    others are locked."""
    place: Place | None = None
    """The page to be on."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", clean_text(self.task, MESSAGE_LENGTH))
        problems = [*self._problems()]
        if problems:
            raise ConfigError(tuple(problems))

    def _problems(self) -> Iterator[FieldProblem]:
        known = {*(each.name for each in fields(TrainingConfig)), WEIGHTS}
        for name, opening in self.open.items():
            if name.partition(".")[0] not in known:
                yield FieldProblem(name, "", NO_SUCH_FIELD, {})
                continue
            if opening.low is not None and opening.high is not None and opening.low > opening.high:
                yield FieldProblem(name, f"{opening.low:g} … {opening.high:g}", mark("ends below its beginning"), {})
            elif self.config is not None and name != WEIGHTS:
                value = self.config.value(name)
                problem = None if value is None and "." in name else opening.problem(name, value)
                if problem is not None:
                    yield problem

    def is_open(self, name: str) -> bool:
        """Whether a member may choose the setting ``name``."""
        return self.config is None or self.opening(name) is not None

    def opening(self, name: str) -> Opening | None:
        """What the setting ``name`` may be; None where it is locked."""
        return self.open.get(name) or self.open.get(name.partition(".")[0])

    def problems(self, config: TrainingConfig, *, has_weights: bool = False) -> tuple[FieldProblem, ...]:
        """In what a run of ``config`` would not be what is assigned; empty where it is."""
        if self.config is None:
            return ()
        changes = {name: value for name, value, _ in config.differences(self.config)}
        if changes.get("warmup_steps") == config.buffer_size and "buffer_size" in changes:
            del changes["warmup_steps"]  # a memory that is made smaller takes the warm-up down with it
        return self.change_problems(changes | ({WEIGHTS: True} if has_weights else {}))

    def change_problems(self, changes: Mapping[str, Any]) -> tuple[FieldProblem, ...]:
        """Which of ``changes``, settings by name, the assignment does not allow."""
        if self.config is None:
            return ()
        found = (self._problem(name, value) for name, value in changes.items())
        return tuple(problem for problem in found if problem is not None)

    def _problem(self, name: str, value: Any) -> FieldProblem | None:
        opening = self.opening(name)
        if name == WEIGHTS:
            template = mark("are drawn anew in this assignment: choose none to start from")
            return None if opening is not None or not value else FieldProblem(name, value, template, {})
        wanted = None if self.config is None else self.config.value(name)
        if wanted == value:
            return None
        if opening is not None:
            return opening.problem(name, value)
        if wanted is None:
            return FieldProblem(name, value, mark("must be left as it is in this assignment"), {})
        shown = ", ".join(map(str, wanted)) if isinstance(wanted, tuple) else wanted
        return FieldProblem(name, value, mark("must be {value} in this assignment"), {"value": shown})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "pushed_at": self.pushed_at.isoformat(),
            "task": self.task,
            "config": None if self.config is None else self.config.to_dict(),
            "open": {name: each.to_dict() for name, each in self.open.items()},
            "place": None if self.place is None else self.place.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The assignment of :meth:`to_dict`'s values. Raises ConfigError, KeyError, TypeError or ValueError."""
        return cls(
            pushed_at=datetime.fromisoformat(values["pushed_at"]),
            task=str(values["task"]),
            config=None if values["config"] is None else TrainingConfig.from_dict(values["config"]),
            open={str(name): Opening.from_dict(each) for name, each in values["open"].items()},
            place=None if values["place"] is None else Place.from_dict(values["place"]),
        )


# ------------------------------------------------------------------------------------------------------ class, members


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """What the teacher says to all, and where everyone is to look."""

    made_at: datetime
    """In UTC, aware."""
    message: str = ""
    place: Place | None = None
    opens: bool = False
    """Whether every member's page goes to the place, rather than having a link to it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", clean_text(self.message, MESSAGE_LENGTH))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        place = None if self.place is None else self.place.to_dict()
        return {"made_at": self.made_at.isoformat(), "message": self.message, "place": place, "opens": self.opens}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The announcement of :meth:`to_dict`'s values. Raises KeyError, TypeError or ValueError."""
        return cls(
            made_at=datetime.fromisoformat(values["made_at"]),
            message=str(values["message"]),
            place=None if values["place"] is None else Place.from_dict(values["place"]),
            opens=values.get("opens") is True,
        )


@dataclass(frozen=True, kw_only=True)
class Member:
    """A browser that joined a class."""

    visitor_id: str
    nickname: str
    joined_at: datetime
    """In UTC, aware."""
    hand_raised_at: datetime | None = None
    """None while the hand is down."""
    left_at: datetime | None = None
    """When it left, for another class say."""
    removed_at: datetime | None = None
    """When the teacher removed it: it cannot join again until it is let in."""

    @property
    def is_present(self) -> bool:
        """Whether it is a member now."""
        return self.left_at is None and self.removed_at is None


@dataclass(frozen=True, kw_only=True)
class Classroom:
    """One class, without its members."""

    class_id: str
    code: str
    title: str
    created_at: datetime
    """In UTC, aware."""
    archived_at: datetime | None = None
    """None while it is open."""
    teachers: tuple[str, ...] = ()
    """Ids of the visitors who opened it or teach in it too."""
    assignment: Assignment | None = None
    announcement: Announcement | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be joined, and its assignment holds."""
        return self.archived_at is None
