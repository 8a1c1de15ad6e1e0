"""Small accounts that a trainer keeps: time, an episode's means, the weights worth keeping."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dqn_core.algorithm.learner import UpdateStatistics
from dqn_core.events import WeightsReady

__all__ = ["EpisodeAverages", "Stopwatch", "WeightsKeeper"]

_RATE_WINDOW_S = 1.0
_BETWEEN_WEIGHTS_S = 1.0


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

    def add(self, statistics: UpdateStatistics) -> None:
        """Count the updates of ``statistics`` in."""
        if statistics.updates:
            self._updates += statistics.updates
            self._loss_sum += statistics.updates * statistics.loss_mean
            self._q_sum += statistics.updates * statistics.q_mean

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


class WeightsKeeper:
    """The best weights by evaluation, handed out at most once a second, and the last ones known to be finite."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pending: WeightsReady | None = None
        self._next_at = -math.inf
        self.best_eval = math.nan
        self.good: dict[str, np.ndarray] = {}

    def keep_good(self, weights: dict[str, np.ndarray]) -> None:
        """Remember ``weights`` as the last good ones, if all are finite."""
        if all(np.isfinite(each).all() for each in weights.values()):
            self.good = weights

    def is_best(self, eval_return: float) -> bool:
        """Whether ``eval_return`` is at least the best so far; of equals the later counts, having learned more."""
        return math.isnan(self.best_eval) or eval_return >= self.best_eval

    def keep_best(self, weights: dict[str, np.ndarray], eval_return: float, episode: int, env_step: int) -> None:
        """Remember ``weights`` as the best."""
        self.best_eval = max(eval_return, -math.inf if math.isnan(self.best_eval) else self.best_eval)
        self._pending = WeightsReady(
            kind="best", episode=episode, env_step=env_step, eval_return=eval_return, weights=weights
        )

    def restore(self, good: dict[str, np.ndarray], best_eval: float) -> None:
        """Go on from an earlier keeper's good weights and best evaluation."""
        self.good, self.best_eval = good, best_eval

    def hand_out(self) -> Iterator[WeightsReady]:
        """The best weights, if they are new and the last were handed out a second ago or longer."""
        if self._pending is not None and self._clock() >= self._next_at:
            self._next_at = self._clock() + _BETWEEN_WEIGHTS_S
            pending, self._pending = self._pending, None
            yield pending

    def close(self, last: dict[str, np.ndarray] | None, episode: int, env_step: int) -> Iterator[WeightsReady]:
        """The best weights, if not handed out yet, and the last: ``last``, or the last good ones where that is None."""
        self._next_at = -math.inf
        yield from self.hand_out()
        weights = self.good if last is None else last
        yield WeightsReady(kind="last", episode=episode, env_step=env_step, eval_return=math.nan, weights=weights)
