from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dqn_core.analysis.comparison import Choices, change_marks, compared
from dqn_core.analysis.run_data import RunData, group_runs
from known_runs import noisy_run, run, table
from scripted_trainer import changed


@pytest.fixture
def runs() -> list[RunData]:
    """Three seeds of one config, and one run of another."""
    return [*(noisy_run(number, 30 + number, seed=number) for number in range(3)), noisy_run(9, 20, gamma=0.9)]


def test_a_group_is_one_line_and_a_run_alone_is_itself(runs: list[RunData]) -> None:
    bands, lines = compared(group_runs(runs), Choices())
    assert [(line.group, set(line.smooth.n)) for line in bands] == [(0, {3})]
    assert [(line.group, line.run.run_id) for line in lines] == [(1, runs[3].run_id)]


def test_each_run_may_be_drawn_beside_the_mean(runs: list[RunData]) -> None:
    bands, lines = compared(group_runs(runs), Choices(shows_runs=True))
    assert len(bands) == 1
    assert [line.run.run_id for line in lines] == [each.run_id for each in runs]


@pytest.mark.parametrize("choices", [Choices(x="episode"), Choices(x="wall_time_s"), Choices(shows_groups=False)])
def test_there_are_no_means_where_runs_have_not_seen_equally_much(runs: list[RunData], choices: Choices) -> None:
    bands, lines = compared(group_runs(runs), choices)
    assert not choices.has_bands
    assert bands == []
    assert len(lines) == 4


def test_the_mean_of_smoothed_curves_keeps_the_mean_before_beside_it(runs: list[RunData]) -> None:
    ((line,), _) = compared(group_runs(runs), Choices(window=10))
    ((before,), _) = compared(group_runs(runs), Choices())
    np.testing.assert_array_equal(line.raw.mean, before.smooth.mean)
    np.testing.assert_array_equal(line.raw.x, line.smooth.x)
    assert line.smooth.mean.std() < 0.7 * line.raw.mean.std()


def test_a_mean_may_go_on_where_fewer_runs_reach(runs: list[RunData]) -> None:
    ((short,), _) = compared(group_runs(runs), Choices())
    ((long,), _) = compared(group_runs(runs), Choices(beyond_shortest=True))
    assert long.smooth.x[-1] == max(each.episodes["env_step"][-1] for each in runs[:3]) > short.smooth.x[-1]
    assert long.smooth.n[-1] == 1


def test_a_run_without_values_has_no_line(runs: list[RunData]) -> None:
    empty = run(20, table([10, 20]), gamma=0.5)
    _, lines = compared(group_runs([*runs, empty]), Choices(y="eval_return"))
    assert empty.run_id not in {line.run.run_id for line in lines}


@pytest.mark.parametrize(("x", "place"), [("env_step", 15), ("episode", 1), ("wall_time_s", 0.25)])
def test_a_change_is_marked_on_its_runs_curve(x: str, place: float) -> None:
    steps = table([10, 20, 30], episode_return=[0.0, 10.0, 20.0])
    altered = replace(run(1, steps, is_altered=True), changes=(changed("gamma", 0.9, 0.8, env_step=15),))
    _, (line,) = compared(group_runs([altered]), Choices(x=x))  # type: ignore[arg-type]
    (mark,) = change_marks(line, x)  # type: ignore[arg-type]
    assert mark.x == place
    assert mark.y == pytest.approx(np.interp(place, line.smooth.x, line.smooth.y))
