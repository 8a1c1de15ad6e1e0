"""Mean and band of runs' curves over env steps.

Runs are compared where they have seen equally much, so each curve is brought onto a common grid of env steps, by
straight lines between its points. (Averaged by episode number, a good run's long episodes would meet a bad run's
short ones.) A curve has no value before its first point and after its last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dqn_core.analysis.bootstrap import bootstrap_interval
from dqn_core.analysis.episode_table import Curve, FloatArray

__all__ = ["GRID_POINTS", "Band", "band", "common_grid", "interpolated", "thinned", "wilson_interval", "within"]

GRID_POINTS = 500
"""Points of a grid at most."""


@dataclass(frozen=True)
class Band:
    """Mean and interval of several curves at each point of a grid; all [G]."""

    x: FloatArray
    mean: FloatArray
    low: FloatArray
    """Ends of the 95 % bootstrap interval of the mean; NaN where ``n`` is 1, or it was not asked for."""
    high: FloatArray
    n: NDArray[np.int64]
    """Curves that reach there."""


def common_grid(curves: Sequence[Curve], points: int = GRID_POINTS) -> FloatArray:
    """Round env steps from where the first of ``curves`` begins to where the last one ends; [G], at most ``points``.

    The distance is 1, 2 or 5 times a power of ten, so that a grid that grows with its runs keeps its points until
    they lie twice as far apart.
    """
    known = [curve for curve in curves if len(curve)]
    if not known:
        return np.empty(0)
    start, end = min(curve.x[0] for curve in known), max(curve.x[-1] for curve in known)
    step = _round_up((end - start) / max(1, points - 2))
    first, last = math.ceil(start / step), math.floor(end / step)
    inner: FloatArray = np.arange(first, last + 1, dtype=np.float64) * step
    return np.unique(np.concatenate([[start], inner, [end]]))


def interpolated(curve: Curve, grid: FloatArray) -> FloatArray:
    """Values of ``curve`` at ``grid`` by straight lines; NaN outside of it; [G]."""
    if len(curve) == 0:
        return np.full(len(grid), np.nan)
    values: FloatArray = np.interp(grid, curve.x, curve.y, left=np.nan, right=np.nan)
    return values


def band(
    curves: Sequence[Curve], grid: FloatArray, *, beyond_shortest: bool = False, has_interval: bool = True
) -> Band:
    """Mean and, where ``has_interval``, 95 % bootstrap interval of ``curves`` at ``grid``.

    Only where all of them reach, unless ``beyond_shortest``: then wherever any does, of those that do, and ``n``
    tells how many these are.
    """
    values = np.array([interpolated(curve, grid) for curve in curves]).reshape(len(curves), len(grid))  # [n, G]
    reaches = np.isfinite(values)
    wanted = reaches.any(axis=0) if beyond_shortest else reaches.all(axis=0) & (len(curves) > 0)
    values, reaches, grid = values[:, wanted], reaches[:, wanted], grid[wanted]
    mean, low, high = (np.full(len(grid), np.nan) for _ in range(3))
    for columns in _stretches(reaches):
        present = values[reaches[:, columns.start], columns]
        mean[columns] = present.mean(axis=0)
        if has_interval:
            low[columns], high[columns] = bootstrap_interval(present)
    return Band(grid, mean, low, high, reaches.sum(axis=0))


def _stretches(reaches: NDArray[np.bool_]) -> Iterator[slice]:
    """Neighbouring columns over which the same curves reach."""
    width = reaches.shape[1]
    if width == 0:
        return
    changes = np.flatnonzero((reaches[:, 1:] != reaches[:, :-1]).any(axis=0)) + 1
    yield from (slice(start, end) for start, end in zip([0, *changes], [*changes, width], strict=True))


def _round_up(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 ... that is at least ``step``."""
    if step <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= step * (1 - 1e-12))


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share, from 0 to 1, of which ``successes`` of ``trials`` are known (Wilson 1927, eq. 4)."""
    z = 1.959963984540054  # the normal distribution's quantile of 0.975
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


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
