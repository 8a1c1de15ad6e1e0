from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dqn_core.algorithm import compute
from dqn_core.algorithm.compute import CALIBRATION_S, ComputeChoice, make_learner
from dqn_core.algorithm.networks import as_network, initial_weights
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig
from dqn_core.errors import UnavailableComputeError
from strategies import filled_replay

CONFIG = TrainingConfig(hidden_sizes=(32, 32))


@pytest.fixture(autouse=True)
def _nothing_measured_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "_rates_seen", {})


def choose(config: TrainingConfig) -> ComputeChoice:
    return make_learner(config, 4, 2, np.random.default_rng(0))[1]


@pytest.mark.parametrize("wanted", ["fused", "torch-cpu"])
def test_takes_the_compute_that_is_asked_for(wanted: str) -> None:
    learner, choice = make_learner(CONFIG.replace(compute=wanted), 4, 2, np.random.default_rng(0))
    assert learner.compute == choice.compute == wanted
    assert wanted in choice.reason
    assert choice.rates == {}


@pytest.mark.parametrize("wanted", ["auto", "fused", "torch-cpu"])
def test_initial_weights_come_from_the_generator_alone(wanted: str) -> None:
    generator, other = np.random.default_rng(3), np.random.default_rng(3)
    global_state = torch.get_rng_state()
    learner, _ = make_learner(CONFIG.replace(compute=wanted), 4, 2, generator)
    expected = initial_weights(other, (4, 32, 32, 2))
    assert all(np.array_equal(array, expected[name]) for name, array in learner.weights().items())
    assert generator.random() == other.random()
    assert torch.equal(torch.get_rng_state(), global_state)


def test_auto_takes_the_fastest_and_says_the_rates() -> None:
    choice = choose(CONFIG)
    assert choice.compute == max(choice.rates, key=choice.rates.__getitem__)
    assert set(choice.rates) >= {"fused", "torch-cpu"}
    numbers = [int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*(?=[,.])", choice.reason)]
    for rate in choice.rates.values():
        assert round(rate) in numbers
    if not torch.cuda.is_available():
        assert "Not available: torch-cuda." in choice.reason


def test_the_same_work_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = choose(CONFIG)
    monkeypatch.setattr(compute, "_measure", lambda *_: pytest.fail("measured again"))
    assert choose(CONFIG.replace(gamma=0.5, seed=9)) == first


class Clock:
    now = 100.0


class SlowLearner:
    """A learner on a clock of its own, whose updates take ``update_s``."""

    def __init__(self, clock: Clock, update_s: float) -> None:
        self.clock = clock
        self.update_s = update_s

    def update(self, replay: ReplayBuffer, indices: np.ndarray) -> None:
        self.clock.now += self.update_s

    def act(self, observation: np.ndarray) -> int:
        return 0


@pytest.mark.parametrize(
    ("update_s", "least_s", "most_s"),
    [
        ((0.001, 0.0011), 0.9 * CALIBRATION_S, CALIBRATION_S),  # close: all of the time
        ((0.001, 0.004), 0.0, 0.11 * CALIBRATION_S + 0.004),  # far ahead: one part of it
        ((0.001,), 0.0, 0.11 * CALIBRATION_S),
        ((5.0, 1.0), 6.0, 6.0),  # one update each, whatever it takes
        ((0.25, 0.2), 0.45, 0.45),
    ],
)
def test_timing_ends_when_one_is_far_ahead_or_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch, update_s: tuple[float, ...], least_s: float, most_s: float
) -> None:
    clock = Clock()
    learners = {str(each): SlowLearner(clock, each) for each in update_s}
    monkeypatch.setattr(compute, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    rates = compute._race(learners, filled_replay(0, (2, 2), 5), np.arange(5))
    assert rates == pytest.approx({str(each): 1 / each for each in update_s})
    assert least_s - 1e-9 <= clock.now - 100.0 <= most_s + 1e-9


@pytest.mark.parametrize("changes", [{"noisy_nets": True}, {"distribution": "quantile"}, {"mixed_precision": True}])
def test_what_fused_does_not_cover_goes_to_torch_and_the_reason_says_so(changes: dict[str, object]) -> None:
    choice = choose(CONFIG.replace(**changes))
    assert choice.compute.startswith("torch-")
    assert "fused" not in choice.rates
    (name,) = changes
    assert f"does not cover {name}" in choice.reason


@pytest.mark.parametrize(
    "changes", [{"double_dqn": True}, {"dueling": True}, {"n_step": 3}, {"prioritized_replay": True}]
)
def test_what_fused_covers_is_timed_with_it(changes: dict[str, object]) -> None:
    assert "fused" in choose(CONFIG.replace(**changes)).rates


def test_a_network_too_large_to_time_is_given_to_torch() -> None:
    sizes = as_network((4, 4096, 4096, 2))
    choice = compute._choose(CONFIG, sizes)
    assert choice.compute.startswith("torch-")
    assert "too large" in choice.reason
    assert choice.rates == {}


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableComputeError, match="CUDA"):
        choose(CONFIG.replace(compute="torch-cuda"))


def test_without_numba_torch_is_taken_and_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dqn_core.algorithm.fused_learner", None)  # its import fails
    with pytest.raises(UnavailableComputeError, match="numba"):
        choose(CONFIG.replace(compute="fused"))
    choice = choose(CONFIG)
    assert choice.compute != "fused"
    assert "Not available: fused" in choice.reason


def test_a_failed_capture_is_a_warning() -> None:
    learner, choice = make_learner(CONFIG.replace(compute="torch-cpu"), 4, 2, np.random.default_rng(0))
    assert compute._with_failure(choice, learner) == choice
    learner.capture_failure = "out of luck"  # type: ignore[attr-defined]
    warned = compute._with_failure(choice, learner)
    assert "(out of luck): updates run eagerly" in warned.warning.format(**warned.warning_parameters)
