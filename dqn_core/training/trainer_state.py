"""Everything that a trainer's future depends on, to go on bit for bit as if it had never stopped.

Arrays (replay memory, networks, Adam's moments) and plain values (counters, generators, the running episode, the config
with its live changes) are kept apart: the first go into safetensors, the second into JSON, nothing is pickled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.config import TrainingConfig, field_rule
from dqn_core.errors import RunFolderError, mark
from dqn_core.events import Phase, WeightsReady
from dqn_core.training.running_episode import RunningEpisode, generator_state, set_generator_state

if TYPE_CHECKING:
    from dqn_core.training.trainer import Trainer

__all__ = ["TrainerState", "capture", "changed_config", "restore", "take_over_counts"]

_VERSION = 1
_COUNTERS = ("env_step", "updates", "episode", "finished_episodes", "warmed_up_at", "epsilon")


@dataclass(frozen=True, kw_only=True)
class TrainerState:
    """A trainer between two env steps, or between two updates of one."""

    arrays: dict[str, NDArray[Any]]
    values: dict[str, Any]
    """JSON values."""

    @property
    def config(self) -> TrainingConfig:
        """The run's config, live changes included, on the compute that it was trained on."""
        return TrainingConfig.from_dict(self.values["config"] | {"compute": self.values["compute"]})


def capture(trainer: Trainer) -> TrainerState:
    """Copy the state of a trainer that has been set up and stands between two env steps or updates."""
    running = trainer.running
    arrays = {f"learner.{name}": array for name, array in trainer.learner.state_dict().items()}
    best = trainer.keeper.best
    arrays |= {f"best.{name}": array for name, array in (best.state.items() if best else ())}
    arrays |= trainer.memory.state()
    values = {
        "version": _VERSION,
        "config": trainer.config.to_dict(),
        "compute": trainer.learner.compute,
        "counters": {name: getattr(trainer, name) for name in _COUNTERS},
        "updates_left": trainer.updates_left,
        "phase": str(trainer.phase),
        "wall_time_s": trainer.stopwatch.seconds,
        "replay_cursor": trainer.replay.cursor,
        "averages": trainer.averages.state(),
        "best_eval": trainer.keeper.best_eval,
        "best": {"episode": best.episode, "env_step": best.env_step, "eval_return": best.eval_return} if best else None,
        "evaluations": trainer.evaluations_before if trainer.phase is Phase.EVALUATING else trainer.evaluator.played,
        "randomness": trainer.randomness.state(),
        "environment_generator": generator_state(trainer.environment) if running is None else None,
        "running": running.state() if running else None,
    }
    return TrainerState(arrays=arrays, values=values)


def take_over_counts(trainer: Trainer, state: TrainerState) -> None:
    """Count on from ``state``: a run that cannot be set up again has still done what it did."""
    if state.values.get("version") != _VERSION:
        return  # :func:`restore` will refuse it
    for name, value in state.values["counters"].items():
        setattr(trainer, name, value)
    trainer.stopwatch.restart(state.values["wall_time_s"])
    trainer.keeper.best_eval = state.values["best_eval"]


def changed_config(config: TrainingConfig, changes: Mapping[str, Any], counters: Mapping[str, Any]) -> TrainingConfig:
    """``config`` with ``changes`` for a run at ``counters``, with an exploration that goes on from where it stood.

    The exponential schedule depends on ``max_episodes``: another limit alone would throw epsilon back to what it was
    long ago. So its rate follows the limit, which leaves the curve over the episodes as it was; where the rate would
    leave its range, the start is lowered too. ``changes`` that name a setting of exploration are taken as they are.

    Raises
    ------
    ConfigError, ChangeRefusedError
        A change is not valid.
    """
    changed = config
    for name, value in changes.items():
        changed = changed.changed_live(name, value)
    is_told_otherwise = any(name.startswith("epsilon_") for name in changes)
    if changed.max_episodes == config.max_episodes or changed.epsilon_schedule != "episode_exponential":
        return changed
    return changed if is_told_otherwise else _with_same_curve(config, changed, counters["finished_episodes"])


def _with_same_curve(old: TrainingConfig, new: TrainingConfig, episode: int) -> TrainingConfig:
    """``new`` with an epsilon that falls over the episodes from ``episode`` on as it did with ``old``."""
    stood_at = epsilon_at(old, episode, 0)
    if math.isclose(stood_at, epsilon_at(new, episode, 0)):
        return new  # the first episode is still to come
    rate = old.epsilon_decay_rate * new.max_episodes / old.max_episodes
    highest = field_rule("epsilon_decay_rate").high or math.inf
    if rate <= highest:
        return new.replace(epsilon_decay_rate=rate)
    share = epsilon_at(new.replace(epsilon_decay_rate=highest, epsilon_start=1.0, epsilon_end=0.0), episode, 0)
    start = old.epsilon_end + (stood_at - old.epsilon_end) / share if share else old.epsilon_start
    return new.replace(epsilon_decay_rate=highest, epsilon_start=min(start, old.epsilon_start))


def restore(trainer: Trainer, state: TrainerState) -> bool:
    """Put a trainer that has just been set up into ``state``; False where its running episode has to begin anew.

    Raises
    ------
    RunFolderError
        The state is of another version of this program, or its arrays do not fit the trainer's network.
    """
    values = state.values
    if values.get("version") != _VERSION:
        template = mark("The checkpoint is of version {found}; this program reads version {known}.")
        raise RunFolderError(template, found=values.get("version"), known=_VERSION)
    trainer.learner.load_state_dict(_group(state.arrays, "learner."))
    trainer.keeper.restore(_best(state), values["best_eval"])
    trainer.memory.restore(state.arrays, values["replay_cursor"])
    take_over_counts(trainer, state)
    trainer.updates_left = values.get("updates_left", 0)  # not in checkpoints of earlier versions
    trainer.phase = Phase.TRAINING if values["phase"] == Phase.EVALUATING else Phase(values["phase"])
    trainer.averages.restore(values["averages"])
    trainer.evaluator.played = values["evaluations"]
    trainer.randomness.restore(values["randomness"])
    return _restore_episode(trainer, values)


def _restore_episode(trainer: Trainer, values: Mapping[str, Any]) -> bool:
    if values["running"] is None:
        set_generator_state(trainer.environment, values["environment_generator"])
        return True
    trainer.running = RunningEpisode.restored(trainer.environment, values["running"])
    if trainer.running is None:
        trainer.memory.window.clear()
        trainer.updates_left = 0
        if trainer.phase is not Phase.WARMUP:
            trainer.episode -= 1  # it begins anew, under the same number
    return trainer.running is not None


def _best(state: TrainerState) -> WeightsReady | None:
    """The best evaluation's state; None where there was none, or where an earlier version wrote the checkpoint."""
    place = state.values.get("best")
    return place and WeightsReady(kind="best", **place, state=_group(state.arrays, "best."))


def _group(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
