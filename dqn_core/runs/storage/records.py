"""What is known of a run as a whole: its record, its id, and its config after live changes."""

from __future__ import annotations

import re
import secrets
import string
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.errors import UnknownRunError, mark
from dqn_core.events import EndReason, HyperparametersChanged, RunState

__all__ = [
    "MOST_TAGS",
    "NAME_LENGTH",
    "TAG_LENGTH",
    "RunBrief",
    "RunRecord",
    "RunSnapshot",
    "applied",
    "check_run_id",
    "clean_tags",
    "clean_text",
    "is_run_id",
    "new_run_id",
    "unknown_run",
]

_RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z0-9]{4}", re.ASCII)
_ID_LETTERS = string.ascii_lowercase + string.digits
NAME_LENGTH = 80
"""Characters of a run's name at most."""
TAG_LENGTH = 30
MOST_TAGS = 12


@dataclass(frozen=True, kw_only=True)
class RunBrief:
    """One run without its settings and messages: what is read of thousands of runs at once."""

    run_id: str
    name: str
    state: RunState
    reason: EndReason | None
    started_at: datetime
    """In UTC, aware."""
    wall_time_s: float
    episodes: int
    env_steps: int
    best_eval: float | None
    owner: str
    tags: tuple[str, ...]
    experiment_id: str | None
    class_id: str | None


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run without its episodes: a row of the list of runs."""

    run_id: str
    name: str
    config: TrainingConfig
    """As it is now, live changes included."""
    initial_config: TrainingConfig
    """As the run was started."""
    started_at: datetime
    """In UTC, aware."""
    state: RunState = RunState.STARTING
    reason: EndReason | None = None
    """Why it ended; None while it goes on."""
    message_template: str = ""
    """Cause of a failure, as a message template; empty otherwise."""
    message_parameters: dict[str, Any] = field(default_factory=dict)
    compute: str = ""
    """Learner that does the updates; empty until it is chosen."""
    compute_template: str = ""
    """Why this one, as a message template."""
    compute_parameters: dict[str, Any] = field(default_factory=dict)
    parameters: int = 0
    """Trainable parameters of the online network; 0 until it is made."""
    wall_time_s: float = 0.0
    """Seconds of training, without pauses."""
    episodes: int = 0
    env_steps: int = 0
    updates: int = 0
    best_eval: float | None = None
    """Best mean evaluation return; None where nothing was evaluated: NaN would make no record equal to itself."""
    owner: str = ""
    """Id of the visitor who started it; empty for one that belongs to everybody."""
    tags: tuple[str, ...] = ()
    experiment_id: str | None = None
    """The experiment that it is a part of."""
    started_from: str = ""
    """What its initial weights came from: another run's id, or an uploaded file's name; empty for fresh ones."""
    class_id: str | None = None
    """The class that its owner was a member of when it was started."""

    def brief(self) -> RunBrief:
        """The run without its settings and messages."""
        return RunBrief(**{each.name: getattr(self, each.name) for each in fields(RunBrief)})


@dataclass(frozen=True, kw_only=True)
class RunSnapshot:
    """One run at one moment."""

    record: RunRecord
    wanted_config: TrainingConfig
    """The config with the live changes that are on their way to the trainer."""
    pace: float | None
    """Env steps a second at most; None for full speed."""
    is_active: bool
    """Whether it is a run that a server works at: one that trains, is paused, or waits for its turn."""
    is_elsewhere: bool = False
    """Whether that is another server of the lab: there are no pictures of it here."""
    is_pace_automatic: bool = False
    """Whether the run begins with that pace and rises to full speed."""
    launches: int = 0
    """How often this server has taken it on: once when started here, and each time it went on."""
    queue_position: int | None = None
    """Place among the runs that wait for their turn, from 1; None for one that does not wait."""
    queue_wait_s: float | None = None
    """Seconds that it will wait, as far as can be foreseen; None where that is unknown."""


def new_run_id(now: datetime) -> str:
    """A short id that sorts by time: ``20260401-143501-x7k2`` (``now`` in UTC and four random letters)."""
    return f"{now:%Y%m%d-%H%M%S}-{''.join(secrets.choice(_ID_LETTERS) for _ in range(4))}"


def check_run_id(run_id: str) -> str:
    """``run_id`` itself if it has the form of one; raises :class:`UnknownRunError` before any path is built of it."""
    if not is_run_id(run_id):
        raise unknown_run(run_id)
    return run_id


def is_run_id(value: object) -> bool:
    """Whether ``value`` has the form of a run's id."""
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


def clean_text(text: str, most: int) -> str:
    """``text`` on one line, without what cannot be seen, at most ``most`` characters long.

    Spaces of any kind become one each; control characters, and those that turn the direction of what follows, go.
    """
    spaced = (" " if each.isspace() else each for each in text)
    visible = (each for each in spaced if unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    return " ".join("".join(visible).split())[:most].rstrip()


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """``tags``, each cleaned and once, in order; the first :data:`MOST_TAGS` of them."""
    cleaned = (clean_text(each, TAG_LENGTH) for each in tags)
    return tuple(dict.fromkeys(each for each in cleaned if each))[:MOST_TAGS]


def unknown_run(run_id: str) -> UnknownRunError:
    """The error for an id that no run has."""
    return UnknownRunError(mark("There is no run {run_id}: choose one from the list of runs."), run_id=run_id[:40])


def applied(config: TrainingConfig, event: HyperparametersChanged) -> TrainingConfig:
    """``config`` after the live changes that ``event`` tells of."""
    values = {change.field: change.new for change in event.changes}
    if "buffer_size" in values:  # takes the warm-up down with it, as TrainingConfig.changed_live does
        values.setdefault("warmup_steps", min(config.warmup_steps, values["buffer_size"]))
    return config.replace(**values)
