"""What is said of a run that did not learn: each rule on a run made for it, and on one that it is not for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dqn_core.analysis.advice import RunFacts, advice_for
from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason

N = 100
BRIEF = np.r_[1.0, 0.5, np.full(98, 0.01)]
RISING = np.linspace(10.0, 200.0, N)


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
        pytest.param(run(FLAT, epsilon=np.linspace(1.0, 0.42, N)), "42 % of the actions", id="still random"),
        pytest.param(run(FLAT, epsilon=BRIEF), "Exploration was over", id="explored little"),
        pytest.param(run(FLAT, gamma=0.5, length=200.0), "about 2 steps ahead", id="short-sighted"),
        pytest.param(run(FLAT, gamma=0.1, length=200.0), "about 1 step ahead", id="sees one step"),
        pytest.param(run(FLAT, q_mean=900.0), "Q-values (900.0 on average)", id="overestimates"),
        pytest.param(run(FLAT), "did not improve", id="no progress"),
    ],
)
def test_each_symptom_leads_to_its_hint(facts: RunFacts, words: str) -> None:
    assert words in said(facts)


@pytest.mark.parametrize("words", ["random", "Exploration", "lost it", "did not improve", "Q-values", "steps ahead"])
def test_a_run_that_was_only_too_short_is_not_blamed_for_anything_else(words: str) -> None:
    assert words not in said(run(RISING))


def test_a_few_lucky_episodes_are_nothing_that_was_lost() -> None:
    lucky = np.where(np.arange(N) % 25 == 12, 6.0, np.linspace(0.5, 1.0, N))
    assert "lost it" not in said(run(lucky))


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
