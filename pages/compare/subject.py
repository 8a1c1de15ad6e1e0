"""The runs of one query, read, grouped and named: what every answer about them begins with."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dqn_core.analysis.comparison import ChangeMark, GroupLine, RunLine, change_marks, compared
from dqn_core.analysis.run_data import RunGroup, group_runs
from dqn_core.errors import UnknownRunError
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.run_reader import RunReader
from pages.compare.query import Query
from pages.compare.words import Words
from pages.shared.texts.run_names import run_name

if TYPE_CHECKING:
    from pages.compare.charts import Drawing

__all__ = ["Subject"]


class Subject:
    """The runs of ``query`` as they stand now. Reads the database: not for an event loop."""

    def __init__(self, query: Query, manager: RunManager, reader: RunReader) -> None:
        self.query = query
        self.words = Words(query.language)
        self.records: dict[str, RunRecord] = {}
        self.missing: list[str] = []
        """Ids that no run has: the run was deleted, or the address was mistyped."""
        for run_id in query.run_ids:
            try:
                self.records[run_id] = manager.snapshot(run_id).record
            except UnknownRunError:
                self.missing.append(run_id)
        named = [replace(each, name=run_name(each, self.words.say)) for each in self.records.values()]
        self.groups: Sequence[RunGroup] = group_runs(reader.read(named))

    @property
    def is_active(self) -> bool:
        """Whether any run may still change."""
        return any(record.state.is_active for record in self.records.values())

    @functools.cached_property
    def version(self) -> str:
        """The same as long as there is nothing new to show."""
        rows = [
            (run.run_id, run.name, len(run.episodes), run.episodes["wall_time_s"][-1:].tolist(), len(run.changes))
            for group in self.groups
            for run in group.all_runs
        ]
        states = sorted((record.run_id, str(record.state)) for record in self.records.values())
        return hashlib.sha256(repr((rows, states, sorted(self.missing))).encode()).hexdigest()[:16]

    @functools.cached_property
    def names(self) -> list[str]:
        """What tells each group from the others."""
        return self.words.group_names(self.groups)

    @functools.cached_property
    def lines(self) -> tuple[list[GroupLine], list[RunLine]]:
        """What is drawn."""
        return compared(self.groups, self.query.choices)

    def drawing(self) -> Drawing:
        """Everything that the figure needs."""
        from pages.compare.charts import Drawing  # plotly takes a second to import

        bands, runs = self.lines
        choices = self.query.choices
        texts = self.words.figure_texts(self.names, choices)
        return Drawing(bands=bands, runs=runs, marks=self._marks(runs), choices=choices, texts=texts)

    def _marks(self, runs: Sequence[RunLine]) -> Mapping[str, list[tuple[ChangeMark, str]]]:
        return {
            line.run.run_id: [
                (each, self.words.change(each.event)) for each in change_marks(line, self.query.choices.x)
            ]
            for line in runs
        }
