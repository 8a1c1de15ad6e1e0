"""The DQN training loop (Mnih et al. 2015, Algorithm 1) as a generator of events.

A trainer does no I/O: it yields what happened, by time (about 20 times a second) and at episode ends, and takes
commands from its mailbox between two env steps. Whoever consumes the events writes logs and draws curves::

    for event in Trainer(config).events():
        ...
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig
from dqn_core.errors import ChangeRefusedError, ConfigError, DivergenceError, DqnLabError, mark
from dqn_core.events import (
    Change,
    EndReason,
    EpisodeEnded,
    Event,
    Frame,
    HyperparametersChanged,
    Notice,
    Phase,
    Progress,
    RunEnded,
    RunStarted,
    RunState,
    StateChanged,
)
from dqn_core.training.controls import Controls, Mailbox, StopRequestedError
from dqn_core.training.environments import (
    action_range,
    as_failure,
    close_environment,
    make_environment,
    render_jpeg,
    set_decorated,
)
from dqn_core.training.evaluation import Evaluator
from dqn_core.training.progress import EpisodeAverages, Stopwatch, WeightsKeeper
from dqn_core.training.randomness import Randomness

__all__ = ["Trainer"]

_HEARTBEAT_S = 0.05
_UPDATES_BETWEEN_CHECKS = 500
"""Updates between two looks for NaN: counted, not timed, so that the logged means do not depend on the clock."""


class Trainer:
    """Trains one agent with one config and one seed.

    Parameters
    ----------
    config
        What to train.
    mailbox
        Commands of :mod:`dqn_core.events`; any thread may put them in. None: nobody will.
    clock
        Seconds, for logs, pace and heartbeats only: no result depends on it.
    """

    def __init__(
        self, config: TrainingConfig, mailbox: Mailbox | None = None, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.config = config
        self.mailbox = mailbox if mailbox is not None else Mailbox()
        self._clock = clock
        self._controls = Controls(self.mailbox, clock)
        self._randomness = Randomness(config.seed)
        self.env_step = self.updates = self.episode = 0
        self.finished_episodes = 0
        self._stopwatch = Stopwatch(clock)
        self._weights = WeightsKeeper(clock)
        self._averages = EpisodeAverages()
        self.episode_length, self.episode_return = 0, 0.0
        self._phase = Phase.WARMUP
        self._attend_at = self._heartbeat_at = -math.inf
        self._announced = RunState.RUNNING
        self._environments: list[gym.Env[np.ndarray, Any]] = []

    # ------------------------------------------------------------------------------------------ the algorithm

    def events(self) -> Iterator[Event]:
        """Train to the end of the run. The first event is RunStarted (unless making it fails), the last RunEnded.

        A run's own failures (a diverging loss, an environment that raises) are told by RunEnded, not raised.
        """
        try:
            yield from self._set_up()
            self._stopwatch.restart()
            yield from self._warm_up()
            self._warmed_up_at = self.env_step
            self._phase = Phase.TRAINING
            reason = None
            while reason is None:
                reason = yield from self._train_episode()
            yield from self._close_log(reason)
        except StopRequestedError:
            yield from self._close_log(EndReason.STOPPED)
        except DivergenceError as error:
            yield from self._close_log(EndReason.DIVERGED, error)
        except Exception as error:  # noqa: BLE001  an environment is other people's code: its failure ends this run only
            yield from self._close_log(EndReason.FAILED, as_failure(error))
        finally:
            for environment in self._environments:
                close_environment(environment)

    def _warm_up(self) -> Iterator[Event]:
        """Fill the replay memory with a random policy."""
        self._epsilon = 1.0
        while self.env_step < self.config.warmup_steps:
            yield from self._play_episode(until_step=self.config.warmup_steps, learn=False)

    def _train_episode(self) -> Generator[Event, None, EndReason | None]:
        """One episode of acting and learning, then the target, the evaluation and the log."""
        config = self.config
        if self.episode >= config.max_episodes:
            return EndReason.MAX_EPISODES
        step_limit = config.max_env_steps or math.inf
        if self.env_step >= step_limit:
            return EndReason.MAX_ENV_STEPS
        self._epsilon = epsilon_at(config, self.episode, self._training_step)
        self.episode += 1
        terminated, truncated = yield from self._play_episode(until_step=step_limit, learn=True)
        if not (terminated or truncated):
            return EndReason.MAX_ENV_STEPS
        if self.config.target_update == "episode":
            self.learner.sync_target()
        self._check_divergence()
        eval_return, solved = yield from self._evaluate_if_due()
        self.finished_episodes = self.episode
        yield self._episode_ended(eval_return, terminated=terminated, truncated=truncated)
        return EndReason.SOLVED if solved else None

    def _play_episode(self, until_step: float, *, learn: bool) -> Generator[Event, None, tuple[bool, bool]]:
        """Act, store and learn until the episode ends or ``until_step``; returns (terminated, truncated)."""
        environment, replay, clock, mailbox = self._environment, self.replay, self._clock, self.mailbox
        observation = self._reset()
        terminated = truncated = False
        while not (terminated or truncated) and self.env_step < until_step:
            action = self._choose_action(observation)
            if clock() >= self._attend_at or not mailbox.empty():
                yield from self._attend(observation, action)
            next_observation, reward, terminated, truncated, _ = environment.step(action + self._first_action)
            next_observation = np.asarray(next_observation, dtype=np.float32)  # [D]
            replay.add(observation, action, float(reward), next_observation, terminated)
            observation = next_observation
            self.env_step += 1
            self.episode_length += 1
            self.episode_return += float(reward)
            if learn:
                self._learn()
        return terminated, truncated

    def _choose_action(self, observation: np.ndarray) -> int:
        """Epsilon-greedy: a random action with probability epsilon, else the one of the largest Q."""
        exploration = self._randomness.exploration
        self.is_greedy = exploration.random() >= self._epsilon
        return self.learner.act(observation) if self.is_greedy else int(exploration.integers(self.n_actions))

    def _learn(self) -> None:
        """The updates and target copies that are due after this env step."""
        config, replay = self.config, self.replay
        if config.epsilon_schedule == "linear_steps":
            self._epsilon = epsilon_at(config, self.episode - 1, self._training_step)
        if self.env_step % config.update_every == 0 and len(replay) >= config.batch_size:
            for _ in range(config.gradient_steps):
                self.learner.update(replay, replay.sample_indices(self._randomness.replay, config.batch_size))
                self.updates += 1
                if self.updates % _UPDATES_BETWEEN_CHECKS == 0:
                    self._check_divergence()
        if config.target_update == "steps" and self.env_step % config.target_update_every == 0:
            self.learner.sync_target()

    # ------------------------------------------------------------------------------------------------- parts

    def _set_up(self) -> Iterator[Event]:
        config = self.config
        self._environment = make_environment(config.env_id, config.max_episode_steps)
        self._environments.append(self._environment)
        self._environments.append(make_environment(config.env_id, config.max_episode_steps))
        self._evaluator = Evaluator(self._environments[-1])
        (observation_size,) = self._environment.observation_space.shape  # type: ignore[misc]
        self._first_action, self.n_actions = action_range(self._environment)
        self.replay = ReplayBuffer(config.buffer_size, observation_size)
        self.learner, choice = make_learner(config, observation_size, self.n_actions, self._randomness.weights)
        self._weights.keep_good(self.learner.weights())
        yield RunStarted(
            compute=choice.compute,
            compute_template=choice.template,
            compute_parameters=choice.parameters,
            parameters=sum(each.size for each in self.learner.weights().values()),
        )
        if choice.warning:
            yield Notice(template=choice.warning, parameters=choice.warning_parameters)

    def _reset(self) -> np.ndarray:
        """Begin an episode; the environment is seeded once and then goes on with its own generator."""
        observation, _ = self._environment.reset(seed=self._randomness.take_environment_seed())
        self.episode_length, self.episode_return = 0, 0.0
        return np.asarray(observation, dtype=np.float32)

    @property
    def _training_step(self) -> int:
        """Env steps since the warm-up: the clock of the linear epsilon schedule."""
        return self.env_step - self._warmed_up_at

    def _check_divergence(self) -> None:
        """Gather the learner's statistics; stop the run where they are not finite, else remember the weights."""
        statistics = self.learner.take_statistics()
        self._averages.add(statistics)
        if statistics.updates and not math.isfinite(statistics.loss_mean):
            template = mark(
                "The loss became {loss} at update {updates}: training diverged. The last good weights are kept. "
                "Try a smaller learning rate, gradient clipping or the Huber loss."
            )
            raise DivergenceError(template, loss=statistics.loss_mean, updates=self.updates)
        if self.updates % _UPDATES_BETWEEN_CHECKS == 0:
            self._weights.keep_good(self.learner.weights())

    def _episode_ended(self, eval_return: float, *, terminated: bool, truncated: bool) -> EpisodeEnded:
        loss_mean, q_mean = self._averages.take()
        config = self.config
        return EpisodeEnded(
            episode=self.episode,
            env_step=self.env_step,
            wall_time_s=self._stopwatch.seconds,
            episode_return=self.episode_return,
            length=self.episode_length,
            loss_mean=loss_mean,
            q_mean=q_mean,
            epsilon=self._epsilon,
            gamma=config.gamma,
            learning_rate=config.learning_rate,
            buffer_size=config.buffer_size,
            buffer_fill=len(self.replay),
            eval_return=eval_return,
            terminated=bool(terminated),
            truncated=bool(truncated),
        )

    # ------------------------------------------------------------------------------------------- evaluation

    def _evaluate_if_due(self) -> Generator[Event, None, tuple[float, bool]]:
        """Mean greedy return and whether the goal is reached and confirmed; (NaN, False) where none is due."""
        config = self.config
        if config.evaluate_every == 0 or self.episode % config.evaluate_every:
            return math.nan, False
        self._phase = Phase.EVALUATING
        eval_return = yield from self._evaluate(config.evaluation_episodes)
        goal = math.inf if config.goal_score is None else config.goal_score
        solved = eval_return > goal
        if solved and config.confirmation_episodes:
            solved = (yield from self._evaluate(config.confirmation_episodes)) > goal
        self._phase = Phase.TRAINING
        if solved or self._weights.is_best(eval_return):
            self._weights.keep_best(self.learner.weights(), eval_return, self.episode, self.env_step)
        return eval_return, solved

    def _evaluate(self, episodes: int) -> Generator[Event, None, float]:
        """Mean return of greedy episodes in an environment of their own; commands are taken meanwhile."""
        steps = self._evaluator.play(self.learner, episodes)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return float(end.value)
            if self._clock() >= self._attend_at or not self.mailbox.empty():
                yield from self._sign_of_life()

    # ---------------------------------------------------------------------------- between two env steps

    def _sign_of_life(self) -> Iterator[Event]:
        """Take commands, apply live changes, and tell where the run stands."""
        self._controls.receive()
        yield from self._apply_changes()
        if self._clock() >= self._heartbeat_at:
            self._heartbeat_at = self._clock() + _HEARTBEAT_S
            yield self._progress()
            yield from self._weights.hand_out()
        self._look_again()

    def _look_again(self) -> None:
        """Set when the loop next has to look up from its work, and whether the environment shows off meanwhile."""
        controls = self._controls
        self._attend_at = -math.inf if controls.needs_every_step else min(self._heartbeat_at, controls.next_frame_at)
        set_decorated(self._environment, on=controls.sees_every_motion)

    def _attend(self, observation: np.ndarray, action: int) -> Iterator[Event]:
        """What is due before this env step: commands, pause, a frame, the pace, a heartbeat."""
        controls = self._controls
        yield from self._sign_of_life()
        if controls.is_paused and not controls.take_granted_step():
            yield from self._stand_still(observation, action)
        if controls.take_frame():
            yield from self._frame(observation, action)
        controls.keep_pace()
        yield from self._apply_changes()
        self._look_again()

    def _stand_still(self, observation: np.ndarray, action: int) -> Iterator[Event]:
        """Wait, paused, for a command; live changes and frames go on."""
        self._stopwatch.pause()
        yield self._progress()
        if self._announced is not RunState.PAUSED:
            self._announced = RunState.PAUSED
            yield StateChanged(state=RunState.PAUSED)
        shown = False
        while self._controls.is_paused and not self._controls.take_granted_step():
            if self._controls.is_watched and not shown:
                yield from self._frame(observation, action)
                shown = True
            self._controls.receive(timeout=None)
            yield from self._apply_changes()
        self._stopwatch.resume()
        if not self._controls.is_paused:
            self._announced = RunState.RUNNING
            yield StateChanged(state=RunState.RUNNING)

    def _apply_changes(self) -> Iterator[Event]:
        wanted, self._controls.wanted_changes = self._controls.wanted_changes, []
        for change in wanted:
            old = self.config
            try:
                self.config = old.changed_live(change.field, change.value)
            except (ConfigError, ChangeRefusedError) as error:
                yield Notice(template=error.template, parameters=error.parameters)
                continue
            yield from self._tell_change(old)

    def _tell_change(self, old: TrainingConfig) -> Iterator[Event]:
        new = self.config
        changes = tuple(Change(field=name, old=before, new=now) for name, before, now in old.differences(new))
        if not changes:
            return
        self.learner.configure(new)
        if new.buffer_size != self.replay.capacity:
            self.replay.resize(new.buffer_size)
        if self._phase is not Phase.WARMUP:
            self._epsilon = epsilon_at(new, self.episode - 1, self._training_step)
        yield HyperparametersChanged(
            wall_time_s=self._stopwatch.seconds,
            env_step=self.env_step,
            episode=self.episode,
            changes=changes,
        )

    def _progress(self) -> Progress:
        return Progress(
            wall_time_s=self._stopwatch.seconds,
            env_step=self.env_step,
            updates=self.updates,
            episode=self.episode,
            phase=self._phase,
            epsilon=self._epsilon,
            steps_per_s=self._stopwatch.rate(self.env_step),
            episode_return=self.episode_return,
            buffer_fill=len(self.replay),
        )

    def _frame(self, observation: np.ndarray, action: int) -> Iterator[Event]:
        if jpeg := render_jpeg(self._environment):
            yield Frame(
                episode=self.episode,
                env_step=self.env_step,
                episode_step=self.episode_length,
                episode_return=self.episode_return,
                jpeg=jpeg,
                q_values=tuple(map(float, self.learner.q_values(observation[None])[0])),
                action=action,
                is_greedy=self.is_greedy,
            )

    def _close_log(self, reason: EndReason, error: DqnLabError | None = None) -> Iterator[Event]:
        """The last events of a run: the weights, where it stands, why it ended."""
        if self._weights.good:  # else the run failed before it had a network
            last = None if reason.state is RunState.FAILED else self.learner.weights()
            yield from self._weights.close(last, self.episode, self.env_step)
            yield self._progress()
        yield RunEnded(
            reason=reason,
            wall_time_s=self._stopwatch.seconds,
            episodes=self.finished_episodes,
            env_steps=self.env_step,
            updates=self.updates,
            best_eval=self._weights.best_eval,
            template=error.template if error else "",
            parameters=error.parameters if error else {},
        )
