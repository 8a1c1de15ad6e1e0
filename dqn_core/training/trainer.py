"""One run as a generator of events: the driver of DQN's training loop (:mod:`dqn_core.algorithm.dqn`).

The loop stops at points, and what is due there is done here: commands, pause, pace, frames, live changes, heartbeats,
evaluations, checkpoints, the check for divergence, the log. A trainer does no I/O: it yields what happened, by time
(about 20 times a second) and at episode ends, and takes commands from its mailbox. Whoever consumes the events writes
logs and draws curves::

    for event in Trainer(config).events():
        ...
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.dqn import Point, train
from dqn_core.algorithm.networks import as_trained
from dqn_core.algorithm.normalization import network_only
from dqn_core.algorithm.saliency import saliency
from dqn_core.algorithm.training_state import TrainingState, saved_environments
from dqn_core.config import Arguments, EnvironmentChoice, TrainingConfig
from dqn_core.environments.door import CheckedEnvironment
from dqn_core.environments.make import inspect_environment, make_environment
from dqn_core.environments.settings import check_environment, check_live_change, reward_formula
from dqn_core.errors import DivergenceError, DqnLabError, EnvironmentFailedError, UnsupportedEnvironmentError, mark
from dqn_core.events import (
    EndReason,
    Event,
    Frame,
    Notice,
    Phase,
    RunStarted,
    RunState,
    StateChanged,
    Stopping,
)
from dqn_core.training.bookkeeping import (
    Bookkeeping,
    changed,
    episode_ended,
    notices_at_resume,
    progress,
    run_ended,
)
from dqn_core.training.checkpoint import Checkpoint
from dqn_core.training.checkpoint_policy import CheckpointPolicy
from dqn_core.training.controls import Controls, Mailbox, StopRequestedError

__all__ = ["Trainer"]

_LOG = logging.getLogger(__name__)
_HEARTBEAT_S = 0.05
_UPDATES_BETWEEN_CHECKS = 500
"""Updates between two checks for NaN: counted, not timed, so that the logged means do not depend on the clock."""


class Trainer:
    """Trains one agent with one config and one seed.

    Parameters
    ----------
    config
        What to train.
    mailbox
        Commands of :mod:`dqn_core.events`; any thread may put them in. None: nobody will.
    resume_from
        An earlier trainer's checkpoint to go on from, bit for bit on the same compute; ``config`` may raise its limits.
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
        resume_from: Checkpoint | None = None,
        initial_weights: Mapping[str, np.ndarray] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.state = TrainingState(config)
        """What is trained; complete once the first event was yielded."""
        self._resume_from = resume_from
        self._initial_weights = initial_weights
        self._mailbox = mailbox if mailbox is not None else Mailbox()
        self._clock = clock
        self._controls = Controls(self._mailbox, clock)
        self._books = Bookkeeping(clock)
        self._policy = CheckpointPolicy(self.state, self._books, clock)
        self._poll_at = self._heartbeat_at = -math.inf
        self._announced = RunState.RUNNING
        self._environments: list[CheckedEnvironment] = []
        """Those that are trained in."""
        self._evaluation: CheckedEnvironment | None = None
        """None: evaluations use the one that is trained in, in turns."""
        if resume_from is not None and resume_from.is_of_this_version:  # another will be refused
            # A run that cannot be set up again has still done what it did.
            self.state.restore_counters(resume_from.values)
            self._books.restore_counts(resume_from.values)

    def events(self) -> Iterator[Event]:
        """Train to the end of the run. The first event is RunStarted (unless making it fails), the last RunEnded.

        A run's own failures (a diverging loss, an environment that fails) are told by RunEnded, not raised.
        """
        try:
            yield from self._set_up()
            yield from self._resume()
            reason = yield from self._drive()
            yield from self._close_log(reason)
        except StopRequestedError as stop:
            yield Stopping()
            cause = stop.interruption
            reason = EndReason.INTERRUPTED if cause else EndReason.STOPPED
            yield from self._close_log(reason, DqnLabError(cause) if cause else None)
        except DivergenceError as error:
            yield from self._close_log(EndReason.DIVERGED, error)
        except Exception as error:  # noqa: BLE001  whatever it is, it ends this run only
            yield from self._close_log(EndReason.FAILED, _as_failure(error))
        finally:
            for environment in (*self._environments, self._evaluation):
                if environment is not None:
                    environment.close()

    # ------------------------------------------------------------------------------------- beginning and end

    def _set_up(self) -> Iterator[Event]:
        state, config = self.state, self.state.config
        check_environment(config)
        remarks = _remarks(config)  # before any is open: it may be that only one can be
        self._make_environments()
        if self._resume_from is not None:
            state.config = self._as_trained(config)
        choice = state.initialize(self._environments)
        state.reward_formula = reward_formula(config)
        if self._initial_weights is not None:
            state.learner.load_weights(self._initial_weights)
        yield RunStarted(
            compute=choice.compute,
            compute_template=choice.template,
            compute_parameters=choice.parameters,
            parameters=sum(each.size for each in network_only(state.learner.weights()).values()),
        )
        if choice.warning:
            yield Notice(template=choice.warning, parameters=choice.warning_parameters)
        for template, parameters in remarks:
            yield Notice(template=template, parameters=parameters)
        if self._evaluation is None:
            template = mark("A second {env_id} cannot be made: evaluations use the one that is trained in, in turns.")
            yield Notice(template=template, parameters={"env_id": config.env_id})

    def _make_environments(self) -> None:
        """Make those to train in, and one for evaluations where there can be another."""
        config = self.state.config
        for choice in self._first_environments():
            try:
                self._environments.append(make_environment(*choice))
            except EnvironmentFailedError as error:
                if not self._environments:
                    raise
                template = mark("Only {count} of {env_id} can be open at a time: set parallel_environments to {count}.")
                count = len(self._environments)
                raise UnsupportedEnvironmentError(template, env_id=config.env_id, count=count) from error
        try:
            self._evaluation = make_environment(*config.evaluation_environment)
        except EnvironmentFailedError as error:  # only so many of its kind may be open, it seems
            if config.parallel_environments > 1:
                template = mark(
                    "Only {count} of {env_id} can be open at a time, and evaluations need one: set "
                    "parallel_environments to {fewer}."
                )
                count = len(self._environments)
                values: dict[str, Any] = {"env_id": config.env_id, "count": count, "fewer": count - 1}
                raise UnsupportedEnvironmentError(template, **values) from error
            self._refuse_other_evaluations(config)

    def _first_environments(self) -> list[EnvironmentChoice]:
        """Those to begin or go on in: that of a running episode, which is played to its end as it began."""
        config, before = self.state.config, self._resume_from
        if before is None or not before.is_of_this_version:
            return [config.environment] * config.parallel_environments
        choices = []
        for saved in saved_environments(before.values):
            running, choice = saved.get("running"), config.environment
            if running is not None:
                env_kwargs = Arguments(running.get("env_kwargs", before.config.env_kwargs))  # earlier versions had none
                choice = choice._replace(env_kwargs=env_kwargs)
            choices.append(choice)
        return choices

    def _resume(self) -> Iterator[Event]:
        """Start the clock, from where an earlier run stood if there is one."""
        self._books.stopwatch.restart()
        if self._resume_from is not None:
            before, config = self._resume_from, self.state.config
            before.check_version()
            self._books.restore(before.arrays, before.values)
            self._policy.after_restoring()
            is_warming_up = before.values["phase"] == Phase.WARMUP
            repeats = self.state.restore(before.arrays, before.values, is_warming_up=is_warming_up)
            settings = self._as_trained(before.config.replace(compute=config.compute))
            yield from notices_at_resume(self.state, settings, repeats=repeats)
            yield from self._take_over(config, settings)
            self._follow_arguments(config)
        self._policy.remember_if_finite()

    def _as_trained(self, config: TrainingConfig) -> TrainingConfig:
        """``config`` with the network that the run's checkpoint holds, where it is from before there was a choice."""
        assert self._resume_from is not None  # noqa: S101  asked of a run that goes on
        return as_trained(config, self._resume_from.arrays, self._environments[0].picture)

    def _close_log(self, reason: EndReason, error: DqnLabError | None = None) -> Iterator[Event]:
        """The last events of a run: the weights, where it stands, why it ended."""
        if self._policy.last_finite is not None:  # else the run failed before it had a network
            has_failed = reason.state is RunState.FAILED
            yield from self._policy.after_failure() if has_failed else self._policy.at_end()
            yield progress(self.state, self._books)
        yield run_ended(self.state, self._books, reason, error)

    # ------------------------------------------------------------------------------------ what is due at a point

    def _drive(self) -> Generator[Event, None, EndReason]:
        """Run the loop to its end, and do at each of its points what is due there."""
        state, clock, mailbox = self.state, self._clock, self._mailbox
        before_step, updated = Point.BEFORE_STEP, Point.UPDATED
        loop = train(state)
        while True:
            try:
                point = next(loop)
            except StopIteration as end:
                reason: EndReason = end.value
                return reason
            if point is before_step:
                if clock() >= self._poll_at or not mailbox.empty():
                    yield from self._before_step()
            elif point is updated:
                if state.updates_left or state.updates % _UPDATES_BETWEEN_CHECKS == 0:
                    self._after_update()
            elif point is Point.EPISODE_ENDED:
                assert state.running is not None  # noqa: S101  it is the one that ended
                played = state.running
                self._check_divergence()
                eval_return, solved = yield from self._evaluate_if_due()
            elif point is Point.BETWEEN_EPISODES:
                ended = episode_ended(state, self._books, played, eval_return)
                yield ended
                yield from self._policy.after_episode(ended, played, solved=solved)
                if solved:
                    return EndReason.SOLVED
            else:
                yield from self._policy.after_warm_up()

    def _after_update(self) -> None:
        """Check for divergence, if that is due, and for a Stop: it need not wait for a hundred thousand updates."""
        if self.state.updates % _UPDATES_BETWEEN_CHECKS == 0:
            self._check_divergence()
        if self.state.updates_left and not self._mailbox.empty():
            self._poll_at = -math.inf  # what is no Stop takes effect before the next env step
            self._controls.receive()

    def _check_divergence(self) -> None:
        """Gather the learner's statistics; stop the run where they are not finite, else remember the weights."""
        updates = self.state.updates
        self._books.averages.add(self.state.learner.take_statistics(), updates)
        if updates % _UPDATES_BETWEEN_CHECKS == 0:
            self._policy.remember_if_finite()

    def _evaluate_if_due(self) -> Generator[Event, None, tuple[float, bool]]:
        """Mean greedy return and whether the goal is reached; (NaN, False) where none is due.

        It is played in an environment of its own; commands are taken meanwhile. Where there is only one, no training
        episode is under way in it now, and its generator is put back afterwards.
        """
        state, books = self.state, self._books
        every = state.config.evaluate_every
        if every == 0 or state.episode % every:
            return math.nan, False
        environment, wanted = self._evaluation or self._environments[0], state.config.evaluation_environment
        if self._evaluation is not None and environment.env_kwargs != wanted.env_kwargs:
            environment.replace_at_reset(make_environment(*wanted))
        generator = environment.generator_state()
        steps = books.evaluator.evaluate(
            environment, state.learner, state.config, epsilon=state.epsilon, best_eval=books.best_eval
        )
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: tuple[float, bool] = end.value
                environment.set_generator_state(generator)
                return result
            if self._clock() >= self._poll_at or not self._mailbox.empty():
                yield from self._poll()

    def _poll(self) -> Iterator[Event]:
        """Take commands, apply live changes, and tell where the run stands."""
        self._controls.receive()
        yield from self._apply_changes()
        if self._clock() >= self._heartbeat_at:
            self._heartbeat_at = self._clock() + _HEARTBEAT_S
            yield progress(self.state, self._books)
            yield from self._policy.at_heartbeat()
        yield from self._take_requested_checkpoint()
        self._schedule_poll()

    def _schedule_poll(self) -> None:
        """Set when the next poll is due, and whether the environment prepares for pictures until then."""
        controls = self._controls
        self._poll_at = -math.inf if controls.needs_every_step else min(self._heartbeat_at, controls.next_frame_at)
        self._environments[0].set_decorated(on=controls.shows_motion)

    def _before_step(self) -> Iterator[Event]:
        """What is due before an env step: commands, a heartbeat; and the pause, a frame, the pace.

        The latter before a step of the first environment alone, which is the one that is shown: a single step is one of
        each.
        """
        controls = self._controls
        yield from self._poll()
        if self.state.turn:
            return
        if controls.is_paused and not controls.take_single_step():
            yield from self._wait_while_paused()
        if controls.take_frame():
            yield from self._draw_frame()
        controls.keep_pace(is_warming_up=self.state.is_warming_up)
        yield from self._apply_changes()
        self._schedule_poll()

    def _wait_while_paused(self) -> Iterator[Event]:
        """Wait for a command that ends the pause or asks for a step; live changes and frames go on."""
        controls = self._controls
        self._books.stopwatch.pause()
        yield progress(self.state, self._books)
        if self._announced is not RunState.PAUSED:
            self._announced = RunState.PAUSED
            yield StateChanged(state=RunState.PAUSED)  # first: whoever pressed the button waits for it
            yield from self._policy.at_pause()
        is_drawn = has_saliency = False
        while controls.is_paused and not controls.take_single_step():
            if controls.is_watched and (not is_drawn or (controls.wants_saliency and not has_saliency)):
                yield from self._draw_frame()
                is_drawn, has_saliency = True, controls.wants_saliency
            controls.receive(timeout=None)
            yield from self._apply_changes()
            yield from self._take_requested_checkpoint()
        self._books.stopwatch.resume()
        if not controls.is_paused:
            self._announced = RunState.RUNNING
            yield StateChanged(state=RunState.RUNNING)

    def _draw_frame(self) -> Iterator[Event]:
        """A picture of the state that the pending action was chosen in."""
        state, started_at = self.state, self._clock()
        jpeg, running, shown = self._environments[0].draw_jpeg(), state.episodes[0], None
        layout = self._environments[0].layout
        wants_saliency = layout is not None and self._controls.wants_saliency
        if running is not None and running.pending is not None:
            action, is_greedy = running.pending
            shown = Frame(
                episode=state.episode,
                env_step=state.env_step,
                episode_step=running.length,
                episode_return=running.episode_return,
                jpeg=jpeg,
                q_values=tuple(map(float, state.learner.q_values(running.observation[None])[0])),
                action=action,
                is_greedy=is_greedy,
                seen=b"" if layout is None else layout.drawn(layout.tiles(running.observation)),
                important=self._drawn_saliency(running.observation, action) if wants_saliency else b"",
            )
        self._controls.note_frame_cost(self._clock() - started_at)
        if shown is not None:
            yield shown

    def _drawn_saliency(self, observation: NDArray[np.float32], action: int) -> bytes:
        layout = self._environments[0].layout
        assert layout is not None  # noqa: S101  asked for where the observation is a picture
        gradient = saliency(self.state.learner, observation[None], np.array([action]))
        return layout.drawn_importance(gradient)[0]

    def _apply_changes(self) -> Iterator[Event]:
        """Put the live changes that were asked for into effect; one that is refused becomes a notice."""
        for change in self._controls.take_changes():
            old = self.state.config
            try:
                new = old.changed_live(change.field, change.value)
                check_live_change(old, new)
                self._follow_arguments(new)
            except DqnLabError as error:  # the value is refused, or the environment cannot be made with it
                yield Notice(template=error.template, parameters=error.parameters)
            else:
                yield from self._take_over(new, old)

    def _take_over(self, new: TrainingConfig, old: TrainingConfig) -> Iterator[Event]:
        """Go on with ``new`` where ``old`` was the config until now, and tell what is different."""
        if new != old:
            self.state.configure(new)
            if new.reward_formula != old.reward_formula:
                self.state.reward_formula = reward_formula(new)
            yield changed(self.state, self._books, old)

    def _follow_arguments(self, config: TrainingConfig) -> None:
        """Have the next episodes played with the environment's arguments that ``config`` says."""
        if self._evaluation is None:
            self._refuse_other_evaluations(config)
        wanted = config.environment
        for environment in self._environments:
            if wanted.env_kwargs != environment.next_env_kwargs:
                is_back = wanted.env_kwargs == environment.env_kwargs
                environment.replace_at_reset(None if is_back else make_environment(*wanted))

    @staticmethod
    def _refuse_other_evaluations(config: TrainingConfig) -> None:
        """Raise where evaluations need an environment of their own, which there cannot be."""
        if config.evaluation_env_kwargs:
            template = mark("A second {env_id} cannot be made: its evaluations cannot have other arguments.")
            raise UnsupportedEnvironmentError(template, env_id=config.env_id)

    def _take_requested_checkpoint(self) -> Iterator[Event]:
        if self._controls.take_checkpoint_request():
            yield from self._policy.checkpoint()


def _remarks(config: TrainingConfig) -> tuple[tuple[str, dict[str, Any]], ...]:
    """What a person should know of the environment; nothing of one that fails, for making it says how."""
    try:
        return inspect_environment(*config.environment).remarks
    except UnsupportedEnvironmentError:
        return ()


def _as_failure(error: Exception) -> DqnLabError:
    """``error`` as something to show; what nobody foresaw goes to the log with its traceback too."""
    if isinstance(error, DqnLabError):
        return error
    _LOG.error("A run failed", exc_info=error)
    template = mark("The run failed ({kind}: {cause}). Its last good weights are kept.")
    return DqnLabError(template, kind=type(error).__name__, cause=error)
