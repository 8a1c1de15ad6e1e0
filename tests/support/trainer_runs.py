"""Short runs for tests: a config that trains in a moment, and its events gathered."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from dqn_core.config import TrainingConfig
from dqn_core.events import Command, EpisodeEnded, EpisodeRecorded, Event, SnapshotKind, WeightsReady
from dqn_core.training.controls import Mailbox
from dqn_core.training.trainer import Trainer

Kind = TypeVar("Kind")


def short_config(**changes: Any) -> TrainingConfig:
    """A config that trains in a moment on the reference learner."""
    values: dict[str, Any] = {
        "env_id": "CartPole-v1",
        "compute": "torch-cpu",
        "batch_size": 16,
        "buffer_size": 500,
        "warmup_steps": 50,
        "hidden_sizes": (8,),
        "max_episodes": 5,
        "evaluate_every": 0,
    }
    return TrainingConfig(**(values | changes))


def of_kind(events: Iterable[Event], kind: type[Kind]) -> list[Kind]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def rows(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Finished episodes less the clock."""
    return [
        {name: repr(getattr(event, name)) for name in event.__slots__ if name != "wall_time_s"}
        for event in of_kind(events, EpisodeEnded)
    ]


def last_weights(events: Sequence[Event]) -> dict[str, np.ndarray]:
    """The weights that a run ended with."""
    return next(event.weights for event in of_kind(events, WeightsReady) if event.kind == "last")


def run_with_reactions(
    config: TrainingConfig, react: Callable[[Event], Iterable[Command]], commands: Iterable[Command] = ()
) -> list[Event]:
    """All events of a run whose consumer answers each event with commands; ``commands`` wait from the beginning.

    Since the trainer takes commands between two env steps and the consumer runs in between too, the outcome does not
    depend on the machine's speed.
    """
    mailbox = Mailbox()
    for command in commands:
        mailbox.put(command)
    events = []
    for event in Trainer(config, mailbox).events():
        events.append(event)
        for command in react(event):
            mailbox.put(command)
    return events


def snapshot_of(weights: Mapping[str, np.ndarray], kind: SnapshotKind = "best") -> WeightsReady:
    """A snapshot of a learner with these weights, taken after the first episode."""
    state = {f"online.{name}": array for name, array in weights.items()}
    return WeightsReady(kind=kind, episode=1, env_step=100, eval_return=10.0, state=state)


def recorded(episode: int = 1, **values: object) -> EpisodeRecorded:
    """A recording of training episode ``episode``: five steps to the right, as far as the fake corridor goes."""
    defaults = {
        "kind": "training",
        "episode": episode,
        "env_step": 10 * episode,
        "episode_return": 5.0,
        "eval_return": math.nan,
        "seed": episode,
        "generator": None,
        "actions": (1,) * 5,
    }
    return EpisodeRecorded(**defaults | values)
