"""What is measured of mixed precision and of networks for pictures, in little."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import torch

from benchmarks import mixed_precision, rivals


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    with rivals.torch_threads(torch.get_num_threads()):
        yield


def test_each_seed_is_trained_in_both_precisions(capsys: pytest.CaptureFixture[str]) -> None:
    mixed_precision.main(
        ["--cartpole-seeds", "100", "--breakout-seeds", "101", "--cartpole-steps", "1200", "--breakout-steps", "500"]
    )
    said = capsys.readouterr().out
    assert re.findall(r"seed (\d+), (\w+) +ended after +([\d,]+) env", said) == [
        ("100", "float32", "1,200"),
        ("100", "mixed", "1,200"),
        ("101", "float32", "500"),
        ("101", "mixed", "500"),
    ]
    assert said.count("0 of 1 solved") == 4


def test_rates_are_of_every_learner_and_of_stable_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("stable_baselines3", reason="only `make bench` installs it")
    from benchmarks import picture_rates

    picture_rates.main(["--steps", "20", "--rounds", "1", "--piece-s", "0.001", "--networks", "minatar"])
    said = capsys.readouterr().out
    rates = dict(re.findall(r"^  (\S.*?) +([\d.]+) a second by the clock", said, re.MULTILINE))
    assert {"DQN Lab, fused", "DQN Lab, torch-cpu", "Stable-Baselines3, threads: 1"} <= set(rates)
    assert all(float(each) > 0 for each in rates.values())
    updates = re.findall(r"minatar +batch +(\d+) (\S.*?) +[\d,]+ us", said)
    computes = ["fused", "torch-cpu", "torch-cpu, mixed precision"]
    assert updates == [(batch, each) for batch in ("32", "256") for each in computes]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_gpu_that_is_not_there_is_said() -> None:
    pytest.importorskip("stable_baselines3", reason="only `make bench` installs it")
    from benchmarks import picture_rates

    with pytest.raises(SystemExit, match="no CUDA device"):
        picture_rates.main(["--device", "cuda"])
