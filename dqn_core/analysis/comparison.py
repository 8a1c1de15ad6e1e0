"""Curves of several runs as they are laid over each other: single runs, and the mean and band of each group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from dqn_core.analysis.bands import Band, band, common_grid
from dqn_core.analysis.episode_table import Curve, FloatArray
from dqn_core.analysis.run_data import RunData, RunGroup
from dqn_core.events import HyperparametersChanged

__all__ = [
    "X_AXES",
    "Y_AXES",
    "ChangeMark",
    "Choices",
    "GroupLine",
    "RunLine",
    "XAxis",
    "change_marks",
    "compared",
    "smoothed",
    "trailing_mean",
]

XAxis = Literal["env_step", "episode", "wall_time_s"]
YAxis = Literal["episode_return", "eval_return", "shaped_return", "loss_mean", "length", "epsilon", "q_mean"]
X_AXES: tuple[XAxis, ...] = ("env_step", "episode", "wall_time_s")
Y_AXES: tuple[YAxis, ...] = get_args(YAxis)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What is laid over what."""

    x: XAxis = "env_step"
    y: YAxis = "episode_return"
    window: int = 1
    """Values (of this run, up to each one) that the smoothed curve is the mean of; 1 for none."""
    shows_groups: bool = True
    """Whether the runs of a group are drawn as their mean and band; over env steps alone."""
    shows_runs: bool = False
    """Whether each run of a group is drawn as well."""
    beyond_shortest: bool = False
    """Whether a group's mean goes on where not all of its runs reach."""

    @property
    def has_bands(self) -> bool:
        """Whether groups are drawn: by episode or by time, a run's points are not those of equal experience."""
        return self.shows_groups and self.x == "env_step"


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One run's curve."""

    group: int
    """Place of the run's group among all."""
    run: RunData
    raw: Curve
    smooth: Curve
    """``raw`` itself where nothing is smoothed."""


@dataclass(frozen=True, kw_only=True)
class GroupLine:
    """Mean and band of a group of at least two runs."""

    group: int
    raw: Band
    """Its mean alone counts."""
    smooth: Band
    """``raw`` itself where nothing is smoothed. The band is of the smoothed curves: each run's own, then the mean."""


@dataclass(frozen=True, kw_only=True)
class ChangeMark:
    """A live change as a point on its run's curve."""

    x: float
    y: float
    event: HyperparametersChanged


def compared(groups: Sequence[RunGroup], choices: Choices) -> tuple[list[GroupLine], list[RunLine]]:
    """The lines of ``groups`` that ``choices`` ask for; a run without values in ``choices.y`` has none."""
    bands = []
    runs: list[RunLine] = []
    for number, group in enumerate(groups):
        counted = list(_run_lines(number, group.runs, choices))
        if choices.has_bands and len(counted) > 1:
            bands.append(_group_line(number, counted, choices))
        if choices.shows_runs or not choices.has_bands or len(counted) <= 1:
            runs.extend([*counted, *_run_lines(number, group.repeated, choices)])
    return bands, runs


def change_marks(line: RunLine, x: XAxis) -> list[ChangeMark]:
    """Live changes of ``line``'s run, each at the height of the smoothed curve there."""
    changes = line.run.changes
    places = np.array([getattr(change, x) for change in changes], dtype=np.float64)
    heights = np.interp(places, line.smooth.x, line.smooth.y)
    return [
        ChangeMark(x=float(place), y=float(height), event=change)
        for place, height, change in zip(places, heights, changes, strict=True)
    ]


def _run_lines(number: int, runs: Iterable[RunData], choices: Choices) -> Iterable[RunLine]:
    for run in runs:
        raw = run.episodes.curve(choices.x, choices.y)
        if len(raw):
            yield RunLine(group=number, run=run, raw=raw, smooth=smoothed(raw, choices.window))


def _group_line(number: int, lines: Sequence[RunLine], choices: Choices) -> GroupLine:
    raw, beyond = [line.raw for line in lines], choices.beyond_shortest
    grid = common_grid(raw)
    smooth = band([line.smooth for line in lines], grid, beyond_shortest=beyond)
    is_smoothed = choices.window > 1
    faint = band(raw, grid, beyond_shortest=beyond, has_interval=False) if is_smoothed else smooth
    return GroupLine(group=number, raw=faint, smooth=smooth)


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
