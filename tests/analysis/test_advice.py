"""What is said of a run that did not learn: each rule on a run made for it, and on one that it is not for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.analysis.advice import RunFacts, advice_for, unfinished_exploration
from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason
from dqn_core.presets import PRESETS, preset_config, preset_names

N = 100
BRIEF = np.r_[1.0, 0.5, np.full(98, 0.01)]
HIGH = np.linspace(1.0, 0.42, N)
RISING = np.linspace(10.0, 200.0, N)
NO_PROGRESS = "No clear improvement"


def run(returns: Any, reason: EndReason = EndReason.MAX_EPISODES, updates: int = 50_000, **given: Any) -> RunFacts:
    """A run of as many episodes as there are returns, well behaved in all that is not given."""
    config = {name: given.pop(name) for name in list(given) if name not in COLUMNS}
    returns = np.asarray(returns, float)
    n = len(returns)
    columns = {
        "episode": np.arange(1, n + 1),
        "env_step": 50 * np.arange(1, n + 1),
        "wall_time_s": np.arange(n),
        "episode_return": returns,
        "length": np.full(n, 50.0),
        "loss_mean": np.full(n, 0.1),
        "q_mean": np.full(n, 20.0),
        "epsilon": np.linspace(1.0, 0.01, n),
        "eval_return": np.full(n, np.nan),
    }
    columns |= {name: np.broadcast_to(np.asarray(values, float), n) for name, values in given.items()}
    return RunFacts(
        config=TrainingConfig(**config),
        reason=reason,
        episodes=EpisodeTable.from_columns(columns),
        env_steps=50 * n,
        updates=updates,
    )


def said(facts: RunFacts) -> str:
    return " / ".join(each.template.format(**each.parameters) for each in advice_for(facts))


FORGETFUL = np.concatenate([np.full(30, 10.0), np.full(30, 200.0), np.full(40, 12.0)])
FLAT = 20.0 + np.sin(np.arange(N))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param(run(RISING, EndReason.DIVERGED, learning_rate=1e-2), "learning rate of 0.002", id="diverged"),
        pytest.param(run(RISING, updates=400), "updated only 400 times", id="few updates"),
        pytest.param(run(RISING, updates=1), "updated only 1 time:", id="one update"),
        pytest.param(run(np.full(N, -200.0)), "brought the same return", id="all alike"),
        pytest.param(run(FORGETFUL), "a return of 200.0 and lost it", id="forgot"),
        pytest.param(run(RISING), "still improving", id="still improving"),
        pytest.param(run(FLAT, epsilon=HIGH), "42 % of the actions were still random at the end", id="still random"),
        pytest.param(run(FLAT, epsilon=BRIEF), "Exploration was over", id="explored little"),
        pytest.param(run(FLAT, gamma=0.5, length=200.0), "about 2 steps ahead", id="short-sighted"),
        pytest.param(run(FLAT, gamma=0.1, length=200.0), "about 1 step ahead", id="sees one step"),
        pytest.param(run(FLAT, q_mean=900.0), "Q-values (900.0 on average)", id="overestimates"),
        pytest.param(run(FLAT), NO_PROGRESS, id="no progress"),
    ],
)
def test_each_symptom_leads_to_its_hint(facts: RunFacts, words: str) -> None:
    assert words in said(facts)


@pytest.mark.parametrize("words", ["random", "Exploration", "lost it", NO_PROGRESS, "Q-values", "steps ahead"])
def test_a_run_that_was_only_too_short_is_not_blamed_for_anything_else(words: str) -> None:
    assert words not in said(run(RISING))


def test_a_few_lucky_episodes_are_nothing_that_was_lost() -> None:
    lucky = np.where(np.arange(N) % 25 == 12, 6.0, np.linspace(0.5, 1.0, N))
    assert "lost it" not in said(run(lucky))
    assert "lost it" not in said(run(np.full(300, 1.0), eval_return=_at(300, [0.2, 0.4, 0.1, 6.0, *[0.3] * 8])))


def _at(n: int, values: list[float]) -> np.ndarray[Any, Any]:
    """A column of ``n`` in which ``values`` stand evenly spread."""
    column = np.full(n, np.nan)
    column[:: n // len(values)][: len(values)] = values
    return column


def test_single_returns_that_vary_widely_hide_no_higher_mean() -> None:
    # Few evaluations, and episodes of 0 to 5 bricks, whose mean doubles: single returns lie too far apart to show it.
    random = np.random.default_rng(0)
    assert NO_PROGRESS not in said(run(np.r_[random.poisson(0.3, 400), random.poisson(0.6, 400)]))


NOISE = st.floats(0.0, 40.0)
LENGTHS = st.integers(20, 400)
SEEDS = st.integers(0, 2**32 - 1)


@given(
    n=LENGTHS,
    noise=NOISE,
    start=st.floats(-500.0, 500.0),
    knee=st.floats(0.3, 0.6),
    is_evaluated=st.booleans(),
    seed=SEEDS,
)
def test_a_run_that_clearly_learns_is_never_told_that_it_did_not(
    *, n: int, noise: float, start: float, knee: float, is_evaluated: bool, seed: int
) -> None:
    rise = np.interp(np.linspace(0.0, 1.0, n), [0.0, knee, 1.0], [0.0, 9.0 * noise + 1.0, 10.0 * noise + 1.0])
    curve = start + rise + np.random.default_rng(seed).normal(0.0, noise, n)
    facts = run(np.full(n, start), eval_return=curve) if is_evaluated else run(curve)
    assert NO_PROGRESS not in said(facts)


@pytest.mark.parametrize("is_evaluated", [False, True])
@pytest.mark.parametrize("n", [15, 60, 400])
def test_a_flat_run_is_told_so_whatever_its_noise(n: int, is_evaluated: bool) -> None:
    curves = np.random.default_rng(0).normal(50.0, 30.0, (200, n))
    told = [
        NO_PROGRESS in said(run(np.full(n, 50.0), eval_return=curve) if is_evaluated else run(curve))
        for curve in curves
    ]
    assert np.mean(told) > (0.7 if n == 15 else 0.95)  # chance lifts one part of a few values more often


def test_a_flat_run_of_the_fast_preset_is_not_told_to_take_that_preset() -> None:
    assert "try the preset fast" in said(run(FLAT)).lower()
    facts = run(FLAT, **preset_config("CartPole-v1", "fast").replace(seed=3).to_dict())
    assert "Train for longer, or try another seed" in said(facts)


def test_training_episodes_of_random_actions_do_not_tell_whether_the_agent_improved() -> None:
    assert NO_PROGRESS not in said(run(FLAT, epsilon=HIGH))
    assert NO_PROGRESS in said(run(FLAT, epsilon=HIGH, eval_return=FLAT))


def test_a_run_that_was_stopped_while_it_explored_is_to_be_resumed() -> None:
    assert "It ended while 42 % of the actions were still random: resume it." in said(
        run(FLAT, EndReason.STOPPED, epsilon=HIGH)
    )


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_a_run_that_diverged_at_once_is_told_that_alone(n: int) -> None:
    assert len(advice_for(run(np.full(n, 10.0), EndReason.DIVERGED, updates=3))) == 1


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (EndReason.MAX_EPISODES, "resume it with more episodes."),
        (EndReason.MAX_ENV_STEPS, "resume it with more env steps."),
        (EndReason.STOPPED, "resume it."),
        (EndReason.INTERRUPTED, "resume it."),
    ],
)
def test_what_to_raise_is_the_limit_that_ended_the_run(reason: EndReason, words: str) -> None:
    assert said(run(RISING, reason)).endswith(words)


def test_evaluations_count_rather_than_explored_episodes() -> None:
    facts = run(np.full(N, 10.0), eval_return=RISING)
    assert "still improving" in said(facts)
    assert "same return" not in said(facts)


def test_a_solved_run_and_one_that_hardly_began_get_no_hints() -> None:
    assert advice_for(run(RISING, EndReason.SOLVED)) == ()
    assert advice_for(run(RISING[:5])) == ()


def test_at_most_three_hints_are_given() -> None:
    facts = run(FLAT, updates=10, gamma=0.1, length=500.0, q_mean=1e4, epsilon=0.5)
    assert len(advice_for(facts)) == 3


def by_steps(**settings: Any) -> TrainingConfig:
    """CartPole, whose epsilon decays over 20,000 env steps after 1,000 of warm-up."""
    plain = {"epsilon_schedule": "linear_steps", "epsilon_decay_steps": 20_000, "warmup_steps": 1_000}
    return TrainingConfig(**plain | {"max_episodes": 5_000} | settings)


@pytest.mark.parametrize(
    ("settings", "limit", "steps", "percent"),
    [
        ({"max_env_steps": 11_000}, "max_env_steps", 10_000, 50),
        ({"max_episodes": 20}, "max_episodes", 10_000, 50),
        ({"max_episodes": 20, "max_episode_steps": 100}, "max_episodes", 2_000, 90),
        ({"max_episodes": 20, "max_env_steps": 3_000}, "max_env_steps", 2_000, 90),
    ],
)
def test_a_run_that_ends_before_epsilon_has_decayed_is_told_so_before_it_starts(
    settings: dict[str, Any], limit: str, steps: int, percent: int
) -> None:
    found = unfinished_exploration(by_steps(epsilon_end=0.0, **settings))
    assert found is not None
    assert (found.parameters["limit_name"], found.parameters["step"], found.parameters["percent"]) == (
        limit,
        steps,
        percent,
    )
    assert unfinished_exploration(by_steps(**settings, epsilon_decay_steps=found.parameters["lower"])) is None


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_env_steps": 21_000},
        {"max_env_steps": 11_000, "epsilon_schedule": "episode_exponential"},
        {"max_env_steps": 11_000, "noisy_nets": True, "compute": "torch-cpu"},
        {"max_env_steps": 11_000, "epsilon_start": 0.1, "epsilon_end": 0.1},
        {"max_env_steps": 11_000, "env_id": "NotInstalled-v0"},
    ],
)
def test_no_other_run_is_warned_of_its_exploration(settings: dict[str, Any]) -> None:
    assert unfinished_exploration(by_steps(**settings)) is None


@pytest.mark.parametrize("env_id", PRESETS)
def test_epsilon_decays_within_every_preset(env_id: str) -> None:
    for name in preset_names(env_id):
        assert unfinished_exploration(preset_config(env_id, name)) is None
