"""Confidence intervals of a mean by resampling (Efron 1979), for many means at once.

Percentile method (Efron & Tibshirani 1993, chapter 13): draw n of the n samples with replacement, take the mean, do
so again and again; the interval holds the middle 95 % of these means. With very few samples it is too narrow: three
have only ten different means. It is the spread that the runs at hand show, and no promise beyond that.
"""

from __future__ import annotations

import math

import numpy as np

from dqn_core.analysis.episode_table import FloatArray

__all__ = ["CONFIDENCE", "RESAMPLES", "bootstrap_interval"]

CONFIDENCE = 0.95
RESAMPLES = 2_000
_SEED = 20_150_225
"""The same band at each drawing."""


def bootstrap_interval(
    samples: FloatArray, *, resamples: int = RESAMPLES, confidence: float = CONFIDENCE, seed: int = _SEED
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper end of the interval of the mean of ``samples`` [n, G] over n; both [G].

    Whole rows are drawn, the same ones for all G, so that neighbours on a curve keep together. One sample says
    nothing of its spread: NaN.
    """
    n, width = samples.shape
    if n < 2:  # noqa: PLR2004  a spread needs two
        return np.full(width, np.nan), np.full(width, np.nan)
    drawn = np.random.default_rng(seed).integers(0, n, (resamples, n))  # [B, n]
    cells = np.arange(resamples)[:, None] * n + drawn
    shares = np.bincount(cells.ravel(), minlength=resamples * n).reshape(resamples, n) / n  # [B, n]
    center = samples.mean(axis=0)
    means = (samples - center).T @ shares.T  # [G, B]
    means.sort(axis=1)  # a third of the time that np.percentile takes over its four pivots
    tail = 0.5 * (1.0 - confidence)
    return _quantile(means, tail) + center, _quantile(means, 1.0 - tail) + center


def _quantile(ascending: FloatArray, share: float) -> FloatArray:
    """Quantile of each row of ``ascending`` [G, B], by straight lines between neighbours; [G]."""
    place = share * (ascending.shape[1] - 1)
    below = math.floor(place)
    above = min(below + 1, ascending.shape[1] - 1)
    quantile: FloatArray = ascending[:, below] + (place - below) * (ascending[:, above] - ascending[:, below])
    return quantile
