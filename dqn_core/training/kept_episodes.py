"""What a run leaves along its way to look back at, gathered so that the disk is asked seldom.

A run may end a thousand episodes a second, and each file costs it about a millisecond. Of those gathered between two
writings, what thinning would take away again is never written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from dqn_core.episodes.recordings import write_recordings
from dqn_core.events import EpisodeRecorded, WeightsReady
from dqn_core.training.snapshots import thinning_interval, write_snapshots

__all__ = ["KeptEpisodes"]

_MOST_BYTES = 8 * 2**20

Kept = TypeVar("Kept")


class KeptEpisodes:
    """Snapshots of kind "kept" and recordings of training episodes, on their way into a run's folder."""

    def __init__(self) -> None:
        self._snapshots: dict[int, WeightsReady] = {}
        self._recordings: dict[int, EpisodeRecorded] = {}
        self._interval = 1

    def __bool__(self) -> bool:
        return bool(self._snapshots or self._recordings)

    @property
    def is_full(self) -> bool:
        """Whether they take more memory than they should."""
        newest = next(reversed(self._snapshots.values()), None)  # all of one network, so all of one size
        return newest is not None and len(self._snapshots) * newest.nbytes > _MOST_BYTES

    def add(self, event: WeightsReady | EpisodeRecorded) -> None:
        """Gather one more; earlier ones that thinning takes away by now are let go."""
        if isinstance(event, WeightsReady):
            self._snapshots[event.episode] = event
        else:
            self._recordings[event.episode] = event
        interval = thinning_interval(event.episode)
        if interval != self._interval:
            self._interval = interval
            self._snapshots = _multiples(self._snapshots, interval)
            self._recordings = _multiples(self._recordings, interval)

    def write(self, folder: Path) -> None:
        """Write all of them into a run's folder; what the disk does not take (OSError) stays here."""
        write_snapshots(folder, tuple(self._snapshots.values()))
        self._snapshots = {}
        write_recordings(folder, tuple(self._recordings.values()))
        self._recordings = {}

    def let_go_of_all_but_newest(self) -> None:
        """A disk may stay full for days."""
        self._snapshots = dict(list(self._snapshots.items())[-1:])
        self._recordings = dict(list(self._recordings.items())[-1:])


def _multiples(kept: dict[int, Kept], interval: int) -> dict[int, Kept]:
    return {episode: each for episode, each in kept.items() if episode % interval == 0}
