"""The trailing mean: what a curve is smoothed with, here as in the live panel."""

from __future__ import annotations

import numpy as np

from dqn_core.analysis.episode_table import Curve, FloatArray

__all__ = ["smoothed", "trailing_mean"]


def trailing_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean of the newest ``window`` values up to each one (fewer at the beginning); [N] -> [N].

    Sums are taken of differences from the first value, so that a large offset costs no digits.
    """
    if window <= 1 or len(values) == 0:
        return values
    offset = values[0]
    sums = np.concatenate([[0.0], np.cumsum(values - offset)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    means: FloatArray = (sums[ends] - sums[starts]) / (ends - starts) + offset
    return means


def smoothed(curve: Curve, window: int) -> Curve:
    """``curve`` with the trailing mean over ``window`` of its points in place of each value."""
    return Curve(curve.x, trailing_mean(curve.y, window))
