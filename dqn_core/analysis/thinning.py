"""Fewer points for the screen alone: what is drawn keeps every extreme; what is downloaded is whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dqn_core.analysis.episode_table import Curve, FloatArray

__all__ = ["thinned", "within"]


def thinned(curve: Curve, limit: int) -> Curve:
    """At most about ``limit`` points of ``curve``: the lowest and the highest in each of ``limit / 2`` parts of x.

    The first and the last point stay as well.
    """
    if len(curve) <= limit:
        return curve
    x, y = curve.x, curve.y
    parts = max(1, limit // 2)
    part = np.minimum(((x - x[0]) * (parts / (x[-1] - x[0] or 1.0))).astype(np.int64), parts - 1)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    kept = np.unique(np.concatenate([[0], _first(y, part, starts, np.minimum), _first(y, part, starts, np.maximum),
                                     [len(x) - 1]]))  # fmt: skip
    return Curve(x[kept], y[kept])


def within(curve: Curve, low: float, high: float) -> Curve:
    """The points from ``low`` to ``high`` and one more on either side, so that a line runs out of the view."""
    first = max(0, int(np.searchsorted(curve.x, low)) - 1)
    end = int(np.searchsorted(curve.x, high, side="right")) + 1
    return Curve(curve.x[first:end], curve.y[first:end])


def _first(y: FloatArray, part: NDArray[np.int64], starts: NDArray[np.int64], extreme: np.ufunc) -> NDArray[np.int64]:
    """Index of each part's extreme value; of equal ones, the first."""
    extremes = extreme.reduceat(y, starts)
    lengths = np.diff(starts, append=len(y))
    found = np.flatnonzero(y == np.repeat(extremes, lengths))
    return found[np.diff(part[found], prepend=-1) > 0]
