"""The lab's own checks: each runs the real code on something small and compares it with numbers known beforehand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.errors import mark
from dqn_core.presets import preset_config
from dqn_core.training.trainer import Trainer

__all__ = ["CHECKS", "Check", "CheckResult", "Finding", "run_check"]

_CARTPOLE = TrainingConfig(env_id="CartPole-v1", compute="torch-cpu", evaluate_every=0)
_PARAMETERS = {"CartPole-v1": 1_282, "LunarLander-v3": 1_476}
"""Of the class lab's networks."""
_SIGMAS = 4.0
"""Width of a tolerance on counts, in standard deviations: chance alone leaves it once in 16,000 times."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One comparison: what was looked at, what it should be, what it is."""

    template: str
    """What was looked at, as a message template."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    expected: str
    found: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that must hold."""

    name: str
    title: str
    explanation: str
    findings: Callable[[], Iterator[Finding]]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found."""

    check: Check
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything that was looked at is as it should be."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)


def run_check(check: Check) -> CheckResult:
    """Run ``check`` now; code that raises is a finding that failed."""
    started = time.perf_counter()
    findings: list[Finding] = []
    try:
        findings.extend(check.findings())
    except Exception as error:  # noqa: BLE001  a check is there to find out what is broken, whatever it is
        template = mark("The check itself")
        findings.append(
            Finding(template=template, expected="–", found=f"{type(error).__name__}: {error}", passed=False)
        )
    return CheckResult(check=check, findings=tuple(findings), seconds=time.perf_counter() - started)


# ------------------------------------------------------------------------------------------------- exploration


def _epsilon_greedy() -> Iterator[Finding]:
    """A trainer that never updates plays with a fixed epsilon: its memory tells which actions were greedy."""
    steps = 2_000
    for epsilon in (0.0, 0.3, 1.0):
        config = _CARTPOLE.replace(
            warmup_steps=0,
            buffer_size=steps,
            update_every=100_000,
            epsilon_start=epsilon,
            epsilon_end=epsilon,
            max_env_steps=steps,
        )
        trainer = Trainer(config)
        for _event in trainer.events():
            pass
        replay, n_actions = trainer.state.memory.replay, trainer.state.n_actions
        greedy = trainer.state.learner.q_values(replay.observations).argmax(axis=1)
        others = int(np.count_nonzero(replay.actions != greedy))
        share = epsilon * (n_actions - 1) / n_actions
        tolerance = _SIGMAS * math.sqrt(steps * share * (1 - share))
        yield Finding(
            template=mark("Actions other than the greedy one in {steps} steps at epsilon {epsilon}"),
            parameters={"steps": steps, "epsilon": epsilon},
            expected=f"{steps * share:,.0f} ± {tolerance:,.0f}",
            found=f"{others:,}",
            passed=abs(others - steps * share) <= tolerance,
        )


def _schedule() -> Iterator[Finding]:
    config = preset_config("CartPole-v1", "lab8")
    for episode in (0, 1, 41, 400):
        expected = 0.01 + 0.99 * math.exp(-10 * max(0, episode - 1) / 400)
        found = epsilon_at(config, episode, 0)
        yield Finding(
            template=mark("Epsilon after {episode} of 400 episodes: 0.01 + 0.99 exp(-10 (k - 1) / 400), and 1 before"),
            parameters={"episode": episode},
            expected=f"{expected:.6f}",
            found=f"{found:.6f}",
            passed=math.isclose(expected, found, rel_tol=1e-9),
        )


# ------------------------------------------------------------------------------------------------------- memory


def _numbered_replay(capacity: int, count: int) -> ReplayBuffer:
    """``count`` transitions whose every part tells its number."""
    replay = ReplayBuffer(capacity, 2)
    for number in range(count):
        observation = np.array([number, -number], np.float32)
        replay.add(observation, number % 2, number / 2, observation + 1, number % 4 == 0)
    return replay


def _replay() -> Iterator[Finding]:
    replay = _numbered_replay(capacity=8, count=11)
    held = sorted(replay.observations[:, 0].astype(int).tolist())
    yield _equal(mark("Transitions left in a memory of size 8 after 11 were added"), list(range(3, 11)), held)
    indices = replay.sample_indices(np.random.default_rng(0), 128)
    yield _equal(mark("Shape of the observations in a batch of 128"), (128, 2), replay.observations[indices].shape)
    number = replay.observations[indices, 0]
    parts = {
        mark("Batch rows whose next observation belongs to their observation"): (
            replay.next_observations[indices] == np.stack([number + 1, 1 - number], axis=1)
        ).all(axis=1),
        mark("Batch rows whose action matches the stored one"): replay.actions[indices] == number % 2,
        mark("Batch rows whose reward matches the stored one"): replay.rewards[indices] == number / 2,
        mark("Batch rows whose terminated flag matches the stored one"): (
            replay.terminated[indices] == (number % 4 == 0)
        ),
    }
    for template, is_right in parts.items():
        yield _equal(template, 128, int(np.count_nonzero(is_right)))


# ------------------------------------------------------------------------------------------------------ learning


def _constant_learner(q: tuple[float, float], target_q: tuple[float, float]) -> Learner:
    """A learner whose networks answer the same to every observation."""
    config = _CARTPOLE.replace(hidden_sizes=(), gamma=0.9, learning_rate=1e-3)
    learner, _ = make_learner(config, 2, 2, np.random.default_rng(0))
    state = {name: np.zeros_like(array) for name, array in learner.state_dict().items()}
    state["online.layers.0.bias"] = np.array(q, np.float32)
    state["target.layers.0.bias"] = np.array(target_q, np.float32)
    learner.load_state_dict(state)
    return learner


def _td_labels() -> Iterator[Finding]:
    """Networks that answer constants make every label a sum that can be done in one's head."""
    learner, replay = _constant_learner((5.0, 7.0), (10.0, 4.0)), ReplayBuffer(3, 2)
    zeros = np.zeros(2, np.float32)
    for action, reward, terminated in ((0, 1.0, False), (1, 1.0, True), (1, -1.0, False)):
        replay.add(zeros, action, reward, zeros, terminated)
    terms = learner.terms(replay, np.arange(3))
    yield _close(mark("Target for r = 1, max Q_target(s', a') = 10 and γ = 0.9: 1 + 0.9 · 10"), 10, terms.targets[0])
    yield _close(mark("Target for r = 1 when the episode terminated: the reward alone"), 1, terms.targets[1])
    yield _close(mark("Target for r = -1 and max Q_target(s', a') = 10: -1 + 0.9 · 10"), 8, terms.targets[2])
    yield _close(mark("TD error of the first row: δ = y - Q(s, a) = 10 - 5"), 5, terms.td_errors[0])
    yield _close(mark("Squared error of the first row: 25"), 25, terms.losses[0])


def _one_step() -> Iterator[Finding]:
    """Adam's first step is the learning rate, whatever the gradient: in the direction of the label."""
    learner, replay = _constant_learner((5.0, 7.0), (10.0, 4.0)), ReplayBuffer(1, 2)
    zeros = np.zeros(2, np.float32)
    replay.add(zeros, 0, 1.0, zeros, terminated=False)
    learner.update(replay, np.zeros(1, np.int64))
    q = learner.q_values(zeros[None])[0]
    yield _close(
        mark("Gradient with respect to Q(s, a): -2 δ = -2 (10 - 5)"), -10, learner.gradients()["layers.0.bias"][0]
    )
    yield _close(mark("Q(s, a) = 5 after one step of Adam with learning rate 0.001"), 5.001, q[0])
    yield _close(mark("Q of the other action, which was not taken"), 7, q[1])


def _target_network() -> Iterator[Finding]:
    learner, replay = _constant_learner((5.0, 7.0), (10.0, 4.0)), _numbered_replay(8, 8)
    learner.update(replay, np.arange(8))
    yield _close(mark("Q_target after an update: unchanged"), 10, learner.state_dict()["target.layers.0.bias"][0])
    learner.sync_target()
    state = learner.state_dict()
    yield _close(
        mark("Q_target after a copy: equal to the online network's"),
        float(state["online.layers.0.bias"][0]),
        state["target.layers.0.bias"][0],
    )


def _networks() -> Iterator[Finding]:
    for env_id, expected in _PARAMETERS.items():
        config, report = preset_config(env_id, "lab8"), inspect_environment(env_id)
        generator = np.random.default_rng(0)
        learner, _ = make_learner(
            config.replace(compute="torch-cpu"), report.observation_size, report.n_actions, generator, report.picture
        )
        found = sum(array.size for array in learner.weights().values())
        yield _equal(mark("Parameters of the course lab's network for {env_id}"), expected, found, env_id=env_id)


def _repeats() -> Iterator[Finding]:
    config = _CARTPOLE.replace(
        seed=7, warmup_steps=200, buffer_size=1_000, batch_size=32, hidden_sizes=(16,), max_env_steps=700
    )
    first, second = (_trained(config) for _ in range(2))
    difference = max(float(np.abs(first[name] - second[name]).max()) for name in first)
    yield _equal(mark("Largest difference of any weight between two runs with one seed"), 0.0, difference)


def _trained(config: TrainingConfig) -> dict[str, NDArray[np.float32]]:
    trainer = Trainer(config)
    for _event in trainer.events():
        pass
    return trainer.state.learner.weights()


def _equal(template: str, expected: object, found: object, **parameters: object) -> Finding:
    return Finding(
        template=template,
        parameters=parameters,
        expected=_text(expected),
        found=_text(found),
        passed=bool(expected == found),
    )


def _close(template: str, expected: float, found: float) -> Finding:
    passed = math.isclose(expected, float(found), rel_tol=1e-5, abs_tol=1e-6)
    return Finding(template=template, expected=f"{expected:g}", found=f"{float(found):.7g}", passed=passed)


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


CHECKS = (
    Check(
        name="epsilon-greedy",
        title=mark("Epsilon-greedy actions"),
        explanation=mark(
            "With probability ε an action is drawn at random from all actions, the greedy one included. With two "
            "actions, a share of ε / 2 is therefore not greedy."
        ),
        findings=_epsilon_greedy,
    ),
    Check(
        name="schedule",
        title=mark("Epsilon schedule of the course lab"),
        explanation=mark("Epsilon decays exponentially with the number of finished episodes."),
        findings=_schedule,
    ),
    Check(
        name="replay",
        title=mark("Replay memory and its batches"),
        explanation=mark(
            "The newest transitions are kept, and each row of a batch is one whole transition: s, a, r, s' and "
            "terminated."
        ),
        findings=_replay,
    ),
    Check(
        name="labels",
        title=mark("TD targets in numbers"),
        explanation=mark(
            "y = r + γ · (1 - terminated) · max Q_target(s', a'), with networks whose outputs are constant."
        ),
        findings=_td_labels,
    ),
    Check(
        name="step",
        title=mark("One gradient step"),
        explanation=mark("Only Q of the action taken changes, towards its target."),
        findings=_one_step,
    ),
    Check(
        name="target",
        title=mark("Target network"),
        explanation=mark(
            "It stays fixed while the online network learns, and changes only when the online network is copied to it."
        ),
        findings=_target_network,
    ),
    Check(
        name="networks",
        title=mark("Size of the networks"),
        explanation=mark("Two hidden layers of 32 units; weights and biases are counted."),
        findings=_networks,
    ),
    Check(
        name="repeats",
        title=mark("Same seed, same run"),
        explanation=mark("Two trainings with the same seed end with the same weights, bit for bit."),
        findings=_repeats,
    ),
)
"""All checks, in the order in which they are shown."""
