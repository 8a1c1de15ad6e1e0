"""Whole runs as columns of numbers, for whoever compares them; what was read once is kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.analysis.run_data import RunData
from dqn_core.events import EndReason
from dqn_core.runs.records import RunRecord
from dqn_core.runs.store import RunStore

__all__ = ["RunReader"]

_KEPT_ROWS = 1_500_000
"""Episodes kept in memory in all, at 72 bytes each; beyond, what was not asked for the longest goes first."""


class RunReader:
    """Reads runs from the store, of a run that was read before only what is new; any thread may call any method.

    Reading takes a database's time: not for an event loop.
    """

    def __init__(self, store: RunStore, kept_rows: int = _KEPT_ROWS) -> None:
        self._store = store
        self._kept_rows = kept_rows
        self._lock = threading.Lock()
        self._tables: OrderedDict[str, EpisodeTable] = OrderedDict()

    def read(self, records: Sequence[RunRecord]) -> list[RunData]:
        """The runs of ``records`` with all that is stored of them now. Raises StoreError where the database fails."""
        return [self._run(record) for record in records]

    def _run(self, record: RunRecord) -> RunData:
        changes = tuple(self._store.changes(record.run_id))
        return RunData(
            run_id=record.run_id,
            name=record.name,
            started_at=record.started_at,
            config=record.initial_config,
            episodes=self._episodes(record.run_id),
            changes=changes,
            is_altered=bool(changes or record.started_from) or record.config != record.initial_config,
            is_solved=record.reason is EndReason.SOLVED,
            is_active=record.state.is_active,
        )

    def _episodes(self, run_id: str) -> EpisodeTable:
        with self._lock:
            known = self._tables.pop(run_id, None)
        table = self._fresh(run_id, known)
        with self._lock:
            self._tables[run_id] = table
            rows = sum(map(len, self._tables.values()))
            while rows > self._kept_rows and len(self._tables) > 1:
                rows -= len(self._tables.popitem(last=False)[1])
        return table

    def _fresh(self, run_id: str, known: EpisodeTable | None) -> EpisodeTable:
        """``known`` and what came after it.

        The last row known is read again: where it is another now, the run went on from a checkpoint and logged anew.
        """
        if known is not None and len(known):
            columns = self._store.episode_columns(run_id, COLUMNS, after=len(known) - 1)
            last = np.array([known[name][-1] for name in COLUMNS])
            if columns.shape[1] and np.array_equal(columns[:, 0], last, equal_nan=True):
                return known.extended(_table(columns[:, 1:])) if columns.shape[1] > 1 else known
        return _table(self._store.episode_columns(run_id, COLUMNS))


def _table(columns: np.ndarray) -> EpisodeTable:
    return EpisodeTable.from_columns(dict(zip(COLUMNS, columns, strict=True)))
