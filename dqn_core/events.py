"""What a trainer says and what it is told: frozen dataclasses of plain values, so that they pickle.

A trainer yields *events*; whoever consumes them writes logs, draws curves, or counts. *Commands* go the other way,
through the trainer's mailbox, and take effect between two env steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal

import numpy as np

__all__ = [
    "EPISODE_COLUMNS",
    "Change",
    "CheckpointKind",
    "CheckpointReady",
    "Command",
    "EndReason",
    "EpisodeEnded",
    "EpisodeRecorded",
    "Event",
    "Frame",
    "HyperparametersChanged",
    "Notice",
    "Pause",
    "Phase",
    "Progress",
    "RecordingKind",
    "Resume",
    "RunEnded",
    "RunStarted",
    "RunState",
    "SetHyperparameter",
    "SetPace",
    "SnapshotKind",
    "StateChanged",
    "Step",
    "Stop",
    "Stopping",
    "TakeCheckpoint",
    "Watch",
    "WeightsReady",
    "episode_row",
    "online_weights",
]


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    """It waits for its turn: as many runs as may train at a time do."""
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    """Ended by its own rule: solved, or a limit reached."""
    STOPPED = "stopped"
    """Ended by a person."""
    FAILED = "failed"
    """Ended by an error; the message says which."""
    INTERRUPTED = "interrupted"
    """Its server, or the process that trained it, went away while it ran."""
    DAMAGED = "damaged"
    """What is stored of it cannot be read, or not all of it; never stored itself."""

    @property
    def is_active(self) -> bool:
        """Whether the run is not over: a trainer is at work (or waits, paused) for it, or will be in its turn."""
        return self in {RunState.QUEUED, RunState.STARTING, RunState.RUNNING, RunState.PAUSED}


class Phase(StrEnum):
    """What the trainer is doing just now."""

    WARMUP = "warmup"
    TRAINING = "training"
    EVALUATING = "evaluating"


class EndReason(StrEnum):
    """Why a run ended."""

    SOLVED = "solved"
    MAX_EPISODES = "max_episodes"
    MAX_ENV_STEPS = "max_env_steps"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its server, or the process that trained it, went away."""

    @property
    def state(self) -> RunState:
        """The run's state after it ended for this reason."""
        if self in {EndReason.DIVERGED, EndReason.FAILED}:
            return RunState.FAILED
        if self is EndReason.INTERRUPTED:
            return RunState.INTERRUPTED
        return RunState.STOPPED if self is EndReason.STOPPED else RunState.FINISHED


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """The first event: what was chosen for the run."""

    compute: str
    """Learner that does the updates: "fused", "torch-cpu" or "torch-cuda"."""
    compute_template: str
    """Why it was picked, as a message template."""
    compute_parameters: dict[str, Any]
    parameters: int
    """Trainable parameters of the online network."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A heartbeat, about 20 times a second, also while evaluating."""

    wall_time_s: float
    """Seconds of training so far; pauses do not count."""
    env_step: int
    """Env steps so far, warm-up included, evaluation excluded."""
    updates: int
    episode: int
    """Number of the running episode, from 1; 0 during warm-up, and of a run that is over the last finished one's."""
    phase: Phase
    epsilon: float
    steps_per_s: float
    """Env steps a second over about the last second."""
    episode_return: float
    """Return of the running episode so far."""
    buffer_fill: int
    """Transitions now in the replay memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeEnded:
    """One finished training episode; its fields are the columns of the episodes' CSV, in that order."""

    episode: int
    env_step: int
    wall_time_s: float
    episode_return: float
    """Column ``return``: undiscounted sum of rewards."""
    length: int
    loss_mean: float
    """Mean loss of the episode's updates; NaN where there was none."""
    q_mean: float
    """Mean Q(s, a) of the sampled rows over the episode's updates; NaN where there was none."""
    epsilon: float
    gamma: float
    learning_rate: float
    buffer_size: int
    buffer_fill: int
    eval_return: float
    """Mean greedy return of the evaluation that followed; NaN where there was none."""
    terminated: bool
    truncated: bool
    shaped_return: float = math.nan
    """Sum of the rewards that were learned from; NaN where they were the environment's own, without a formula."""


EPISODE_COLUMNS = tuple("return" if each.name == "episode_return" else each.name for each in fields(EpisodeEnded))
"""Columns of an episodes' CSV."""


def episode_row(event: EpisodeEnded) -> dict[str, Any]:
    """The event's values by CSV column."""
    return dict(zip(EPISODE_COLUMNS, (getattr(event, each.name) for each in fields(event)), strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One field's change from ``old`` to ``new``; of ``env_kwargs.gravity``, None stands for a default not known."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class HyperparametersChanged:
    """A live change took effect."""

    wall_time_s: float
    env_step: int
    episode: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A picture of the running episode; made only while somebody watches."""

    episode: int
    env_step: int
    episode_step: int
    episode_return: float
    jpeg: bytes
    q_values: tuple[float, ...]
    """Q(s, a) of every action in the state shown."""
    action: int
    """The action chosen in the state shown."""
    is_greedy: bool
    """Whether the action was the greedy one rather than a random draw."""
    seen: bytes = b""
    """The same state as the network sees it, where that is a picture: its channels side by side, PNG or JPEG."""
    important: bytes = b""
    """How much the Q-value of the action hangs on each point of that, in the same places; where it was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeRecorded:
    """An episode worth seeing again: not its pictures, but all that it takes to play and draw it anew."""

    kind: RecordingKind
    episode: int
    """Number of the training episode, or of the one that the evaluation followed."""
    env_step: int
    episode_return: float
    eval_return: float
    """Mean return of the evaluation that it is from, or that followed it; NaN where there was none."""
    seed: int | None
    """Of the environment's reset; None where it went on with its own generator."""
    generator: dict[str, Any] | None
    """State of that generator before the reset."""
    actions: tuple[int, ...]
    """Numbered from 0."""
    env_kwargs: dict[str, Any] | None = None
    """Arguments of the environment that it was played in; None for those of the run's config."""


RecordingKind = Literal["training", "best"]
"""A training episode, as it was played with its exploration; or the first greedy one of a new best evaluation."""

SnapshotKind = Literal["best", "last", "kept"]
"""Why a learner's state is kept: a new best evaluation, the run's end, or every k-th episode, to look back at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsReady:
    """A state of the learner worth keeping."""

    kind: SnapshotKind
    episode: int
    """Episodes begun by then; 0 before the first."""
    env_step: int
    eval_return: float
    """Mean greedy return of the evaluation in that episode; NaN where there was none."""
    state: dict[str, np.ndarray]
    """:meth:`Learner.state_dict`: ``online.*``, ``target.*`` and ``adam.*``."""
    best_seed: int | None = None
    """Seed of the episode with the highest return in that evaluation; None where there was none."""

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """The online network, by the names that :meth:`Learner.weights` gives."""
        return online_weights(self.state)

    @property
    def nbytes(self) -> int:
        """Bytes of the state."""
        return sum(array.nbytes for array in self.state.values())


def online_weights(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The online network of a learner's ``state``, by the names that :meth:`Learner.weights` gives."""
    return {name.removeprefix(_ONLINE): array for name, array in state.items() if name.startswith(_ONLINE)}


_ONLINE = "online."

CheckpointKind = Literal["last", "best"]
"""Where a checkpoint stands: the newest, or after the best evaluation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointReady:
    """All that the run needs to go on from here as if it had never stopped."""

    kind: CheckpointKind = "last"
    episode: int
    env_step: int
    arrays: dict[str, np.ndarray]
    """Replay memory, networks, the optimiser's moments."""
    values: dict[str, Any]
    """Everything else, as JSON values."""

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self.arrays.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class StateChanged:
    """The run was paused or goes on, or its turn has come."""

    state: RunState


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something a person should know that stops nothing (a fall-back, a refused change)."""

    template: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopping:
    """The trainer took a Stop: what it keeps follows, and then its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnded:
    """The last event of every run."""

    reason: EndReason
    wall_time_s: float
    episodes: int
    env_steps: int
    updates: int
    best_eval: float
    """Best mean evaluation return; NaN where nothing was evaluated."""
    template: str = ""
    """Cause of a failure, as a message template; empty otherwise."""
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def solved(self) -> bool:
        """Whether the goal was reached and confirmed."""
        return self.reason is EndReason.SOLVED


Event = (
    RunStarted
    | Progress
    | EpisodeEnded
    | EpisodeRecorded
    | HyperparametersChanged
    | Frame
    | WeightsReady
    | CheckpointReady
    | StateChanged
    | Notice
    | Stopping
    | RunEnded
)


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop before the next env step until a Resume."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause."""


@dataclass(frozen=True, slots=True)
class Step:
    """Take one env step, then pause again."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run, keeping everything."""

    interruption: str = ""
    """Why the run cannot stay, as a message template; empty where a person ends it."""


@dataclass(frozen=True, slots=True)
class SetPace:
    """Take at most ``steps_per_s`` env steps a second; None for full speed."""

    steps_per_s: float | None
    is_automatic: bool = False
    """Begin with ``steps_per_s`` when the random policy of the warm-up is done, and rise to full speed within seconds;
    at once where nobody watches."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Make frames for the next ``seconds``, at most ``frames_per_s``."""

    seconds: float
    frames_per_s: float = 10.0
    with_saliency: bool = False
    """Also say how much the Q-values hang on each point of them, where the network sees pictures."""


@dataclass(frozen=True, slots=True)
class SetHyperparameter:
    """A live change of one field of the config."""

    field: str
    value: Any


@dataclass(frozen=True, slots=True)
class TakeCheckpoint:
    """Hand out a checkpoint before the next env step, and go on."""


Command = Pause | Resume | Step | Stop | SetPace | Watch | SetHyperparameter | TakeCheckpoint
