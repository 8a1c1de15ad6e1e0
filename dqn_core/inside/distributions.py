"""How numbers are spread: histograms with common bins, and quantiles, of one snapshot or of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["QUANTILES", "Histograms", "histogram", "histograms", "quantiles", "shares_of"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Histograms:
    """Shares of several sets of numbers in the same bins."""

    edges: NDArray[np.float64]
    """[bins + 1]"""
    shares: NDArray[np.float64]
    """[sets, bins]; each set's add up to 1, or to 0 for one without a finite number."""

    @property
    def centers(self) -> NDArray[np.float64]:
        """Middle of each bin, [bins]."""
        return (self.edges[:-1] + self.edges[1:]) / 2


def histograms(sets: Sequence[NDArray[np.float32]], bins: int, trim: float = 0.0) -> Histograms:
    """Histograms of ``sets`` over the range of all their finite numbers.

    With ``trim``, over the range that leaves out this share of them at each end; the outermost bins hold those too.
    """
    finite = [each[np.isfinite(each)].astype(np.float64).ravel() for each in sets]
    everything = np.concatenate([*finite, np.zeros(0)])
    low, high = (float(np.quantile(everything, end)) for end in (trim, 1.0 - trim)) if everything.size else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    counts = [np.histogram(each.clip(low, high), edges)[0] for each in finite]
    return Histograms(edges, np.array([count / max(1, count.sum()) for count in counts]).reshape(-1, bins))


def histogram(numbers: NDArray[np.float32], bins: int) -> Histograms:
    """Histogram of one set; whole numbers of a small range get a bin each."""
    whole = np.round(numbers)
    if numbers.size and np.array_equal(whole, numbers) and 0 < np.ptp(whole) < bins:
        edges = np.arange(whole.min() - 0.5, whole.max() + 1.0)
        counts, _ = np.histogram(numbers, edges)
        return Histograms(edges.astype(np.float64), (counts / counts.sum())[None])
    return histograms([numbers], bins)


def shares_of(numbers: NDArray[np.float32], count: int) -> Histograms:
    """Shares of the whole numbers 0 to ``count`` - 1 among ``numbers``, a bin each."""
    counts = np.bincount(numbers.astype(np.int64), minlength=count)
    return Histograms(np.arange(count + 1, dtype=np.float64) - 0.5, (counts / max(1, counts.sum()))[None])


def quantiles(sets: Sequence[NDArray[np.float32]], levels: Sequence[float] = QUANTILES) -> NDArray[np.float64]:
    """[sets, levels]: quantiles of each set."""
    return np.array([np.quantile(each.astype(np.float64), levels) for each in sets]).reshape(-1, len(levels))
