"""A run's episodes as columns of numbers, and the curves in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dqn_core.events import EpisodeEnded

__all__ = ["COLUMNS", "Curve", "EpisodeTable", "FloatArray"]

FloatArray = NDArray[np.float64]

COLUMNS = ("episode", "env_step", "wall_time_s", "episode_return", "length", "loss_mean", "q_mean", "epsilon",
           "eval_return", "shaped_return")  # fmt: skip
"""Columns of a table: the fields of :class:`~dqn_core.events.EpisodeEnded` that are curves or axes."""


@dataclass(frozen=True)
class Curve:
    """Points of one line, ``x`` ascending, without NaN; both [P]."""

    x: FloatArray
    y: FloatArray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class EpisodeTable:
    """The episodes of one run, ascending; each column is [N] float64, NaN where there is no value.

    However the episodes came, in whatever order and portions, the table of the same ones is the same.
    """

    columns: Mapping[str, FloatArray]

    @classmethod
    def of(cls, episodes: Iterable[EpisodeEnded]) -> Self:
        """The table of ``episodes``."""
        rows = np.array([[getattr(each, name) for name in COLUMNS] for each in episodes], dtype=np.float64)
        return cls.from_columns(dict(zip(COLUMNS, rows.reshape(-1, len(COLUMNS)).T, strict=True)))

    @classmethod
    def from_columns(cls, columns: Mapping[str, Iterable[float]]) -> Self:
        """The table of whatever holds numbers by column name: a DataFrame, say; an episode given twice counts once.

        A column that is not there has no values: logs of earlier versions have fewer.
        """
        absent = np.full(len(np.asarray(columns["episode"])), np.nan)
        arrays = {name: np.asarray(columns.get(name, absent), dtype=np.float64) for name in COLUMNS}
        _, order = np.unique(arrays["episode"], return_index=True)
        if len(order) == len(arrays["episode"]) and bool(np.all(np.diff(order) > 0)):
            return cls(arrays)
        return cls({name: array[order] for name, array in arrays.items()})

    def extended(self, more: EpisodeTable) -> EpisodeTable:
        """This table and ``more`` in one."""
        return EpisodeTable.from_columns(
            {name: np.concatenate([self.columns[name], more.columns[name]]) for name in COLUMNS}
        )

    def __len__(self) -> int:
        return len(self.columns["episode"])

    def __getitem__(self, name: str) -> FloatArray:
        return self.columns[name]

    def curve(self, x: str, y: str) -> Curve:
        """Column ``y`` over column ``x``, without the episodes that have no value."""
        has_value = np.isfinite(self[y])
        return Curve(self[x][has_value], self[y][has_value])
