"""Deep Q-learning with experience replay (Mnih et al. 2015, Algorithm 1).

:func:`train` is a generator over a :class:`TrainingState`. It yields a :class:`Point` wherever somebody may look at the
state, save it, change its config, or leave; between two points it does what the pseudo-code says, and nothing else. A
state that was saved at a point goes on from there, bit for bit::

    state = TrainingState(config)
    state.initialize(environment)
    for point in train(state):
        if point is Point.EPISODE_ENDED:
            print(state.episode, state.running.episode_return)
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.algorithm.training_state import RunningEpisode, TrainingState
from dqn_core.events import EndReason

__all__ = ["Point", "train"]


class Point(Enum):
    """Where the loop stands when it yields."""

    WARMED_UP = auto()
    """The replay memory holds what a random policy met; nothing is learned yet."""
    BEFORE_STEP = auto()
    """An action is chosen (``running.pending``), and not taken yet."""
    UPDATED = auto()
    """A minibatch was learned from; ``updates_left`` more are due after this env step. A state may be saved here while
    there are some: after the last, a target copy may be due."""
    EPISODE_ENDED = auto()
    """``running`` is over, and all of it learned from: time to evaluate."""
    BETWEEN_EPISODES = auto()
    """It counts as finished, and the next has not begun."""


def train(state: TrainingState) -> Generator[Point, None, EndReason]:
    """Train to the limits of the config, which is read anew after each point; returns the limit that was reached."""
    before_step, updated = Point.BEFORE_STEP, Point.UPDATED  # 80 ns each, each time, where Python 3.11 looks them up
    if state.is_warming_up:
        yield from _warm_up(state)
    while (limit := _limit_reached(state)) is None:
        episode, last_step = state.running or _begin_episode(state), state.config.max_env_steps or math.inf
        while state.updates_left or not (episode.is_over or state.env_step >= last_step):
            if not state.updates_left:  # else the state was saved between two updates of one env step
                if episode.pending is None:
                    episode.pending = choose_action(state, episode.observation)
                yield before_step
                take_step(state, episode, episode.pending[0])
                _follow_schedules(state)
            while state.updates_left:
                update(state)
                yield updated
            config = state.config
            if config.target_update == "steps" and state.env_step % config.target_update_every == 0:
                state.learner.sync_target()
        if not episode.is_over:
            return EndReason.MAX_ENV_STEPS
        if state.config.target_update == "episode":
            state.learner.sync_target()
        yield Point.EPISODE_ENDED
        state.running, state.finished_episodes = None, state.episode
        yield Point.BETWEEN_EPISODES
    return limit


def _warm_up(state: TrainingState) -> Iterator[Point]:
    """Fill the replay memory with a random policy: epsilon is 1 as yet."""
    while state.env_step < state.config.warmup_steps:
        episode, last_step = state.running or _reset(state), state.config.warmup_steps
        while not (episode.is_over or state.env_step >= last_step):
            if episode.pending is None:
                episode.pending = choose_action(state, episode.observation)
            yield Point.BEFORE_STEP
            take_step(state, episode, episode.pending[0])
        if episode.is_over:
            state.running = None
    if state.running is not None:
        state.memory.window.cut(state.running.observation)
        state.running = None
    state.is_warming_up, state.warmed_up_at = False, state.env_step
    yield Point.WARMED_UP


def _limit_reached(state: TrainingState) -> EndReason | None:
    """What keeps another episode from beginning; an episode that runs is played to its end, or to the last env step."""
    if state.running is not None:
        return None
    if state.episode >= state.config.max_episodes:
        return EndReason.MAX_EPISODES
    return EndReason.MAX_ENV_STEPS if state.env_step >= (state.config.max_env_steps or math.inf) else None


def _begin_episode(state: TrainingState) -> RunningEpisode:
    """Begin the next episode, with its epsilon where that follows the episodes."""
    state.episode += 1
    state.epsilon = epsilon_at(state.config, state.episode - 1, state.training_step)
    return _reset(state)


def _reset(state: TrainingState) -> RunningEpisode:
    """Reset the environment: with the run's seed the first time, with its own generator from then on."""
    state.running = RunningEpisode(state.environment, state.randomness.take_environment_seed())
    if state.normalizer is not None:
        state.normalizer.observe(state.running.observation)
    return state.running


def choose_action(state: TrainingState, observation: NDArray[np.float32]) -> tuple[int, bool]:
    """Epsilon-greedy: (a random action with probability epsilon, else argmax_a Q(s, a); whether it is the latter)."""
    exploration = state.randomness.exploration
    if exploration.random() >= state.epsilon:
        return state.learner.explore(observation), True
    return int(exploration.integers(state.n_actions)), False


def take_step(state: TrainingState, episode: RunningEpisode, action: int) -> None:
    """Take ``action`` and store the transition, with the reward that is to be learned from."""
    observation = episode.observation
    reward, episode.pending = episode.step(action), None
    if state.reward_formula is not None:
        reward = episode.shaped(state.reward_formula, observation, reward)
    state.memory.add(observation, action, reward, episode.observation, episode.terminated, episode.truncated)
    if state.normalizer is not None:
        state.normalizer.observe(episode.observation)
    state.env_step += 1


def _follow_schedules(state: TrainingState) -> None:
    """Epsilon after this env step, where it follows those, and the updates due: none before a batch is in memory."""
    config = state.config
    if config.epsilon_schedule == "linear_steps":
        state.epsilon = epsilon_at(config, state.episode - 1, state.training_step)
    if state.env_step % config.update_every == 0 and len(state.memory.replay) >= config.batch_size:
        state.updates_left = config.gradient_steps


def update(state: TrainingState) -> None:
    """One update of the online network towards the TD targets of a batch drawn from memory."""
    config, memory, learner = state.config, state.memory, state.learner
    indices, weights = memory.draw(config.batch_size, state.training_step)
    learner.update(memory.replay, indices, weights)
    if weights is not None:
        memory.revise(indices, learner)
    state.updates += 1
    state.updates_left -= 1
