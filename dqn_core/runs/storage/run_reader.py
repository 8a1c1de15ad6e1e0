"""Whole runs as columns of numbers, for whoever compares them; what was read once is kept."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cachetools import LRUCache

from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.analysis.run_data import RunData
from dqn_core.events import EndReason, HyperparametersChanged
from dqn_core.json_text import nan_if_none
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore

__all__ = ["RunReader"]

_KEPT_ROWS = 1_500_000
"""Episodes kept in memory in all, at 72 bytes each; beyond, what was not asked for the longest goes first."""
_MOST_ROWS = 2_000_000
"""Episodes of all runs that are read together; where there are more, every n-th of the long ones is."""


@dataclass(frozen=True)
class _Kept:
    """What was read of a run, and as of when."""

    stamp: tuple[object, ...]
    table: EpisodeTable
    changes: tuple[HyperparametersChanged, ...]
    every: int = 1

    def is_all(self, record: RunRecord) -> bool:
        """Whether the run of ``record`` is over and nothing came since."""
        is_whole = self.every > 1 or len(self.table) == record.episodes
        return is_whole and not record.state.is_active and self.stamp == _stamp(record)


class RunReader:
    """Reads runs from the store, of a run that was read before only what is new; any thread may call any method.

    Reading takes a database's time: not for an event loop.
    """

    def __init__(self, store: RunStore, kept_rows: int = _KEPT_ROWS, most_rows: int = _MOST_ROWS) -> None:
        self._store = store
        self._most_rows = most_rows
        self._lock = threading.Lock()
        self._runs: LRUCache[str, _Kept] = LRUCache(kept_rows, getsizeof=lambda kept: len(kept.table))

    def read(self, records: Sequence[RunRecord]) -> list[RunData]:
        """The runs of ``records`` with all that is stored of them now. Raises StoreError where the database fails.

        Where that were more rows than may be read together, of a long run every n-th is read.
        """
        share = max(1, self._most_rows // max(1, len(records)))
        return [self._run(record, _stride(record.episodes, share)) for record in records]

    def _run(self, record: RunRecord, every: int) -> RunData:
        kept = self._newest(record, every)
        return RunData(
            run_id=record.run_id,
            name=record.name,
            started_at=record.started_at,
            config=record.initial_config,
            episodes=kept.table,
            changes=kept.changes,
            is_altered=bool(kept.changes or record.started_from) or record.config != record.initial_config,
            is_solved=record.reason is EndReason.SOLVED,
            is_active=record.state.is_active,
            every=every,
            best_eval=nan_if_none(record.best_eval) if every > 1 else math.nan,
        )

    def _newest(self, record: RunRecord, every: int) -> _Kept:
        run_id = record.run_id
        with self._lock:
            known = self._runs.pop(run_id, None)
        if known is not None and known.every != every:
            known = None
        if known is None or not known.is_all(record):
            table = (
                self._thinned(run_id, every) if every > 1 else self._episodes(run_id, known.table if known else None)
            )
            known = _Kept(_stamp(record), table, tuple(self._store.changes(run_id)), every)
        with self._lock:
            if len(known.table) <= self._runs.maxsize:
                self._runs[run_id] = known
        return known

    def _thinned(self, run_id: str, every: int) -> EpisodeTable:
        return _table(self._store.episode_columns(run_id, COLUMNS, every=every))

    def _episodes(self, run_id: str, known: EpisodeTable | None) -> EpisodeTable:
        """``known`` and what came after it.

        The last row known is read again: where it is another now, the run went on from a checkpoint and logged anew.
        """
        if known is not None and len(known):
            columns = self._store.episode_columns(run_id, COLUMNS, after=len(known) - 1)
            last = np.array([known[name][-1] for name in COLUMNS])
            if columns.shape[1] and np.array_equal(columns[:, 0], last, equal_nan=True):
                return known.extended(_table(columns[:, 1:])) if columns.shape[1] > 1 else known
        return _table(self._store.episode_columns(run_id, COLUMNS))


def _stride(episodes: int, share: int) -> int:
    """1, or the power of two that makes at most ``share`` of so many episodes: the same for long while a run grows."""
    return 1 << max(0, math.ceil(math.log2(episodes / share))) if episodes > share else 1


def _stamp(record: RunRecord) -> tuple[object, ...]:
    return (record.state, record.episodes, record.env_steps, record.wall_time_s)


def _table(columns: np.ndarray) -> EpisodeTable:
    return EpisodeTable.from_columns(dict(zip(COLUMNS, columns, strict=True)))
