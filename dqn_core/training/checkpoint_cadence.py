"""How often a running trainer leaves a checkpoint: often where one is cheap, seldom where it costs.

What lies between a crash and the last checkpoint has to be trained again. Only *when* a checkpoint is made depends on
the clock, and making one changes nothing, so a run's result does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dqn_core.events import CheckpointReady

__all__ = ["CheckpointCadence", "pause_after"]

_SHORTEST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0
_LARGEST_SHARE = 0.02
"""Of a run's time."""
_BYTES_PER_S = 1e6
"""Of a run to its disk, over time; it also bounds what a worker process, which does not see the writing, hands over."""


class CheckpointCadence:
    """Says when a checkpoint is due: the first at once, so that there is one to go on from. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due_at = clock()

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next."""
        return self._clock() >= self._due_at

    def timed(self, making: Iterator[CheckpointReady]) -> Iterator[CheckpointReady]:
        """What ``making`` gives; what that and its keeping took decides when the next checkpoint is due."""
        began, size = self._clock(), 0
        for checkpoint in making:
            yield checkpoint
            size += checkpoint.nbytes
        now = self._clock()
        self._due_at = now + pause_after(now - began, size)


def pause_after(seconds: float, size: int) -> float:
    """Seconds to the next checkpoint after one of ``size`` bytes that took ``seconds`` to make and keep."""
    wanted = max(seconds / _LARGEST_SHARE, size / _BYTES_PER_S)
    return min(max(wanted, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)
