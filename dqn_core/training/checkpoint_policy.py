"""Which checkpoints and snapshots a run makes, and when: as events, for whoever writes them.

Which episodes a snapshot is taken after depends on their numbers alone. Only *when* a checkpoint is made depends on the
clock, and making one changes nothing, so a run's result does not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

import numpy as np

from dqn_core.algorithm.episode import Episode
from dqn_core.algorithm.training_state import TrainingState
from dqn_core.events import (
    CheckpointKind,
    CheckpointReady,
    EpisodeEnded,
    EpisodeRecorded,
    RecordingKind,
    SnapshotKind,
    WeightsReady,
)
from dqn_core.training.bookkeeping import Bookkeeping
from dqn_core.training.checkpoint import CHECKPOINT_VERSION
from dqn_core.training.snapshots import thinning_interval

__all__ = ["CheckpointCadence", "CheckpointPolicy", "pause_after"]

_BETWEEN_BEST_S = 1.0
"""Between two snapshots of new best evaluations."""
_SHORTEST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0
_LARGEST_SHARE = 0.02
"""Of a run's time that its checkpoints may take."""
_BYTES_PER_S = 1e6
"""Of a run to its disk, over time; it also bounds what a worker process, which does not see the writing, hands over."""

Clock = Callable[[], float]
Held = TypeVar("Held", WeightsReady, CheckpointReady)


class CheckpointPolicy:
    """Decides for one run; ``clock`` gives seconds."""

    def __init__(self, state: TrainingState, books: Bookkeeping, clock: Clock) -> None:
        self._state = state
        self._books = books
        self._best = _RateLimited[WeightsReady](clock, lambda _best: _BETWEEN_BEST_S)
        self._best_checkpoint = _RateLimited[CheckpointReady](clock, lambda each: pause_after(0.0, each.nbytes))
        self._cadence = CheckpointCadence(clock)
        self.last_finite: WeightsReady | None = None
        """The last state of the learner known to be finite; None until there is a network."""

    def after_restoring(self) -> None:
        """The best that was restored is due again: the run folder may hold one from after the checkpoint."""
        if self._books.best is not None:
            self._best.put(self._books.best)

    def remember_if_finite(self) -> None:
        """Remember the learner's state, if all of it is finite, as what is left of the run should it diverge."""
        state = self._state.learner.state_dict()
        if _is_finite(state):
            self.last_finite = self._snapshot("last", state)

    # ------------------------------------------------------------------------------------------------ when due

    def after_warm_up(self) -> Iterator[WeightsReady | CheckpointReady]:
        """The untrained network, and a checkpoint: from here on there always is one."""
        yield self._snapshot("kept")
        yield from self.checkpoint()

    def after_episode(
        self, ended: EpisodeEnded, played: Episode, *, solved: bool
    ) -> Iterator[WeightsReady | EpisodeRecorded]:
        """A snapshot and a recording, if the episode is one of those kept; a best state is held until its time.

        Of equally good evaluations the later counts, having learned more.
        """
        books = self._books
        is_best = not ended.eval_return < books.best_eval and not math.isnan(ended.eval_return)
        if is_best and ended.eval_return != books.best_eval:
            yield from self._best_recording(ended)
        if solved or is_best:
            books.best = self._snapshot("best", eval_return=ended.eval_return, best=books.evaluator.best)
            books.best_eval = float(np.fmax(ended.eval_return, books.best_eval))
            self._best.put(books.best)
            for checkpoint in self.checkpoint("best"):
                self._best_checkpoint.put(checkpoint)
        if ended.episode % thinning_interval(ended.episode) == 0:
            yield _recording("training", played, ended)
            yield self._snapshot("kept", eval_return=ended.eval_return)

    def at_heartbeat(self) -> Iterator[WeightsReady | CheckpointReady]:
        """What is due by now."""
        yield from self._best.take()
        yield from self._best_checkpoint.take()
        if self._cadence.is_due:
            yield from self.checkpoint()

    def at_pause(self) -> Iterator[WeightsReady | CheckpointReady]:
        """Everything, due or not: the newest checkpoint and the best."""
        yield from self._held_best()
        yield from self.checkpoint()

    def at_end(self) -> Iterator[WeightsReady | CheckpointReady]:
        """Everything, and the learner's state as the last."""
        yield from self.at_pause()
        self.remember_if_finite()
        yield from self._last_finite()

    def after_failure(self) -> Iterator[WeightsReady | CheckpointReady]:
        """The best and the last finite state; the present one is worth nothing."""
        yield from self._held_best()
        yield from self._last_finite()

    def checkpoint(self, kind: CheckpointKind = "last") -> Iterator[CheckpointReady]:
        """A checkpoint of the run as it stands; none where not all is finite: a run would go on from it to fail."""
        yield from self._capture(kind) if kind == "best" else self._cadence.timed(self._capture(kind))

    # --------------------------------------------------------------------------------------------------- parts

    def _held_best(self) -> Iterator[WeightsReady | CheckpointReady]:
        yield from self._best.take(at_once=True)
        yield from self._best_checkpoint.take(at_once=True)

    def _last_finite(self) -> Iterator[WeightsReady]:
        if self.last_finite is not None:
            yield self.last_finite

    def _snapshot(
        self,
        kind: SnapshotKind,
        learner: dict[str, np.ndarray] | None = None,
        eval_return: float = math.nan,
        best: Episode | None = None,
    ) -> WeightsReady:
        """The learner's state now, or ``learner``; ``best`` is the best episode of the evaluation that it had."""
        state = self._state
        return WeightsReady(
            kind=kind,
            episode=state.episode,
            env_step=state.env_step,
            eval_return=eval_return,
            state=state.learner.state_dict() if learner is None else learner,
            best_seed=None if best is None else best.seed,
        )

    def _capture(self, kind: CheckpointKind) -> Iterator[CheckpointReady]:
        state, books = self._state, self._books
        arrays = state.arrays() | books.arrays()
        if _is_finite(arrays):
            values = {"version": CHECKPOINT_VERSION, "phase": str(books.phase(state)), **state.values()}
            yield CheckpointReady(
                kind=kind, episode=state.episode, env_step=state.env_step, arrays=arrays, values=values | books.values()
            )

    def _best_recording(self, ended: EpisodeEnded) -> Iterator[EpisodeRecorded]:
        """The first episode of the evaluation that followed ``ended``, if this trainer played it."""
        if self._books.evaluator.first is not None:
            yield _recording("best", self._books.evaluator.first, ended)


class CheckpointCadence:
    """When a checkpoint is due: often where one is cheap, seldom where it costs, and the first at once.

    What lies between a crash and the last checkpoint has to be trained again. ``clock`` gives seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_at = clock()

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next."""
        return self._clock() >= self._due_at

    def timed(self, making: Iterator[CheckpointReady]) -> Iterator[CheckpointReady]:
        """What ``making`` gives; what making and writing it took decides when the next checkpoint is due."""
        began, size = self._clock(), 0
        for checkpoint in making:
            yield checkpoint
            size += checkpoint.nbytes
        now = self._clock()
        self._due_at = now + pause_after(now - began, size)


def pause_after(seconds: float, size: int) -> float:
    """Seconds to the next checkpoint after one of ``size`` bytes that took ``seconds`` to make and write."""
    wanted = max(seconds / _LARGEST_SHARE, size / _BYTES_PER_S)
    return min(max(wanted, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)


class _RateLimited(Generic[Held]):
    """Holds the newest of what was put in; after one that is taken, none for ``pause_s`` of it (seconds)."""

    def __init__(self, clock: Clock, pause_s: Callable[[Held], float]) -> None:
        self._clock = clock
        self._pause_s: Callable[[Held], float] = pause_s
        self._newest: Held | None = None
        self._due_at = -math.inf

    def put(self, held: Held) -> None:
        """Replace what was put in before."""
        self._newest = held

    def take(self, *, at_once: bool = False) -> Iterator[Held]:
        """What was put in, if it is new and due."""
        if self._newest is not None and (at_once or self._clock() >= self._due_at):
            newest, self._newest = self._newest, None
            self._due_at = self._clock() + self._pause_s(newest)
            yield newest


def _recording(kind: RecordingKind, played: Episode, ended: EpisodeEnded) -> EpisodeRecorded:
    return EpisodeRecorded(
        kind=kind,
        episode=ended.episode,
        env_step=ended.env_step,
        episode_return=played.episode_return,
        eval_return=ended.eval_return,
        seed=played.seed,
        generator=played.generator,
        actions=tuple(played.actions),
        env_kwargs=played.env_kwargs,
    )


def _is_finite(arrays: Mapping[str, np.ndarray]) -> bool:
    return all(bool(np.isfinite(each).all()) for each in arrays.values() if each.dtype.kind == "f")
