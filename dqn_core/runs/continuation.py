"""A run that is over, as it stands when it goes on from its checkpoint, or begins after all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.errors import RunStateError, mark, mark_plural
from dqn_core.events import RunState
from dqn_core.json_text import none_if_nan
from dqn_core.runs.storage.records import RunRecord
from dqn_core.training.checkpoint import Checkpoint, changed_config

__all__ = ["begun_again", "continued", "refuse_to_go_on"]


def continued(record: RunRecord, state: Checkpoint, changes: Mapping[str, Any]) -> RunRecord:
    """``record`` at the checkpoint ``state``, about to go on with ``changes`` of its config when its turn comes.

    Exploration goes on from where it stood (:func:`~dqn_core.training.checkpoint.changed_config`).

    Raises
    ------
    RunStateError
        The run has nothing left to do within its limits.
    ConfigError, ChangeRefusedError
        A change is not valid.
    """
    counters = state.values["counters"]
    config = changed_config(state.config.replace(compute=record.config.compute), changes, counters)
    _refuse_without_work(config, counters)
    return replace(
        _waiting(record),
        config=config,
        episodes=counters["finished_episodes"],
        env_steps=counters["env_step"],
        updates=counters["updates"],
        wall_time_s=state.values["wall_time_s"],
        best_eval=none_if_nan(state.values["best_eval"]),
    )


def begun_again(record: RunRecord, changes: Mapping[str, Any]) -> RunRecord:
    """``record`` of a run that finished no episode, about to begin with ``changes`` of its config when its turn comes.

    Raises
    ------
    ConfigError, ChangeRefusedError
        A change is not valid.
    """
    config = record.config
    for name, value in changes.items():
        config = config.changed_live(name, value)
    return replace(
        _waiting(record),
        config=config,
        initial_config=config,
        episodes=0,
        env_steps=0,
        updates=0,
        wall_time_s=0.0,
        best_eval=None,
    )


def _waiting(record: RunRecord) -> RunRecord:
    return replace(record, state=RunState.QUEUED, reason=None, message_template="", message_parameters={})


def _refuse_without_work(config: TrainingConfig, counters: Mapping[str, Any]) -> None:
    if counters["finished_episodes"] >= config.max_episodes:
        template = mark_plural(
            "The run has done its {limit} episode: raise the limit to continue.",
            "The run has done its {limit} episodes: raise the limit to continue.",
            config.max_episodes,
        )
        raise RunStateError(template, limit=config.max_episodes)
    if config.max_env_steps is not None and counters["env_step"] >= config.max_env_steps:
        template = mark_plural(
            "The run has done its {limit} env step: raise the limit to continue.",
            "The run has done its {limit} env steps: raise the limit to continue.",
            config.max_env_steps,
        )
        raise RunStateError(template, limit=config.max_env_steps)


def refuse_to_go_on(record: RunRecord) -> None:
    """Raise what keeps a run from going on, whatever it left."""
    if record.state.is_active:
        raise RunStateError(mark("The run is {state}: there is nothing to resume."), state=record.state)
    if record.state is RunState.DAMAGED:
        raise RunStateError(mark("The run's entry in the database is damaged: it cannot be resumed."))
