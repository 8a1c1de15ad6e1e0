"""What the settings form shows, and where its changes go.

While a run is active the form shows the config that the run was told last, whoever told it, and a change goes to
the run. Otherwise it shows a draft of the next run, which is all that a browser tab keeps of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dqn_core.config import TrainingConfig
from dqn_core.environments.settings import environment_problems
from dqn_core.errors import ConfigError, DqnLabError, FieldProblem, UnsupportedEnvironmentError, mark
from dqn_core.presets import preset_config, preset_name, preset_names
from dqn_core.runs.classes.classroom import Assignment
from pages.shared.visitor.identity import steering

__all__ = [
    "ASSIGNED",
    "CUSTOM",
    "NEW_RUN",
    "WATCHING",
    "FormState",
    "draft_config",
    "draft_form",
    "first_config",
    "live_form",
]


CUSTOM = "custom"
"""What the form calls settings that are no preset's."""
NEW_RUN = "new"
"""Scope of the form where there is no run."""
WATCHING = mark("You are watching: only the person who started this run can change its settings.")
ASSIGNED = mark("Set by the assignment of your class.")


@dataclass(frozen=True)
class FormState:
    """The values shown, by field, and the run that they belong to."""

    scope: str
    """The run's id, or :data:`NEW_RUN`; part of each widget's key, so that runs do not mix."""
    values: Mapping[str, Any]
    """Raw values: a draft may hold some that no config accepts."""
    is_live: bool
    """Whether a change goes to an active run."""
    is_locked: bool = False
    """Whether the visitor may only look: the active run is another's."""
    assignment: Assignment | None = None
    """What the visitor's class is given to do; of a run, what the class is that it was started in."""
    _judged: list[tuple[Mapping[str, Any], dict[str, FieldProblem]]] = field(
        default_factory=list, repr=False, compare=False
    )
    """The values that :meth:`problems` last looked at, and what it found: each of many widgets asks."""

    def key(self, name: str) -> str:
        """Session-state key of the widget of field ``name``."""
        return f"{self.scope}:{name}"

    def change(self, **changes: Any) -> None:
        """Take ``changes`` over; a refusal is kept for :meth:`refusal` and changes nothing.

        ``env_kwargs.gravity`` is one argument alone; in a draft, None leaves it to the environment's default.
        """
        refusals = _refusals(self.scope)
        refusals.clear()
        if not self.is_live:
            _draft(self.scope).update(_by_field(_draft(self.scope), changes))
            _hold_to(self.assignment, _draft(self.scope))
            return
        for name, value in changes.items():
            try:
                steering(self.scope).change(self.scope, name, value)
            except DqnLabError as error:
                refusals[name] = error

    def refuse(self, name: str, error: DqnLabError) -> None:
        """Keep why a change of field ``name`` was refused."""
        _refusals(self.scope)[name] = error

    def refusal(self, name: str) -> DqnLabError | None:
        """Why the last change of field ``name`` was refused; None where it was not."""
        return _refusals(self.scope).get(name)

    def is_assigned(self, name: str) -> bool:
        """Whether the assignment locks the setting ``name``."""
        return self.assignment is not None and not self.assignment.is_open(name)

    def range_of(self, name: str) -> tuple[float | None, float | None]:
        """Between which numbers the assignment has the setting ``name`` be; None for no such end."""
        opening = self.assignment.opening(name) if self.assignment else None
        return (opening.low, opening.high) if opening else (None, None)

    def present_preset(self) -> str:
        """Name of the preset that the values are; :data:`CUSTOM` where they are none."""
        try:
            return preset_name(self.config())
        except ConfigError:
            return CUSTOM

    def want_preset(self, name: str) -> None:
        """Keep in mind which preset was chosen, for other environments."""
        st.session_state[f"{self.scope}:wanted-preset"] = name

    def wanted_preset(self) -> str:
        """The preset that was chosen last; where none was, the one that the values are."""
        key = f"{self.scope}:wanted-preset"
        if key not in st.session_state and (present := self.present_preset()) != CUSTOM:
            self.want_preset(present)
        wanted: str = st.session_state.get(key, CUSTOM)
        return wanted

    def config(self) -> TrainingConfig:
        """The values as a config; raises :class:`ConfigError` for a draft that is not valid."""
        return TrainingConfig.from_dict(self.values)

    def problems(self) -> dict[str, FieldProblem]:
        """What is wrong with a draft, by field."""
        if not self._judged or self._judged[0][0] != self.values:
            self._judged[:] = [(dict(self.values), self._problems())]
        return self._judged[0][1]

    def _problems(self) -> dict[str, FieldProblem]:
        try:
            config = self.config()
            assigned = () if self.assignment is None or self.is_live else self.assignment.problems(config)
            problems = (*environment_problems(config), *assigned)
        except ConfigError as error:
            problems = error.problems
        except UnsupportedEnvironmentError:  # the environment's own place in the form says so
            return {}
        return {problem.field: problem for problem in problems}


def live_form(
    run_id: str, wanted: TrainingConfig, *, is_locked: bool = False, assignment: Assignment | None = None
) -> FormState:
    """The form of an active run, showing the config it was told last."""
    return FormState(run_id, wanted.to_dict(), is_live=True, is_locked=is_locked, assignment=assignment)


def draft_form(scope: str, start_from: TrainingConfig, assignment: Assignment | None = None) -> FormState:
    """The form of the next run: this tab's draft, which begins as ``start_from``, and anew where that has changed.

    A run that went on meanwhile has other settings than when the draft was begun: those were to be its next. What the
    ``assignment`` locks is as it says.
    """
    begun_as = start_from.to_dict()
    if not _draft(scope) or st.session_state.setdefault(f"{scope}:draft-of", begun_as) != begun_as:
        _draft(scope).clear()
        _draft(scope).update(begun_as)
    st.session_state[f"{scope}:draft-of"] = begun_as
    _hold_to(assignment, _draft(scope))
    return FormState(scope, _draft(scope), is_live=False, assignment=assignment)


def draft_config(scope: str) -> TrainingConfig | None:
    """The draft that this tab holds under ``scope``; None where there is none, or it is not valid."""
    values = st.session_state.get(f"{scope}:draft")
    try:
        return TrainingConfig.from_dict(values) if values else None
    except ConfigError:
        return None


def first_config(env_id: str) -> TrainingConfig:
    """The config that a form begins with for ``env_id``."""
    return preset_config(env_id, preset_names(env_id)[0])


def _by_field(draft: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``changes`` with those of single arguments put into the draft's field of arguments."""
    found = {name: value for name, value in changes.items() if "." not in name}
    for name, value in changes.items():
        field, dot, argument = name.partition(".")
        if dot:
            arguments = {**found.get(field, draft[field]), argument: value}
            found[field] = {each: given for each, given in arguments.items() if given is not None}
    return found


def _hold_to(assignment: Assignment | None, draft: dict[str, Any]) -> None:
    """Have what the assignment locks be as it says."""
    if assignment is None or assignment.config is None:
        return
    for name, value in assignment.config.to_dict().items():
        if name in assignment.open:
            continue
        if isinstance(value, dict):  # arguments by name, each open or locked on its own
            open_ones = {each: given for each, given in draft[name].items() if assignment.is_open(f"{name}.{each}")}
            locked = {each: given for each, given in value.items() if not assignment.is_open(f"{name}.{each}")}
            draft[name] = locked | open_ones
        else:
            draft[name] = value


def _draft(scope: str) -> dict[str, Any]:
    draft: dict[str, Any] = st.session_state.setdefault(f"{scope}:draft", {})
    return draft


def _refusals(scope: str) -> dict[str, DqnLabError]:
    refusals: dict[str, DqnLabError] = st.session_state.setdefault(f"{scope}:refusals", {})
    return refusals
