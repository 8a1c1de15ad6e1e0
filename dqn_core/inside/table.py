"""Small discrete environments as tables: the optimal Q-values of every state, to compare an agent's with.

Where an environment gives its transitions, as those of Gymnasium's toy text do, ``P[s][a]`` being a list of
(probability, s', reward, terminated), value iteration (Sutton & Barto 2018, section 4.4) finds what Q-learning
estimates:

    Q*(s, a) = sum over s' of p (r + gamma (1 - terminated) max_a' Q*(s', a'))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import make_environment
from dqn_core.environments.maps import StateMap, state_map

__all__ = ["StateTable", "Transitions", "optimal_q_values", "reached_states", "state_table", "transitions_of"]

_MOST_SWEEPS = 20_000
_CLOSE = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class StateTable:
    """An environment's S states, and what is best in each."""

    map: StateMap
    optimal: NDArray[np.float64] | None
    """[S, A]: Q*; None where the environment does not give its transitions."""
    reached: NDArray[np.bool_]
    """[S]: whether an episode can be in the state and go on; all, where that is not known."""


def state_table(config: TrainingConfig) -> StateTable | None:
    """The table of the environment that a run with ``config`` learns in; None where its states cannot be listed.

    The optimal values are those of the environment's own reward, without a time limit, discounted as in the config.
    Raises :class:`~dqn_core.errors.UnsupportedEnvironmentError` where it cannot be made.
    """
    environment = make_environment(*config.environment)
    try:
        states = state_map(environment)
        if states is None:
            return None
        count = len(states.vectors)
        transitions = transitions_of(environment.unwrapped, count, environment.n_actions)
    finally:
        environment.close()
    if transitions is None:
        return StateTable(map=states, optimal=None, reached=np.ones(count, np.bool_))
    optimal = optimal_q_values(transitions, config.gamma)
    return StateTable(map=states, optimal=optimal, reached=reached_states(transitions))


# ----------------------------------------------------------------------------------------------------- optimal values


@dataclass(frozen=True, kw_only=True, eq=False)
class Transitions:
    """What follows each action in each state: K outcomes at most, those that are missing of probability 0."""

    probabilities: NDArray[np.float64]
    """[S, A, K]"""
    next_states: NDArray[np.int64]
    """[S, A, K]"""
    rewards: NDArray[np.float64]
    """[S, A, K]"""
    goes_on: NDArray[np.bool_]
    """[S, A, K]: whether the episode does."""
    starts: NDArray[np.bool_]
    """[S]: whether an episode may begin in the state; all, where the environment does not say."""


def transitions_of(environment: Any, n_states: int, n_actions: int) -> Transitions | None:
    """The table ``P`` of an environment; None where it gives none, or one that does not fit its spaces."""
    try:
        table = environment.P
        most = max(len(table[state][action]) for state in range(n_states) for action in range(n_actions))
        shape = (n_states, n_actions, most)
        probabilities, rewards = np.zeros(shape), np.zeros(shape)
        next_states, goes_on = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
        for state in range(n_states):
            for action in range(n_actions):
                for k, (probability, next_state, reward, terminated) in enumerate(table[state][action]):
                    at = (state, action, k)
                    probabilities[at], rewards[at] = probability, reward
                    next_states[at], goes_on[at] = next_state, not terminated
        starts = np.asarray(getattr(environment, "initial_state_distrib", np.ones(n_states))) > 0.0
        is_sound = starts.shape == (n_states,) and np.isfinite(rewards).all() and next_states.max() < n_states
        is_sound = is_sound and next_states.min() >= 0 and np.allclose(probabilities.sum(axis=2), 1.0)
    except Exception:  # noqa: BLE001  an environment is other people's code, and its P may be anything
        return None
    if not is_sound:
        return None
    return Transitions(
        probabilities=probabilities, next_states=next_states, rewards=rewards, goes_on=goes_on, starts=starts
    )


def optimal_q_values(transitions: Transitions, gamma: float) -> NDArray[np.float64]:
    """Q*(s, a) [S, A] by value iteration, to within 1e-9; without a time limit."""
    rewards = (transitions.probabilities * transitions.rewards).sum(axis=2)
    weights = gamma * transitions.probabilities * transitions.goes_on
    q_values: NDArray[np.float64] = np.zeros_like(rewards)
    for _ in range(_MOST_SWEEPS):
        following = rewards + (weights * q_values.max(axis=1)[transitions.next_states]).sum(axis=2)
        change = float(np.abs(following - q_values).max())
        q_values = following
        if change < _CLOSE:
            break
    return q_values


def reached_states(transitions: Transitions) -> NDArray[np.bool_]:
    """[S]: whether an episode can be in the state and go on; it is over in those that are only entered at its end."""
    reached = transitions.starts.copy()
    leads_on = (transitions.probabilities > 0.0) & transitions.goes_on
    while True:
        following = reached.copy()
        following[transitions.next_states[reached][leads_on[reached]]] = True
        if np.array_equal(following, reached):
            return reached
        reached = following
