"""Checkpoints of short real runs, for tests that look into an agent."""

from __future__ import annotations

import functools
import json
from typing import Any

from dqn_core.events import CheckpointReady
from dqn_core.inside.agent import AgentCheckpoint
from dqn_core.training.checkpoint import Checkpoint
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind, short_config


@functools.cache
def _checkpoint(settings: tuple[tuple[str, Any], ...]) -> AgentCheckpoint:
    checkpoint = of_kind(Trainer(short_config(**dict(settings))).events(), CheckpointReady)[-1]
    values = json.loads(json.dumps(checkpoint.values))  # as they come back from a disk
    return AgentCheckpoint(Checkpoint(arrays=checkpoint.arrays, values=values))


def trained_checkpoint(**settings: Any) -> AgentCheckpoint:
    """The end of a short run; the same object for the same settings, so not to be written to."""
    return _checkpoint(tuple(sorted(settings.items())))
