from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import learning, results_page
from benchmarks.results_goals import GOALS, goals_table
from benchmarks.results_picture import learning_curves_svg, on_grid
from dqn_core.presets import preset_config

CURVE = [(1_000, 1.5, 20.0), (2_000, 2.5, 480.0), (3_000, 4.0, 500.0)]


def row(seed: int = 0, mean: float = 500.0, wall_s: float = 10.0, preset: str = "strong") -> dict[str, Any]:
    return {
        "version": results_page.VERSION,
        "env": "CartPole-v1",
        "preset": preset,
        "seed": seed,
        "config": preset_config("CartPole-v1", preset).replace(seed=seed).to_dict(),
        "compute": "fused",
        "machine": "a machine",
        "episodes": 100,
        "env_steps": 3_000,
        "updates": 2_000,
        "best_eval": 500.0,
        "solved": True,
        "reason": "solved",
        "wall_s": wall_s,
        "returns": [mean] * 100,
        "goal": {"env_steps": 2_000, "wall_s": 2.5},
        "curve": CURVE,
    }


def test_the_goal_is_the_first_evaluation_to_reach_it() -> None:
    assert learning.goal_reached(CURVE, 475.0) == {"env_steps": 2_000, "wall_s": 2.5}
    assert learning.goal_reached(CURVE, 501.0) is None


def test_curves_hold_their_last_evaluation() -> None:
    assert on_grid(CURVE, [0, 1_000, 1_999, 2_000, 9_000]) == [20.0, 20.0, 20.0, 480.0, 500.0]


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([row(seed) for seed in range(10)], "reached"),
        ([row(seed, 500.0 if seed else 499.9) for seed in range(10)], "reached"),
        ([row(seed, 500.0 if seed > 1 else 499.9) for seed in range(10)], "**not reached**"),
        ([row(seed) for seed in range(9)], "not measured whole"),
        ([], "not measured"),
    ],
)
def test_a_goal_is_told_as_it_is(rows: list[dict[str, Any]], verdict: str) -> None:
    line = goals_table({("CartPole-v1", "strong"): rows}).splitlines()[4]
    assert line.endswith(f"| {verdict} |")


def test_fast_asks_for_return_and_time() -> None:
    (goal,) = [each for each in GOALS if (each.env_id, each.preset) == ("CartPole-v1", "fast")]
    assert goal.is_reached(row(mean=475.0, wall_s=15.0))
    assert not goal.is_reached(row(mean=474.9))
    assert not goal.is_reached(row(wall_s=15.1))


def test_a_kept_result_counts_until_preset_or_version_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "RESULTS", tmp_path)
    path = learning.result_path("CartPole-v1", "fast", 3)

    def is_done(**changes: Any) -> bool:
        path.write_text(learning.json.dumps(row(3, preset="fast") | changes))
        return learning.is_done("CartPole-v1", "fast", 3)

    assert not learning.is_done("CartPole-v1", "fast", 3)
    assert is_done()
    assert not is_done(version=results_page.VERSION - 1)
    config = row(3, preset="fast")["config"]
    assert not is_done(config=config | {"gamma": 0.5})
    assert not is_done(config=config | {"a_field_that_is_no_more": 1})


def test_page_and_picture_are_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_page, "DOCS", tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "kept").mkdir()
    for seed in (1, 0):
        (tmp_path / "kept" / f"{seed}.json").write_text(learning.json.dumps(row(seed)))
    results_page.write_results_page(tmp_path / "kept")
    page = (tmp_path / "results.md").read_text()
    assert page.index("| 0 | solved") < page.index("| 1 | solved")
    assert "2,000 steps, 2.5 s" in page
    picture = (tmp_path / "pictures" / "results.svg").read_text()
    assert "CartPole-v1" in picture
    assert "strong (n=2)" in picture


def test_results_without_a_curve_are_left_out_of_the_picture() -> None:
    assert "CartPole" not in learning_curves_svg({("CartPole-v1", "lab8"): [row(preset="lab8") | {"curve": []}]})


def test_one_wild_evaluation_does_not_flatten_the_picture() -> None:
    curve = [[10.0 * i, 0.0, float(i)] for i in range(100)]
    tame, wild = (
        learning_curves_svg({("CartPole-v1", "fast"): [row(preset="fast") | {"curve": [*first, *curve]}]})
        for first in ([], [[0.0, 0.0, -6000.0]])
    )
    assert ">50<" in tame
    assert ">50<" in wild
    assert "-6000" not in wild
