"""What the driver keeps account of beside the algorithm's state, and the run's numbers as events."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.algorithm.learner import UpdateStatistics
from dqn_core.algorithm.training_state import RunningEpisode, TrainingState
from dqn_core.config import TrainingConfig
from dqn_core.environments.settings import default_of
from dqn_core.errors import DivergenceError, DqnLabError, mark
from dqn_core.events import (
    Change,
    EndReason,
    EpisodeEnded,
    HyperparametersChanged,
    Notice,
    Phase,
    Progress,
    RunEnded,
    WeightsReady,
)
from dqn_core.training.evaluation import Evaluator

__all__ = [
    "Bookkeeping",
    "EpisodeAverages",
    "Stopwatch",
    "changed",
    "episode_ended",
    "notices_at_resume",
    "progress",
    "run_ended",
]

_RATE_WINDOW_S = 1.0


class Stopwatch:
    """Seconds of training without the pauses, and a rate over the last second; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._paused_at: float | None = None
        self._marks: deque[tuple[float, int]] = deque()
        self.restart()

    def restart(self, seconds: float = 0.0) -> None:
        """Begin at ``seconds`` now."""
        self._started_at = self._clock() - seconds

    @property
    def seconds(self) -> float:
        """Seconds so far, pauses left out."""
        return (self._clock() if self._paused_at is None else self._paused_at) - self._started_at

    def pause(self) -> None:
        """Stop the clock until :meth:`resume`."""
        self._paused_at = self._clock()

    def resume(self) -> None:
        """Go on; the time since :meth:`pause` does not count."""
        if self._paused_at is not None:
            self._started_at += self._clock() - self._paused_at
            self._paused_at = None

    def rate(self, count: int) -> float:
        """How much ``count`` grew a second, over about the last second."""
        now = self.seconds
        self._marks.append((now, count))
        while len(self._marks) > 2 and now - self._marks[1][0] >= _RATE_WINDOW_S:  # noqa: PLR2004  two ends
            self._marks.popleft()
        then, old = self._marks[0]
        return (count - old) / (now - then) if now > then else 0.0


class EpisodeAverages:
    """Means over an episode's updates, from the learner's statistics taken piece by piece."""

    def __init__(self) -> None:
        self._updates, self._loss_sum, self._q_sum = 0, 0.0, 0.0

    def add(self, statistics: UpdateStatistics, update: int) -> None:
        """Count the updates of ``statistics``, up to the run's ``update``, in.

        Raises
        ------
        DivergenceError
            Their loss is not finite.
        """
        if statistics.updates:
            self._updates += statistics.updates
            self._loss_sum += statistics.updates * statistics.loss_mean
            self._q_sum += statistics.updates * statistics.q_mean
            if not math.isfinite(statistics.loss_mean):
                template = mark(
                    "The loss became {loss} at update {updates}: training diverged. The last good weights are kept. "
                    "Try a smaller learning rate, gradient clipping or the Huber loss: start a new run, or press "
                    "Resume to continue from the last good checkpoint."
                )
                raise DivergenceError(template, loss=statistics.loss_mean, updates=update)

    def take(self) -> tuple[float, float]:
        """(mean loss, mean Q) since last taken; NaN where there was no update."""
        updates = self._updates or math.nan
        means = self._loss_sum / updates, self._q_sum / updates
        self.restore((0, 0.0, 0.0))
        return means

    def state(self) -> tuple[int, float, float]:
        """(updates, sum of losses, sum of Q) since last taken."""
        return self._updates, self._loss_sum, self._q_sum

    def restore(self, state: Sequence[float]) -> None:
        """Go on from :meth:`state`."""
        updates, self._loss_sum, self._q_sum = state
        self._updates = int(updates)


class Bookkeeping:
    """The time trained, the running episode's means, the evaluations, and the best of them; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.stopwatch = Stopwatch(clock)
        self.averages = EpisodeAverages()
        self.evaluator = Evaluator()
        self.best: WeightsReady | None = None
        """The learner at the best evaluation; None before the first."""
        self.best_eval = math.nan
        """Mean return of that evaluation."""

    def phase(self, state: TrainingState) -> Phase:
        """What the run is doing just now."""
        if self.evaluator.is_evaluating:
            return Phase.EVALUATING
        return Phase.WARMUP if state.is_warming_up else Phase.TRAINING

    # ------------------------------------------------------------------------------------- saved and restored

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The learner at the best evaluation, by name."""
        return {f"best.{name}": array for name, array in (self.best.state.items() if self.best else ())}

    def values(self) -> dict[str, Any]:
        """Everything else, as JSON values."""
        best, names = self.best, ("episode", "env_step", "eval_return", "best_seed")
        return {
            "wall_time_s": self.stopwatch.seconds,
            "averages": self.averages.state(),
            "best_eval": self.best_eval,
            "best": best and {name: getattr(best, name) for name in names},
            "evaluations": self.evaluator.next_evaluation,
        }

    def restore_counts(self, values: Mapping[str, Any]) -> None:
        """Count on from what :meth:`values` gave, before anything else is restored."""
        self.stopwatch.restart(values["wall_time_s"])
        self.best_eval = values["best_eval"]

    def restore(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Go on from what :meth:`arrays` and :meth:`values` gave. Early versions of this program saved no best."""
        self.restore_counts(values)
        self.averages.restore(values["averages"])
        self.evaluator.played = values["evaluations"]
        place, prefix = values.get("best"), "best."
        state = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        self.best = place and WeightsReady(kind="best", **place, state=state)


# ------------------------------------------------------------------------------------------- numbers as events


def progress(state: TrainingState, books: Bookkeeping) -> Progress:
    """Where the run stands."""
    running = state.episodes[0]  # the one that is shown
    return Progress(
        wall_time_s=books.stopwatch.seconds,
        env_step=state.env_step,
        updates=state.updates,
        episode=state.episode,
        phase=books.phase(state),
        epsilon=state.epsilon,
        steps_per_s=books.stopwatch.rate(state.env_step),
        episode_return=running.episode_return if running else 0.0,
        buffer_fill=len(state.memory.replay),
    )


def episode_ended(state: TrainingState, books: Bookkeeping, played: RunningEpisode, eval_return: float) -> EpisodeEnded:
    """The finished episode as a row of the log; takes the episode's averages."""
    loss_mean, q_mean = books.averages.take()
    config = state.config
    return EpisodeEnded(
        episode=state.episode,
        env_step=state.env_step,
        wall_time_s=books.stopwatch.seconds,
        episode_return=played.episode_return,
        length=played.length,
        loss_mean=loss_mean,
        q_mean=q_mean,
        epsilon=state.epsilon,
        gamma=config.gamma,
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        buffer_fill=len(state.memory.replay),
        eval_return=eval_return,
        terminated=played.terminated,
        truncated=played.truncated,
        shaped_return=math.nan if played.shaped_return is None else played.shaped_return,
    )


def changed(state: TrainingState, books: Bookkeeping, old: TrainingConfig) -> HyperparametersChanged:
    """What became of ``old``, the config before a live change."""
    return HyperparametersChanged(
        wall_time_s=books.stopwatch.seconds,
        env_step=state.env_step,
        episode=state.episode,
        changes=_changes(old, state.config),
    )


def _changes(old: TrainingConfig, new: TrainingConfig) -> tuple[Change, ...]:
    """Each difference; an argument that ``old`` did not name had the environment's default."""
    return tuple(
        Change(field=name, old=default_of(old, name) if before is None and "." in name else before, new=now)
        for name, before, now in old.differences(new)
    )


def run_ended(state: TrainingState, books: Bookkeeping, reason: EndReason, error: DqnLabError | None) -> RunEnded:
    """The last event: where the run stands, and why it ended."""
    return RunEnded(
        reason=reason,
        wall_time_s=books.stopwatch.seconds,
        episodes=state.finished_episodes,
        env_steps=state.env_step,
        updates=state.updates,
        best_eval=books.best_eval,
        template=error.template if error else "",
        parameters=error.parameters if error else {},
    )


def notices_at_resume(state: TrainingState, old: TrainingConfig, *, repeats: bool) -> Iterator[Notice]:
    """What a person should know of a run that goes on, with settings other than ``old`` perhaps.

    ``repeats``: whether the running episode could be played up to where it stood.
    """
    new, episode = state.config, state.finished_episodes
    if not repeats:
        template = mark("{env_id} did not repeat itself exactly: the running episode starts over.")
        yield Notice(template=template, parameters={"env_id": new.env_id})
    changes = _changes(old, new)
    if not changes:
        return
    listed = ", ".join(f"{each.field} {each.old} → {each.new}" for each in changes)
    yield Notice(template=mark("The run continues with other settings: {changes}."), parameters={"changes": listed})
    if new.epsilon_schedule != "episode_exponential" or old.max_episodes == new.max_episodes or new.noisy_nets:
        return
    before, now = epsilon_at(old, episode, 0), epsilon_at(new, episode, 0)
    if math.isclose(before, now, rel_tol=1e-6):
        template = mark("Exploration continues from where it was, at epsilon {epsilon}: its schedule was adjusted.")
        yield Notice(template=template, parameters={"epsilon": f"{now:.4g}"})
    else:
        template = mark("Exploration continues at epsilon {epsilon} instead of {before}, as these settings say.")
        yield Notice(template=template, parameters={"epsilon": f"{now:.4g}", "before": f"{before:.4g}"})
