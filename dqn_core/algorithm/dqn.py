"""Deep Q-learning with experience replay (Mnih et al. 2015, Algorithm 1).

:func:`train` is a generator over a :class:`TrainingState`. It yields a :class:`Point` wherever somebody may look at the
state, save it, change its config, or leave; between two points it does what the pseudo-code says, and nothing else. A
state that was saved at a point goes on from there, bit for bit::

    state = TrainingState(config)
    state.initialize([environment])
    for point in train(state):
        if point is Point.EPISODE_ENDED:
            print(state.episode, state.running.episode_return)

Of several environments in parallel, each has its turn: a step of it, and the updates due after that. Their actions are
chosen together at the beginning of a round, so that one pass through the network serves all of them, and no step has to
wait for the update before it.
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
    """An action is chosen (``running.pending``), and not taken yet; in the environment whose turn it is."""
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
    is_parallel = len(state.environments) > 1
    choose = _choose_for_all if is_parallel else _choose_for
    if state.is_warming_up:
        yield from _warm_up(state)
    while (limit := _limit_reached(state)) is None:
        episode, last_step = state.running or _next_turn(state), state.config.max_env_steps or math.inf
        while state.updates_left or not (episode.is_over or state.env_step >= last_step):
            if not state.updates_left:  # else the state was saved between two updates of one env step
                choose(state, episode)
                yield before_step
                take_step(state, episode)
                _follow_schedules(state)
            while state.updates_left:
                update(state)
                yield updated
            config = state.config
            if config.target_update == "steps" and state.env_step % config.target_update_every == 0:
                state.learner.sync_target()
            if is_parallel and not episode.is_over:
                episode = _next_turn(state)
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
        episode = state.running or _reset(state, state.turn)
        _choose_for(state, episode)
        yield Point.BEFORE_STEP
        take_step(state, episode)
        if episode.is_over:
            state.running = None
        _pass_turn(state)
    for window, running in zip(state.memory.windows, state.episodes, strict=True):
        if running is not None:
            window.cut(running.observation)
    state.end_episodes()
    state.is_warming_up, state.warmed_up_at = False, state.env_step
    yield Point.WARMED_UP


def _limit_reached(state: TrainingState) -> EndReason | None:
    """What keeps another episode from beginning; an episode that runs is played to its end, or to the last env step.

    Those that run in other environments by then are left where they are.
    """
    if state.running is not None:
        return None
    if state.finished_episodes >= state.config.max_episodes:
        return EndReason.MAX_EPISODES
    return EndReason.MAX_ENV_STEPS if state.env_step >= (state.config.max_env_steps or math.inf) else None


def _pass_turn(state: TrainingState) -> None:
    state.turn = (state.turn + 1) % len(state.environments)


def _next_turn(state: TrainingState) -> RunningEpisode:
    """The episode of the environment whose turn comes now; a new one where it has none."""
    _pass_turn(state)
    state.episode = state.finished_episodes + 1
    return state.running or _begin_episode(state, state.turn)


def _begin_episode(state: TrainingState, number: int) -> RunningEpisode:
    """Begin an episode in the environment of this ``number``, with its epsilon where that follows the episodes."""
    state.epsilon = epsilon_at(state.config, state.finished_episodes, state.training_step)
    return _reset(state, number)


def _reset(state: TrainingState, number: int) -> RunningEpisode:
    """Reset an environment: with a seed of the run's the first time, with its own generator from then on."""
    episode = RunningEpisode(state.environments[number], state.randomness.take_environment_seed(number))
    state.episodes[number] = episode
    if state.normalizer is not None:
        state.normalizer.observe(episode.observation)
    return episode


def choose_action(state: TrainingState, observation: NDArray[np.float32]) -> tuple[int, bool]:
    """Epsilon-greedy: (a random action with probability epsilon, else argmax_a Q(s, a); whether it is the latter)."""
    action = _random_action(state)
    return (state.learner.explore(observation), True) if action is None else (action, False)


def _random_action(state: TrainingState) -> int | None:
    """A random action with probability epsilon, else None."""
    exploration = state.randomness.exploration
    return None if exploration.random() >= state.epsilon else int(exploration.integers(state.n_actions))


def _choose_for(state: TrainingState, episode: RunningEpisode) -> None:
    """Choose the next action of ``episode``, unless it is chosen."""
    if episode.pending is None:
        episode.pending = choose_action(state, episode.observation)


def _choose_for_all(state: TrainingState, episode: RunningEpisode) -> None:
    """The same where a round begins: for every environment, those without an episode too, in one pass.

    Where all actions are random no network is asked. A noisy one always is, and draws its noise: its epsilon is 0.
    """
    if episode.pending is not None:
        return
    running = [each or _begin_episode(state, number) for number, each in enumerate(state.episodes)]
    waiting = [each for each in running if each.pending is None]
    explored = [_random_action(state) for _ in waiting]
    greedy = [0] * len(waiting)  # read where explored is None alone
    if None in explored:
        greedy = state.learner.explore_each(np.stack([each.observation for each in waiting])).tolist()
    for each, random_action, action in zip(waiting, explored, greedy, strict=True):
        each.pending = (action, True) if random_action is None else (random_action, False)


def take_step(state: TrainingState, episode: RunningEpisode) -> None:
    """Take the pending action and store the transition, with the reward that is to be learned from."""
    assert episode.pending is not None  # noqa: S101  chosen before each step
    observation, action = episode.observation, episode.pending[0]
    reward, episode.pending = episode.step(action), None
    if state.reward_formula is not None:
        reward = episode.shaped(state.reward_formula, observation, reward)
    state.memory.add(
        observation, action, reward, episode.observation, episode.terminated, episode.truncated, state.turn
    )
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
