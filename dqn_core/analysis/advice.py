"""What to try next where a run did not learn, by what its curves show: a table of rules.

Each rule looks at one symptom that text books and practice tie to a setting. They are hints: none can know the task.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dqn_core.analysis.episode_table import EpisodeTable, FloatArray
from dqn_core.config import TrainingConfig
from dqn_core.errors import mark, mark_plural
from dqn_core.events import EndReason

__all__ = ["Advice", "RunFacts", "advice_for"]

_MOST = 3
"""More hints at once help nobody."""
_FEW_EPISODES = 10
"""Fewer say nothing about learning."""


@dataclass(frozen=True)
class Advice:
    """One hint: a message template and what it is filled with."""

    template: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """A run that is over, as the rules see it."""

    config: TrainingConfig
    reason: EndReason
    episodes: EpisodeTable
    env_steps: int
    updates: int

    def returns(self) -> FloatArray:
        """The evaluations' returns; those of the training's episodes where there were few evaluations."""
        evaluations = self.episodes.curve("episode", "eval_return").y
        return evaluations if len(evaluations) >= _FEW_EPISODES else self.episodes["episode_return"]

    def part(self, first: float, last: float) -> float:
        """Mean return between two shares of the run's evaluations."""
        returns = self.returns()
        begin = math.floor(first * len(returns))
        return float(returns[begin : max(begin + 1, math.ceil(last * len(returns)))].mean())

    @property
    def best(self) -> float:
        """The highest mean of a tenth of the returns in a row: a single lucky episode was never learned."""
        returns = self.returns()
        width = max(1, len(returns) // 10)
        return float(np.convolve(returns, np.full(width, 1.0 / width), "valid").max())

    @property
    def span(self) -> float:
        """From the lowest to the highest return; 0 where all are alike."""
        return float(np.ptp(self.returns()))


def advice_for(facts: RunFacts) -> tuple[Advice, ...]:
    """The hints for a run that ended without reaching its goal, the most telling first; none for one that did."""
    if facts.reason is EndReason.SOLVED or (
        len(facts.episodes) < _FEW_EPISODES and facts.reason is not EndReason.DIVERGED
    ):
        return ()
    found = (rule(facts) for rule in _RULES)
    return tuple(advice for advice in found if advice is not None)[:_MOST]


def _diverged(facts: RunFacts) -> Advice | None:
    if facts.reason is not EndReason.DIVERGED:
        return None
    template = mark("The values grew without bound. Try a learning rate of {rate}, or Huber loss.")
    return Advice(template, {"rate": float(f"{facts.config.learning_rate / 5:.1g}")})


def _few_updates(facts: RunFacts) -> Advice | None:
    if facts.updates >= 1_000 or facts.reason is EndReason.DIVERGED:  # noqa: PLR2004  fewer teach no network anything
        return None
    template = mark_plural(
        "The network was updated only {updates} time: train for longer, or with a shorter warm-up.",
        "The network was updated only {updates} times: train for longer, or with a shorter warm-up.",
        facts.updates,
    )
    return Advice(template, {"updates": facts.updates})


def _all_alike(facts: RunFacts) -> Advice | None:
    if facts.span > 0.0:
        return None
    return Advice(
        mark(
            "Every episode brought the same return, so there was nothing to learn from: let epsilon decay more slowly, "
            "or allow longer episodes, so that the agent meets another reward by chance."
        )
    )


def _forgot(facts: RunFacts) -> Advice | None:
    best, now = facts.best, facts.part(0.8, 1.0)
    if facts.span == 0.0 or best - now < 0.5 * facts.span or facts.part(0.0, 0.2) > best - 0.5 * facts.span:
        return None
    template = mark(
        "It reached a return of {best} and lost it again. Try a smaller learning rate, a larger replay memory, or "
        "fewer updates of the target network. The best network is kept."
    )
    return Advice(template, {"best": round(best, 1)})


def _still_improving(facts: RunFacts) -> Advice | None:
    if facts.part(0.8, 1.0) - facts.part(0.5, 0.7) < 0.1 * facts.span or facts.span == 0.0:
        return None
    if facts.reason is EndReason.MAX_EPISODES:
        return Advice(mark("It was still improving when it ended: resume it with more episodes."))
    if facts.reason is EndReason.MAX_ENV_STEPS:
        return Advice(mark("It was still improving when it ended: resume it with more env steps."))
    return Advice(mark("It was still improving when it ended: resume it."))


def _still_random(facts: RunFacts) -> Advice | None:
    epsilon = float(facts.episodes["epsilon"][-1])
    if facts.config.noisy_nets or epsilon < 0.3:  # noqa: PLR2004  a third of the actions drown what was learned
        return None
    template = mark("{percent} % of the actions were still random at the end: let epsilon decay faster.")
    return Advice(template, {"percent": round(100 * epsilon)})


def _explored_little(facts: RunFacts) -> Advice | None:
    epsilon, config = facts.episodes["epsilon"], facts.config
    is_early = float(epsilon[len(epsilon) // 20]) <= config.epsilon_end + 0.05
    if config.noisy_nets or not is_early or config.epsilon_end >= 0.1:  # noqa: PLR2004
        return None
    return Advice(mark("Exploration was over within the first twentieth of the run: let epsilon decay more slowly."))


def _short_sighted(facts: RunFacts) -> Advice | None:
    gamma, length = facts.config.gamma, float(np.median(facts.episodes["length"]))
    horizon = 1.0 / (1.0 - gamma) if gamma < 1.0 else math.inf
    if horizon >= 0.1 * length or horizon >= 20.0:  # noqa: PLR2004  gamma 0.95
        return None
    template = mark_plural(
        "With a discount factor of {gamma}, rewards more than about {horizon} step ahead hardly count, and episodes "
        "last {length}: raise it.",
        "With a discount factor of {gamma}, rewards more than about {horizon} steps ahead hardly count, and episodes "
        "last {length}: raise it.",
        round(horizon),
    )
    return Advice(template, {"gamma": gamma, "horizon": round(horizon), "length": round(length)})


def _overestimates(facts: RunFacts) -> Advice | None:
    values = facts.episodes.curve("episode", "q_mean").y
    largest = float(np.abs(facts.episodes["episode_return"]).max())
    if not len(values) or largest == 0.0 or abs(values[-1]) < 2.0 * largest:
        return None
    template = mark(
        "Its Q-values ({value} on average) are far beyond any return: try Double DQN, or fewer updates of the "
        "target network."
    )
    return Advice(template, {"value": round(float(values[-1]), 1)})


def _no_progress(facts: RunFacts) -> Advice | None:
    if facts.span == 0.0 or facts.part(0.8, 1.0) - facts.part(0.0, 0.2) > 0.1 * facts.span:
        return None
    template = mark("It did not improve over the run: try the preset Fast for this environment, or another seed.")
    return Advice(template)


_RULES: tuple[Callable[[RunFacts], Advice | None], ...] = (
    _diverged,
    _few_updates,
    _all_alike,
    _overestimates,
    _short_sighted,
    _forgot,
    _still_random,
    _explored_little,
    _still_improving,
    _no_progress,
)
