"""Every part of the benchmark in little: that the works compared are the same, and that its page can be written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import rivals, speed_frames, speed_loop, speed_processes
from benchmarks.performance_page import performance_page
from benchmarks.sizes import Sizes
from dqn_core.cli.bench import speed_config

TINY = Sizes(
    envs=("CartPole-v1",),
    repetitions=1,
    loop_steps=40,
    sustained_steps=60,
    trial_steps=30,
    widths=(8,),
    piece_s=0.001,
    few_rows=200,
    many_rows=400,
    replay_steps=20,
    episodes=210,
    lab_steps=100,
    frames_rounds=1,
    frames_window_s=0.1,
)
KEPT = {"machine", "device", "packages", "command", "load_before", "took_s", "measured"}


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    import torch

    with rivals.torch_threads(torch.get_num_threads()):
        yield


def _check_spreads(value: Any) -> None:
    """Every spread in a result is in order and above 0."""
    if isinstance(value, dict) and "median" in value:
        assert 0 < value["low"] <= value["median"] <= value["high"]
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            _check_spreads(each)


@pytest.mark.parametrize("part", ["lab", "update", "replay", "episodes", "parts"])
def test_a_part_measures_and_its_section_can_be_written(part: command.Part) -> None:
    result = command.measure_part(part, TINY)
    assert set(result) == KEPT
    _check_spreads(result["measured"])
    page = performance_page({part: json.loads(json.dumps(result))})
    assert f"python -m benchmarks --only {part}" in page
    assert result["machine"] in page


def test_frames_are_watched_over_a_real_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_frames, "_SETTLE_S", 0.05)
    result = command.measure_part("frames", TINY)
    _check_spreads(result["measured"])
    page = performance_page({"frames": json.loads(json.dumps(result))})
    assert "a viewer of curves and frames" in page
    assert "ten frames a second, made and sent" in page


def test_the_loop_is_compared_with_whoever_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[tuple[str, int | None]] = []

    def rival(name: str, rate: float) -> rivals.Rival:
        def train(config: Any) -> float:
            work.append((name, config.max_env_steps - config.warmup_steps))
            return rate

        return train

    monkeypatch.setattr(speed_loop, "RIVALS", {"sb3": rival("sb3", 10.0), "single_file": rival("single_file", 20.0)})
    monkeypatch.setattr(speed_loop, "has_stable_baselines", lambda: True)
    result = speed_loop.measure(TINY)["CartPole-v1"]
    assert work.count(("sb3", TINY.loop_steps)) == work.count(("single_file", TINY.loop_steps)) == 1
    own = result["steps_per_s"]["real_path"]["median"]
    assert result["times_faster"]["real_path"]["sb3"]["median"] == pytest.approx(own / 10.0)
    assert result["times_faster"]["real_path"]["single_file"]["median"] == pytest.approx(own / 20.0)

    monkeypatch.setattr(speed_loop, "has_stable_baselines", lambda: False)
    assert set(speed_loop.measure(TINY)["CartPole-v1"]["threads"]) == {"single_file"}


def test_a_rival_that_does_other_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    config = speed_config("CartPole-v1", 20)
    assert rivals.single_file_rate(config) > 0
    monkeypatch.setattr(rivals._SingleFileAgent, "train", lambda _self, steps: steps)
    with pytest.raises(RuntimeError, match="147 updates where 20 were wanted"):
        rivals.single_file_rate(config)


def test_stable_baselines_does_the_same_work() -> None:
    pytest.importorskip("stable_baselines3", reason="only `make bench` installs it")
    assert rivals.stable_baselines_rate(speed_config("CartPole-v1", 20)) > 0


def test_runs_side_by_side_are_compared_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_processes, "_CONTENDERS", {"one": ("thread", 1), "threads": ("thread", 3)})
    result = speed_processes.measure(replace(TINY, processes_window_s=0.2))["envs"]["CartPole-v1"]
    assert result["steps_per_s"]["threads"]["low"] > 0.0
    times = result["steps_per_s"]["threads"]["median"] / result["steps_per_s"]["one"]["median"]
    assert result["times_one"]["threads"]["median"] == pytest.approx(times)


def test_torch_gets_its_threads_back() -> None:
    import torch

    with rivals.torch_threads(1):
        with rivals.torch_threads(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
