"""What to try next where a run did not learn, by what its curves show: a table of rules; and what its settings show.

Each rule looks at one symptom that text books and practice tie to a setting. They are hints: none can know the task.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dqn_core.algorithm.exploration import linear_steps
from dqn_core.analysis.episode_table import EpisodeTable, FloatArray
from dqn_core.config import TrainingConfig
from dqn_core.errors import mark, mark_plural
from dqn_core.events import EndReason
from dqn_core.presets import preset_name, preset_names
from dqn_core.training.budget import run_steps

__all__ = ["Advice", "RunFacts", "advice_for", "unfinished_exploration"]

_MOST = 3
"""More hints at once help nobody."""
_FEW_EPISODES = 10
"""Fewer say nothing about learning."""
_FEWEST = 3
"""Returns that a mean is taken of: of fewer, nobody knows how far it may be off."""
_MOSTLY_RANDOM = 0.3
"""An epsilon from which on the returns of training episodes say little of what was learned."""
_CLEAR = 3.0
"""Standard errors by which two means must differ: more than two, for the best of many parts is compared."""


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

    @property
    def evaluations(self) -> FloatArray:
        """The evaluations' mean returns."""
        return self.episodes.curve("episode", "eval_return").y

    @property
    def last_epsilon(self) -> float:
        """Share of random actions in the last episode."""
        return float(self.episodes["epsilon"][-1])

    def returns(self) -> FloatArray:
        """The evaluations' returns; those of the training's episodes where there were few evaluations."""
        evaluations = self.evaluations
        return evaluations if len(evaluations) >= _FEW_EPISODES else self.episodes["episode_return"]

    def part(self, first: float, last: float) -> FloatArray:
        """The returns between two shares of the run's evaluations, three at least."""
        returns = self.returns()
        begin = min(math.floor(first * len(returns)), len(returns) - _FEWEST)
        return returns[begin : max(begin + _FEWEST, math.ceil(last * len(returns)))]

    @property
    def best(self) -> FloatArray:
        """The tenth of the returns, in a row, with the highest mean: a single lucky episode was never learned."""
        return _best_part(self.returns(), 10)

    @property
    def span(self) -> float:
        """From the lowest to the highest return; 0 where all are alike."""
        return float(np.ptp(self.returns()))


def advice_for(facts: RunFacts) -> tuple[Advice, ...]:
    """The hints for a run that ended without reaching its goal, the most telling first; none for one that did."""
    if facts.reason is EndReason.SOLVED:
        return ()
    rules = _RULES if len(facts.episodes) >= _FEW_EPISODES else (_diverged,)
    found = (rule(facts) for rule in rules)
    return tuple(advice for advice in found if advice is not None)[:_MOST]


def unfinished_exploration(config: TrainingConfig) -> Advice | None:
    """What to say of a run whose limits end it before epsilon has decayed; None of any other.

    The parameter ``limit_name`` is the field that ends it.
    """
    if config.noisy_nets or config.epsilon_schedule != "linear_steps" or config.epsilon_start <= config.epsilon_end:
        return None
    most = run_steps(config)
    steps = most - config.warmup_steps  # epsilon decays from the warm-up on
    if not 0 < steps < config.epsilon_decay_steps:
        return None
    epsilon = linear_steps(steps, config.epsilon_start, config.epsilon_end, config.epsilon_decay_steps)
    template = mark(
        "The run ends before epsilon has decayed: at env step {step} after its warm-up at the latest, when {percent} % "
        "of the actions are still random. Lower the number of decay steps, to {lower} for example, or raise "
        "{limit_name}."
    )
    parameters = {
        "step": steps,
        "percent": round(100 * epsilon),
        "lower": max(1, steps // 2),
        "limit_name": "max_env_steps" if most == config.max_env_steps else "max_episodes",
    }
    return Advice(template, parameters)


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
    best, now, first = facts.best, facts.part(0.8, 1.0), facts.part(0.0, 0.2)
    most = best.mean() - 0.5 * facts.span
    if not _is_clearly_above(best, now) or now.mean() > most or first.mean() > most:
        return None
    template = mark(
        "It reached a return of {best} and lost it again. Try a smaller learning rate, a larger replay memory, or "
        "fewer updates of the target network. The best network is kept."
    )
    return Advice(template, {"best": round(float(best.mean()), 1)})


def _still_improving(facts: RunFacts) -> Advice | None:
    first, middle, now = facts.part(0.0, 0.2), facts.part(0.5, 0.7), facts.part(0.8, 1.0)
    is_much = now.mean() - middle.mean() >= 0.1 * (now.mean() - first.mean())
    if not is_much or not _is_clearly_above(now, middle):
        return None
    if facts.reason is EndReason.MAX_EPISODES:
        return Advice(mark("It was still improving when it ended: resume it with more episodes."))
    if facts.reason is EndReason.MAX_ENV_STEPS:
        return Advice(mark("It was still improving when it ended: resume it with more env steps."))
    return Advice(mark("It was still improving when it ended: resume it."))


def _still_random(facts: RunFacts) -> Advice | None:
    if facts.config.noisy_nets or facts.last_epsilon < _MOSTLY_RANDOM:  # that many drown what was learned
        return None
    template = (
        mark("{percent} % of the actions were still random at the end: let epsilon decay faster, or train for longer.")
        if facts.reason in (EndReason.MAX_EPISODES, EndReason.MAX_ENV_STEPS)
        else mark("It ended while {percent} % of the actions were still random: resume it.")
    )
    return Advice(template, {"percent": round(100 * facts.last_epsilon)})


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
    """Neither the evaluations nor the training episodes, as far as they can tell, were ever better than at first.

    The best third of the run is compared with its first fifth, by Welch's standard error of the difference of means.
    """
    curves = [facts.evaluations] if len(facts.evaluations) >= _FEW_EPISODES else []
    if facts.config.noisy_nets or facts.last_epsilon < _MOSTLY_RANDOM:
        curves.append(facts.episodes["episode_return"])
    if not curves or any(_is_clearly_above(_best_part(curve, 3), curve[: _width(curve, 5)]) for curve in curves):
        return None
    is_other = "fast" in preset_names(facts.config.env_id) and preset_name(facts.config) != "fast"
    return Advice(
        mark(
            "No clear improvement: the returns rose by no more than chance explains. Try the preset Fast for this "
            "environment, or another seed."
        )
        if is_other
        else mark(
            "No clear improvement: the returns rose by no more than chance explains. Train for longer, or try another "
            "seed."
        )
    )


def _width(values: FloatArray, parts: int) -> int:
    return max(_FEWEST, len(values) // parts)


def _best_part(values: FloatArray, parts: int) -> FloatArray:
    """The highest part of ``values``, in a row, of as many as each of ``parts`` equal ones has."""
    width = _width(values, parts)
    begin = int(np.convolve(values, np.ones(width), "valid").argmax())
    return values[begin : begin + width]


def _is_clearly_above(high: FloatArray, low: FloatArray) -> bool:
    """Whether the mean of ``high`` is further above that of ``low`` than chance explains."""
    error = math.sqrt(high.var(ddof=1) / len(high) + low.var(ddof=1) / len(low))
    return bool(high.mean() - low.mean() > _CLEAR * error)


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
