"""The lab's checks pass on the lab, and fail where it is broken."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dqn_core.algorithm import dqn, torch_learner
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.algorithm.training_state import TrainingState
from dqn_core.inside.checks import CHECKS, Check, CheckResult, Finding, run_check


def result(name: str) -> CheckResult:
    return run_check(next(check for check in CHECKS if check.name == name))


def problems(found: CheckResult) -> list[str]:
    return [f"{each.template}: {each.found}, not {each.expected}" for each in found.findings if not each.passed]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_lab_passes(check: Check) -> None:
    found = run_check(check)
    assert problems(found) == []
    assert found.passed
    assert all(each.template.format(**each.parameters) and each.expected and each.found for each in found.findings)


def test_an_epsilon_that_is_not_the_configs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    choose = dqn.choose_action

    def stuck(state: TrainingState, observation: np.ndarray) -> tuple[int, bool]:
        state.epsilon = 0.05
        return choose(state, observation)

    monkeypatch.setattr(dqn, "choose_action", stuck)
    assert len(problems(result("epsilon-greedy"))) == 3


def test_rows_that_are_mixed_up_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayBuffer, "rewards", property(lambda replay: replay.rows[: len(replay), -1]))
    assert any("reward" in each for each in problems(result("replay")))


def test_a_bootstrap_after_the_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_learner, "td_targets", lambda rewards, _terminated, q, gamma: rewards + gamma * q)
    assert len(problems(result("labels"))) == 1


def test_a_target_network_that_follows_at_once_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    update = TorchLearner.update

    def hasty(learner: TorchLearner, *arguments: object) -> None:
        update(learner, *arguments)
        learner.sync_target()

    monkeypatch.setattr(TorchLearner, "update", hasty)
    assert len(problems(result("target"))) == 1


def test_code_that_raises_is_a_failed_finding() -> None:
    def broken() -> Iterator[Finding]:
        yield Finding(template="fine", expected="1", found="1", passed=True)
        message = "the memory is gone"
        raise ValueError(message)

    found = run_check(Check(name="x", title="x", explanation="x", findings=broken))
    assert not found.passed
    assert [each.passed for each in found.findings] == [True, False]
    assert "ValueError: the memory is gone" in found.findings[1].found
