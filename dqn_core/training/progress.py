"""Small accounts that a trainer keeps: time, and an episode's means."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

from dqn_core.algorithm.learner import UpdateStatistics
from dqn_core.errors import DivergenceError, mark

__all__ = ["EpisodeAverages", "Stopwatch"]

_RATE_WINDOW_S = 1.0


class Stopwatch:
    """Seconds of training without the pauses, and a rate over the last second; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._paused_at: float | None = None
        self._marks: deque[tuple[float, int]] = deque()
        self.restart()

    def restart(self, seconds: float = 0.0) -> None:
        """Begin at ``seconds`` now."""
        self._started_at = self._clock() - seconds

    @property
    def seconds(self) -> float:
        """Seconds so far, pauses left out."""
        return (self._clock() if self._paused_at is None else self._paused_at) - self._started_at

    def pause(self) -> None:
        """Stand still until :meth:`resume`."""
        self._paused_at = self._clock()

    def resume(self) -> None:
        """Go on; the time since :meth:`pause` does not count."""
        if self._paused_at is not None:
            self._started_at += self._clock() - self._paused_at
            self._paused_at = None

    def rate(self, count: int) -> float:
        """How much ``count`` grew a second, over about the last second."""
        now = self.seconds
        self._marks.append((now, count))
        while len(self._marks) > 2 and now - self._marks[1][0] >= _RATE_WINDOW_S:  # noqa: PLR2004  two ends
            self._marks.popleft()
        then, old = self._marks[0]
        return (count - old) / (now - then) if now > then else 0.0


class EpisodeAverages:
    """Means over an episode's updates, from the learner's statistics taken piece by piece."""

    def __init__(self) -> None:
        self._updates, self._loss_sum, self._q_sum = 0, 0.0, 0.0

    def add(self, statistics: UpdateStatistics, update: int) -> None:
        """Count the updates of ``statistics``, up to the run's ``update``, in.

        Raises
        ------
        DivergenceError
            Their loss is not finite.
        """
        if statistics.updates:
            self._updates += statistics.updates
            self._loss_sum += statistics.updates * statistics.loss_mean
            self._q_sum += statistics.updates * statistics.q_mean
            if not math.isfinite(statistics.loss_mean):
                template = mark(
                    "The loss became {loss} at update {updates}: training diverged. The last good weights are kept. "
                    "Try a smaller learning rate, gradient clipping or the Huber loss: start anew, or go on from the "
                    "last good checkpoint with Resume."
                )
                raise DivergenceError(template, loss=statistics.loss_mean, updates=update)

    def take(self) -> tuple[float, float]:
        """(mean loss, mean Q) since last taken; NaN where there was no update."""
        updates = self._updates or math.nan
        means = self._loss_sum / updates, self._q_sum / updates
        self.restore((0, 0.0, 0.0))
        return means

    def state(self) -> tuple[int, float, float]:
        """(updates, sum of losses, sum of Q) since last taken."""
        return self._updates, self._loss_sum, self._q_sum

    def restore(self, state: Sequence[float]) -> None:
        """Go on from :meth:`state`."""
        updates, self._loss_sum, self._q_sum = state
        self._updates = int(updates)
