"""What of a run is worth keeping: states of its learner to look back at, checkpoints of its trainer to go on from.

Handed out as events, some of them as soon as they come about, others at the next heartbeat and no oftener than a disk
likes. Which episodes are kept depends on nothing but their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from dqn_core.events import (
    CheckpointKind,
    CheckpointReady,
    EpisodeEnded,
    EpisodeRecorded,
    SnapshotKind,
    WeightsReady,
)
from dqn_core.training.checkpoint_cadence import CheckpointCadence, pause_after
from dqn_core.training.log_events import best_recording, training_recording
from dqn_core.training.snapshots import thinning_interval
from dqn_core.training.trainer_state import capture

if TYPE_CHECKING:
    from dqn_core.training.running_episode import RunningEpisode
    from dqn_core.training.trainer import Trainer

__all__ = ["Keeper"]

_BETWEEN_WEIGHTS_S = 1.0

Clock = Callable[[], float]
Kept = TypeVar("Kept", WeightsReady, CheckpointReady)


class _Paced(Generic[Kept]):
    """The newest of what was put in; after one that is given out, none for ``pause_s`` of it (seconds of ``clock``)."""

    def __init__(self, clock: Clock, pause_s: Callable[[Kept], float]) -> None:
        self._clock = clock
        self._pause_s: Callable[[Kept], float] = pause_s
        self._newest: Kept | None = None
        self._due_at = -math.inf

    def put(self, kept: Kept) -> None:
        """Replace what was put in before."""
        self._newest = kept

    def take(self, *, at_once: bool = False) -> Iterator[Kept]:
        """What was put in, if it is new and its time has come."""
        if self._newest is not None and (at_once or self._clock() >= self._due_at):
            newest, self._newest = self._newest, None
            self._due_at = self._clock() + self._pause_s(newest)
            yield newest


class Keeper:
    """Keeps one trainer's good moments. ``clock`` gives seconds; it paces what is handed out, nothing else."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._new_best = _Paced[WeightsReady](clock, lambda _best: _BETWEEN_WEIGHTS_S)
        self._new_best_checkpoint = _Paced[CheckpointReady](
            clock, lambda checkpoint: pause_after(0.0, checkpoint.nbytes)
        )
        self._cadence = CheckpointCadence(clock)
        self.best: WeightsReady | None = None
        self.best_eval = math.nan
        self.good: WeightsReady | None = None
        """The last state known to be finite; None until there is a network."""

    def restore(self, best: WeightsReady | None, best_eval: float) -> None:
        """Go on from an earlier keeper's best; it is handed out again, for what was kept later may have replaced it."""
        self.best, self.best_eval = best, best_eval
        if best is not None:
            self._new_best.put(best)

    def keep_good(self, trainer: Trainer) -> None:
        """Remember the learner's state as the last good one, if all of it is finite."""
        state = trainer.learner.state_dict()
        if _is_finite(state):
            self.good = _snapshot(trainer, "last", state)

    # ------------------------------------------------------------------------------------------- handed out

    def before_first_episode(self, trainer: Trainer) -> Iterator[WeightsReady | CheckpointReady]:
        """The untrained network, and a checkpoint: from here on there always is one."""
        yield _snapshot(trainer, "kept", trainer.learner.state_dict())
        yield from self.checkpoint(trainer)

    def after_episode(
        self, trainer: Trainer, ended: EpisodeEnded, played: RunningEpisode, *, solved: bool
    ) -> Iterator[WeightsReady | EpisodeRecorded]:
        """The learner's state and the episode, if it is one of those kept; a best state is remembered for later.

        Of equally good evaluations the later counts, having learned more.
        """
        is_best = not ended.eval_return < self.best_eval and not math.isnan(ended.eval_return)
        if is_best and ended.eval_return != self.best_eval:
            yield from best_recording(trainer.evaluator, ended)
        if solved or is_best:
            self.best = _snapshot(trainer, "best", trainer.learner.state_dict(), ended.eval_return)
            self.best_eval = float(np.fmax(ended.eval_return, self.best_eval))
            self._new_best.put(self.best)
            for checkpoint in self.checkpoint(trainer, "best"):
                self._new_best_checkpoint.put(checkpoint)
        if ended.episode % thinning_interval(ended.episode) == 0:
            yield training_recording(played, ended)
            yield _snapshot(trainer, "kept", trainer.learner.state_dict(), ended.eval_return)

    def at_heartbeat(self, trainer: Trainer) -> Iterator[WeightsReady | CheckpointReady]:
        """What has become due."""
        yield from self._new_best.take()
        yield from self._new_best_checkpoint.take()
        if self._cadence.is_due:
            yield from self.checkpoint(trainer)

    def at_rest(self, trainer: Trainer) -> Iterator[WeightsReady | CheckpointReady]:
        """Everything, for the run stands still: the newest checkpoint and the best."""
        yield from self._new_best.take(at_once=True)
        yield from self._new_best_checkpoint.take(at_once=True)
        yield from self.checkpoint(trainer)

    def at_end(self, trainer: Trainer) -> Iterator[WeightsReady | CheckpointReady]:
        """Everything, and the learner's state as the last."""
        yield from self.at_rest(trainer)
        self.keep_good(trainer)
        if self.good is not None:
            yield self.good

    def after_failure(self) -> Iterator[WeightsReady | CheckpointReady]:
        """The best and the last good state; the trainer's own is worth nothing now."""
        yield from self._new_best.take(at_once=True)
        yield from self._new_best_checkpoint.take(at_once=True)
        if self.good is not None:
            yield self.good

    def checkpoint(self, trainer: Trainer, kind: CheckpointKind = "last") -> Iterator[CheckpointReady]:
        """A checkpoint of the trainer as it stands; none where not all is finite: a run would go on from it to fail."""
        making = _checkpoint(trainer, kind)
        yield from making if kind == "best" else self._cadence.timed(making)


def _snapshot(
    trainer: Trainer, kind: SnapshotKind, state: dict[str, np.ndarray], eval_return: float = math.nan
) -> WeightsReady:
    return WeightsReady(
        kind=kind, episode=trainer.episode, env_step=trainer.env_step, eval_return=eval_return, state=state
    )


def _checkpoint(trainer: Trainer, kind: CheckpointKind) -> Iterator[CheckpointReady]:
    state = capture(trainer)
    if _is_finite(state.arrays):
        yield CheckpointReady(
            kind=kind, episode=trainer.episode, env_step=trainer.env_step, arrays=state.arrays, values=state.values
        )


def _is_finite(state: Mapping[str, np.ndarray]) -> bool:
    return all(bool(np.isfinite(each).all()) for each in state.values())
