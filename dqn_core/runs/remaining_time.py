"""How long a run will still take, from how fast it went lately."""

from __future__ import annotations

from collections import deque

from dqn_core.config import TrainingConfig

__all__ = ["RemainingTime", "done_fraction"]

_SAMPLE_EVERY_S = 0.5
_WINDOW_S = 30.0
"""The rate is that of the last 30 seconds: episodes get longer (or shorter) as an agent learns."""


def done_fraction(config: TrainingConfig, episodes: int, env_steps: int) -> float:
    """Done share of the episodes or env steps allowed, whichever is nearer its end; 0 to 1."""
    done = episodes / config.max_episodes
    if config.max_env_steps is not None:
        done = max(done, env_steps / config.max_env_steps)
    return min(1.0, done)


class RemainingTime:
    """Feed it the done fraction as it grows; ask it for the seconds that remain."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self._latest = (0.0, 0.0)

    def add(self, wall_time_s: float, fraction: float) -> None:
        """``fraction`` (0 to 1) of the run was done after ``wall_time_s`` seconds of training."""
        self._latest = (wall_time_s, fraction)
        if not self._samples or wall_time_s - self._samples[-1][0] >= _SAMPLE_EVERY_S:
            self._samples.append(self._latest)
        while len(self._samples) > 1 and self._samples[1][0] <= wall_time_s - _WINDOW_S:
            self._samples.popleft()

    @property
    def seconds(self) -> float | None:
        """Seconds of training that remain at the recent rate; None while nothing is known of it."""
        if not self._samples:
            return None
        (since, before), (now, done) = self._samples[0], self._latest
        if now - since < _SAMPLE_EVERY_S or done <= before:
            return None
        return (1.0 - done) * (now - since) / (done - before)
