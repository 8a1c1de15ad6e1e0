from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import learning, results_page
from benchmarks.results_page import GOALS, SeedResult, write_results_page
from benchmarks.results_picture import distributions_svg
from dqn_core import presets
from dqn_core.presets import PresetRecord

RESULT = SeedResult(
    seed=0,
    reason="solved",
    episodes=100,
    env_steps=3_000,
    updates=2_000,
    best_eval=500.0,
    first_episode=64,
    first_env_step=2_000,
    wall_s=4.0,
    mean_20=500.0,
    mean_100=500.0,
    worst=500.0,
)


def seeds(count: int, **others: float) -> list[SeedResult]:
    """``count`` results, the first of which is another."""
    return [replace(RESULT, seed=seed, **({} if seed else others)) for seed in range(count)]


def verdicts(preset: str, results: list[SeedResult]) -> list[str]:
    lines = [goal.line(results) for goal in GOALS if (goal.env_id, goal.preset) == ("CartPole-v1", preset)]
    return [line.split("|")[-2].strip() for line in lines]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders of a study that the test may write to."""
    monkeypatch.setattr(learning, "RESULTS", tmp_path / "kept")
    monkeypatch.setattr(results_page, "DOCS", tmp_path)
    monkeypatch.setattr(results_page, "RECORDS", tmp_path / "records.json")
    monkeypatch.setattr(presets, "RECORDS", tmp_path / "records.json")
    (tmp_path / "pictures").mkdir()
    presets._records.cache_clear()
    yield tmp_path
    presets._records.cache_clear()


def test_a_goal_is_told_as_it_is() -> None:
    assert verdicts("strong", seeds(100)) == ["reached"]
    assert verdicts("strong", seeds(100, mean_100=499.9)) == ["reached"]
    short = [replace(each, mean_100=499.9) if each.seed < 4 else each for each in seeds(100)]
    assert verdicts("strong", short) == ["**not reached**"]
    assert verdicts("strong", seeds(99)) == ["measured on 99 of 100 seeds"]
    assert verdicts("strong", []) == ["measured on 0 of 100 seeds"]


def test_fast_is_asked_for_return_and_time() -> None:
    assert verdicts("fast", seeds(100)) == ["reached", "reached"]
    assert verdicts("fast", [replace(each, wall_s=5.1) for each in seeds(100)]) == ["reached", "**not reached**"]
    assert verdicts("fast", [replace(each, mean_100=474.9) for each in seeds(100)]) == ["**not reached**", "reached"]


def test_a_table_keeps_every_number_and_the_order_of_the_seeds(places: Path) -> None:
    results = [replace(RESULT, seed=1, best_eval=math.nan, first_episode=None, first_env_step=None), RESULT]
    learning.write_table("CartPole-v1", "fast", results)
    first, second = learning.read_table("CartPole-v1", "fast")
    assert first == RESULT
    assert math.isnan(second.best_eval)
    assert replace(second, best_eval=0.0) == replace(results[0], best_eval=0.0)
    lines = learning.table_path("CartPole-v1", "fast").read_text().splitlines()
    assert len(lines) == 4  # a head, the columns, a row a seed


def test_a_kept_table_counts_until_preset_or_version_change(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learning.write_table("CartPole-v1", "fast", [RESULT])
    monkeypatch.setattr(learning, "VERSION", learning.VERSION + 1)
    assert learning.read_table("CartPole-v1", "fast") == []
    monkeypatch.undo()
    monkeypatch.setattr(learning, "RESULTS", places / "kept")
    assert learning.read_table("CartPole-v1", "fast") == [RESULT]
    learning.table_path("CartPole-v1", "fast").rename(learning.table_path("CartPole-v1", "strong"))
    assert learning.read_table("CartPole-v1", "strong") == []


def test_page_picture_and_records_are_made_whole(places: Path) -> None:
    lab = [replace(RESULT, seed=seed, mean_20=400.0 + 10 * seed, env_steps=1_000 + 10_000 * seed) for seed in range(10)]
    kept = {("CartPole-v1", "lab8"): lab, ("CartPole-v1", "fast"): seeds(10, mean_100=300.0)}
    write_results_page(kept, "a machine")
    page = (places / "results.md").read_text()
    assert "9 of 10: 60% to 98%" in page  # Wilson's interval of 0.9 over 10
    assert "(483.25: above 90%)" in page
    assert "(53,192: above 60%)" in page
    assert "a machine" in page
    picture = (places / "pictures" / "results.svg").read_text()
    assert picture.count("<circle") == 20
    record = presets.preset_record("CartPole-v1", "fast")
    assert isinstance(record, PresetRecord)
    assert (record.reached, record.seeds, record.goal) == (9, 10, 475.0)


def test_a_record_of_other_settings_is_not_shown(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_results_page({("CartPole-v1", "fast"): seeds(10)}, "a machine")
    assert presets.preset_record("CartPole-v1", "fast") is not None
    monkeypatch.setattr(presets, "settings_digest", lambda _config: "of other settings")
    assert presets.preset_record("CartPole-v1", "fast") is None


def test_every_run_is_judged_on_starts_of_its_own() -> None:
    for env_id, seeds in (("CartPole-v1", 100), ("FrozenLake-v1", 30), ("Blackjack-v1", 30)):
        count = learning.final_episodes(env_id)
        starts = [learning.evaluation_seed(seed, env_id) + i for seed in range(seeds) for i in range(count)]
        assert len(set(starts)) == len(starts)
        assert max(starts) < 1_000_000  # where the starts of evaluations during training begin


def test_no_seed_leaves_the_picture_however_low_it_is() -> None:
    picture = distributions_svg({("CartPole-v1", "fast"): [-6000.0, *range(400, 500)]})
    assert picture.count("<circle") == 101
    assert "-6000" not in picture


def test_a_run_is_trained_and_judged() -> None:
    config = presets.preset_config("CliffWalking-v1", "fast").replace(seed=200, compute="fused")
    result = learning.train_once(config, -13.0)
    assert (result.reason, result.best_eval, result.mean_100, result.worst) == ("solved", -13.0, -13.0, -13.0)
    assert result.first_env_step == result.env_steps
