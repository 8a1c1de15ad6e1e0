"""The DQN training loop (Mnih et al. 2015, Algorithm 1) as a generator of events.

A trainer does no I/O: it yields what happened, by time (about 20 times a second) and at episode ends, and takes
commands from its mailbox between two env steps. Whoever consumes the events writes logs and draws curves::

    for event in Trainer(config).events():
        ...
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.algorithm.memory import Memory
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import (
    action_range,
    as_failure,
    close_environment,
    make_environment,
    set_decorated,
)
from dqn_core.errors import DivergenceError, DqnLabError
from dqn_core.events import (
    EndReason,
    Event,
    Notice,
    Phase,
    RunStarted,
    RunState,
    StateChanged,
    Stopping,
)
from dqn_core.training.controls import Controls, Mailbox, StopRequestedError, put_into_effect
from dqn_core.training.evaluation import Evaluator
from dqn_core.training.keeper import Keeper
from dqn_core.training.log_events import episode_ended, frame, notices_at_resume, progress, run_ended
from dqn_core.training.progress import EpisodeAverages, Stopwatch
from dqn_core.training.randomness import Randomness
from dqn_core.training.running_episode import RunningEpisode
from dqn_core.training.trainer_state import TrainerState, restore, take_over_counts

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
    resume_from
        An earlier trainer's state to go on from, bit for bit on the same compute; ``config`` may raise its limits.
    initial_weights
        Online network to begin with instead of a freshly drawn one (``layers.{i}.weight`` [out, in] and
        ``layers.{i}.bias`` [out]); nothing else of the run that they come from is taken over. Weights that do not fit
        fail the run with a message that names the wrong array.
    clock
        Seconds, for logs, pace and heartbeats only: no result depends on it.
    """

    def __init__(
        self,
        config: TrainingConfig,
        mailbox: Mailbox | None = None,
        *,
        resume_from: TrainerState | None = None,
        initial_weights: Mapping[str, np.ndarray] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._resume_from = resume_from
        self._initial_weights = initial_weights
        self.config = config
        self.mailbox = mailbox if mailbox is not None else Mailbox()
        self._clock = clock
        self._controls = Controls(self.mailbox, clock)
        self.randomness = Randomness(config.seed)
        self.env_step = self.updates = self.episode = 0
        self.finished_episodes = 0
        self.stopwatch = Stopwatch(clock)
        self.keeper = Keeper(clock)
        self.averages = EpisodeAverages()
        self.running: RunningEpisode | None = None
        self.updates_left = 0
        """Updates of the newest env step that are still to be done: a Stop need not wait for a hundred thousand."""
        self.warmed_up_at = self.evaluations_before = 0
        self.epsilon = 1.0
        self.phase = Phase.WARMUP
        self._attend_at = self._heartbeat_at = -math.inf
        self._announced = RunState.RUNNING
        self._environments: list[gym.Env[np.ndarray, Any]] = []
        if resume_from is not None:
            take_over_counts(self, resume_from)

    # ------------------------------------------------------------------------------------------ the algorithm

    def events(self) -> Iterator[Event]:
        """Train to the end of the run. The first event is RunStarted (unless making it fails), the last RunEnded.

        A run's own failures (a diverging loss, an environment that raises) are told by RunEnded, not raised.
        """
        try:
            yield from self._set_up()
            yield from self._take_up()
            if self.phase is Phase.WARMUP:
                yield from self._warm_up()
            reason = None
            while reason is None:
                reason = yield from self._train_episode()
            yield from self._close_log(reason)
        except StopRequestedError as stop:
            yield Stopping()
            cause = stop.interruption
            reason = EndReason.INTERRUPTED if cause else EndReason.STOPPED
            yield from self._close_log(reason, DqnLabError(cause) if cause else None)
        except DivergenceError as error:
            yield from self._close_log(EndReason.DIVERGED, error)
        except Exception as error:  # noqa: BLE001  an environment is other people's code: its failure ends this run only
            yield from self._close_log(EndReason.FAILED, as_failure(error))
        finally:
            for environment in self._environments:
                close_environment(environment)

    def _warm_up(self) -> Iterator[Event]:
        """Fill the replay memory with a random policy."""
        while self.env_step < self.config.warmup_steps:
            running = yield from self._play_episode(until_step=self.config.warmup_steps, learn=False)
            self.running = None if running.is_over else running
        if self.running is not None:
            self.memory.window.cut(self.running.observation)
            self.running = None
        self.warmed_up_at = self.env_step
        self.phase = Phase.TRAINING
        yield from self.keeper.before_first_episode(self)

    def _train_episode(self) -> Generator[Event, None, EndReason | None]:
        """One episode of acting and learning, then the target, the evaluation and the log."""
        config, step_limit = self.config, self.config.max_env_steps or math.inf
        if self.running is None:
            if self.episode >= config.max_episodes:
                return EndReason.MAX_EPISODES
            if self.env_step >= step_limit:
                return EndReason.MAX_ENV_STEPS
            self.epsilon = epsilon_at(config, self.episode, self.training_step)
            self.episode += 1
        if self.running is None or not self.running.is_over or self.updates_left:  # else taken up in its evaluation
            self.running = yield from self._play_episode(until_step=step_limit, learn=True)
            if not self.running.is_over:
                return EndReason.MAX_ENV_STEPS
            if self.config.target_update == "episode":
                self.learner.sync_target()
            self._check_divergence()
        eval_return, solved = yield from self._evaluate_if_due()
        played, ended = self.running, episode_ended(self, self.running, eval_return)
        self.running, self.finished_episodes = None, self.episode
        yield ended
        yield from self.keeper.after_episode(self, ended, played, solved=solved)
        return EndReason.SOLVED if solved else None

    def _play_episode(self, until_step: float, *, learn: bool) -> Generator[Event, None, RunningEpisode]:
        """Act, store and learn until the episode, a new one or that taken up again, ends or ``until_step``."""
        environment, memory, clock, mailbox = self.environment, self.memory, self._clock, self.mailbox
        running = self.running or RunningEpisode(environment, self.randomness.take_environment_seed())
        self.running, actions = running, running.actions
        if self.updates_left:
            self._update()
        observation, pending = running.observation, running.pending
        terminated, truncated = running.terminated, running.truncated
        while not (terminated or truncated) and self.env_step < until_step:
            action, is_greedy = pending or self._choose_action(observation)
            if clock() >= self._attend_at or not mailbox.empty():
                running.observation, running.pending = observation, (action, is_greedy)
                yield from self._attend(running)
            next_observation, reward, terminated, truncated, _ = environment.step(action + self._first_action)
            next_observation = np.array(next_observation, np.float32)  # [D], a copy: its own may change in place
            memory.add(observation, action, float(reward), next_observation, terminated, truncated)
            observation, pending = next_observation, None
            running.episode_return += float(reward)
            actions.append(action)
            self.env_step += 1
            if learn:
                try:
                    self._learn()
                except StopRequestedError:
                    running.stand_at(observation, terminated=terminated, truncated=truncated)
                    raise
        running.stand_at(observation, terminated=terminated, truncated=truncated)
        return running

    def _choose_action(self, observation: np.ndarray) -> tuple[int, bool]:
        """Epsilon-greedy: (a random action with probability epsilon, else the greedy one; whether it is that)."""
        exploration = self.randomness.exploration
        if exploration.random() >= self.epsilon:
            return self.learner.explore(observation), True
        return int(exploration.integers(self.n_actions)), False

    def _learn(self) -> None:
        """The updates and target copies that are due after this env step."""
        config = self.config
        if config.epsilon_schedule == "linear_steps":
            self.epsilon = epsilon_at(config, self.episode - 1, self.training_step)
        if self.env_step % config.update_every == 0 and len(self.replay) >= config.batch_size:
            self.updates_left = config.gradient_steps
        self._update()

    def _update(self) -> None:
        """The updates that are left of this env step, and the target copy after them.

        A Stop that comes between two updates leaves the others to whoever goes on with the run.
        """
        config, replay = self.config, self.replay
        while self.updates_left:
            indices, weights = self.memory.draw(config.batch_size, self.training_step)
            self.learner.update(replay, indices, weights)
            if weights is not None:
                self.memory.revise(indices, self.learner)
            self.updates += 1
            self.updates_left -= 1
            if self.updates % _UPDATES_BETWEEN_CHECKS == 0:
                self._check_divergence()
            if self.updates_left and not self.mailbox.empty():
                self._attend_at = -math.inf  # what is no Stop takes effect before the next env step
                self._controls.receive()
        if config.target_update == "steps" and self.env_step % config.target_update_every == 0:
            self.learner.sync_target()

    # ------------------------------------------------------------------------------------------------- parts

    def _set_up(self) -> Iterator[Event]:
        config = self.config
        self.environment = make_environment(config.env_id, config.max_episode_steps)
        self._environments.append(self.environment)
        self._environments.append(make_environment(config.env_id, config.max_episode_steps))
        self.evaluator = Evaluator(self._environments[-1])
        (observation_size,) = self.environment.observation_space.shape  # type: ignore[misc]
        self._first_action, self.n_actions = action_range(self.environment)
        self.memory = Memory(config, observation_size, self.randomness.replay)
        self.replay = self.memory.replay
        self.replay.rows.fill(0.0)  # takes the memory now: it neither grows while the run trains nor fails then
        self.learner, choice = make_learner(config, observation_size, self.n_actions, self.randomness.weights)
        if self._initial_weights is not None:
            self.learner.load_weights(self._initial_weights)
        yield RunStarted(
            compute=choice.compute,
            compute_template=choice.template,
            compute_parameters=choice.parameters,
            parameters=sum(each.size for each in self.learner.weights().values()),
        )
        if choice.warning:
            yield Notice(template=choice.warning, parameters=choice.warning_parameters)

    def _take_up(self) -> Iterator[Event]:
        """Start the clock, from where an earlier run stood if there is one."""
        self.stopwatch.restart()
        if self._resume_from is not None:
            before = self._resume_from.config.replace(compute=self.config.compute)
            yield from notices_at_resume(self, before, repeats=restore(self, self._resume_from))
            yield from put_into_effect(self, before)
        self.keeper.keep_good(self)

    @property
    def training_step(self) -> int:
        """Env steps since the warm-up: the clock of the linear epsilon schedule."""
        return self.env_step - self.warmed_up_at

    def _check_divergence(self) -> None:
        """Gather the learner's statistics; stop the run where they are not finite, else remember the weights."""
        self.averages.add(self.learner.take_statistics(), self.updates)
        if self.updates % _UPDATES_BETWEEN_CHECKS == 0:
            self.keeper.keep_good(self)

    # ------------------------------------------------------------------------------------------- evaluation

    def _evaluate_if_due(self) -> Generator[Event, None, tuple[float, bool]]:
        """Mean greedy return and whether the goal is reached and confirmed; (NaN, False) where none is due."""
        config = self.config
        if config.evaluate_every == 0 or self.episode % config.evaluate_every:
            return math.nan, False
        self.phase, self.evaluations_before = Phase.EVALUATING, self.evaluator.played
        eval_return = yield from self._evaluate(config.evaluation_episodes)
        if config.recheck_episodes and not eval_return < self.keeper.best_eval:
            again = yield from self._evaluate(config.recheck_episodes)
            episodes = config.evaluation_episodes + config.recheck_episodes
            eval_return += (again - eval_return) * config.recheck_episodes / episodes
        goal = math.inf if config.goal_score is None else config.goal_score
        solved = eval_return > goal
        if solved and config.confirmation_episodes:
            solved = (yield from self._evaluate(config.confirmation_episodes)) > goal
        self.phase = Phase.TRAINING
        return eval_return, solved

    def _evaluate(self, episodes: int) -> Generator[Event, None, float]:
        """Mean return of greedy episodes in an environment of their own; commands are taken meanwhile."""
        epsilon = self.epsilon if self.config.mistake_explore_in_evaluation else 0.0
        steps = self.evaluator.play(self.learner, episodes, epsilon)
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
        yield from self._controls.apply_changes(self)
        if self._clock() >= self._heartbeat_at:
            self._heartbeat_at = self._clock() + _HEARTBEAT_S
            yield progress(self)
            yield from self.keeper.at_heartbeat(self)
        yield from self._take_wanted_checkpoint()
        self._look_again()

    def _look_again(self) -> None:
        """Set when the loop next has to look up from its work, and whether the environment shows off meanwhile."""
        controls = self._controls
        self._attend_at = -math.inf if controls.needs_every_step else min(self._heartbeat_at, controls.next_frame_at)
        set_decorated(self.environment, on=controls.sees_every_motion)

    def _attend(self, running: RunningEpisode) -> Iterator[Event]:
        """What is due before this env step: commands, pause, a frame, the pace, a heartbeat."""
        controls = self._controls
        yield from self._sign_of_life()
        if controls.is_paused and not controls.take_granted_step():
            yield from self._stand_still(running)
        if controls.take_frame():
            yield from self._show(running)
        controls.keep_pace()
        yield from self._controls.apply_changes(self)
        self._look_again()

    def _stand_still(self, running: RunningEpisode) -> Iterator[Event]:
        """Wait, paused, for a command; live changes and frames go on."""
        self.stopwatch.pause()
        yield progress(self)
        if self._announced is not RunState.PAUSED:
            self._announced = RunState.PAUSED
            yield StateChanged(state=RunState.PAUSED)  # first: whoever pressed the button waits for it
            yield from self.keeper.at_rest(self)
        shown = False
        while self._controls.is_paused and not self._controls.take_granted_step():
            if self._controls.is_watched and not shown:
                yield from self._show(running)
                shown = True
            self._controls.receive(timeout=None)
            yield from self._controls.apply_changes(self)
            yield from self._take_wanted_checkpoint()
        self.stopwatch.resume()
        if not self._controls.is_paused:
            self._announced = RunState.RUNNING
            yield StateChanged(state=RunState.RUNNING)

    def _show(self, running: RunningEpisode) -> Iterator[Event]:
        started_at = self._clock()
        shown = frame(self, running)
        self._controls.note_frame_cost(self._clock() - started_at)
        if shown:
            yield shown

    def _take_wanted_checkpoint(self) -> Iterator[Event]:
        if self._controls.take_checkpoint_wish():
            yield from self.keeper.checkpoint(self)

    def _close_log(self, reason: EndReason, error: DqnLabError | None = None) -> Iterator[Event]:
        """The last events of a run: the weights, where it stands, why it ended."""
        if self.keeper.good is not None:  # else the run failed before it had a network
            has_failed = reason.state is RunState.FAILED
            yield from self.keeper.after_failure() if has_failed else self.keeper.at_end(self)
            yield progress(self)
        yield run_ended(self, reason, error)
