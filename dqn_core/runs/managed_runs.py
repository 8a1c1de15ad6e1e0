"""The runs of this server: those that are active, and the last few that ended."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from dqn_core.events import RunState
from dqn_core.runs.managed_run import ManagedRun
from dqn_core.runs.records import RunRecord

__all__ = ["ManagedRuns"]

_KEPT_ENDED = 8
"""Ended runs whose feeds stay in memory, for the viewers that look at their last frames."""


class ManagedRuns(Mapping[str, ManagedRun]):
    """By run id; any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for a few assignments only
        self._runs: dict[str, ManagedRun] = {}
        self._launches: Counter[str] = Counter()

    def __getitem__(self, run_id: str) -> ManagedRun:
        return self._runs[run_id]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._runs))

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, run: ManagedRun) -> None:
        """Take on a run, in place of what it was before if it goes on; old ones that ended are forgotten."""
        with self._lock:
            ended = [run_id for run_id, each in self._runs.items() if not each.is_at_work and each.feed.is_over]
            for run_id in ended[: max(0, len(ended) - _KEPT_ENDED)]:
                if not self._runs[run_id].feed.has_unstored:  # else the store does not have everything
                    del self._runs[run_id]
            self._runs[run.feed.run_id] = run
            self._launches[run.feed.run_id] += 1

    def discard(self, run_id: str) -> None:
        """Forget a run."""
        with self._lock:
            self._runs.pop(run_id, None)

    def launches(self, run_id: str) -> int:
        """How often the run was taken on."""
        return self._launches[run_id]

    def active_of(self, owner: str) -> int:
        """How many active runs ``owner`` has."""
        return sum(run.is_active and run.feed.record().owner == owner for run in self.snapshot())

    def paused_of(self, owner: str) -> int:
        """How many runs of ``owner`` are paused, and so keep their memory."""
        return sum(run.feed.state is RunState.PAUSED and run.feed.record().owner == owner for run in self.snapshot())

    def snapshot(self) -> list[ManagedRun]:
        """All of them at one moment."""
        with self._lock:
            return list(self._runs.values())

    def present(self, records: Iterable[RunRecord]) -> list[RunRecord]:
        """``records`` as they stand now, where the runs are of this server."""
        with self._lock:
            runs = dict(self._runs)
        return [runs[each.run_id].feed.record() if each.run_id in runs else each for each in records]
