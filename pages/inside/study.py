"""What is looked into: a run at its newest checkpoint, and its agent over the training."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.learner import Learner
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import EnvironmentReport, inspect_environment
from dqn_core.errors import DqnLabError
from dqn_core.inside.agent import Agent, AgentCheckpoint
from dqn_core.inside.library import evenly, stamp
from dqn_core.runs.manager import RunSnapshot
from dqn_core.training.run_folder import RunFolder
from pages.server.process import get_library, get_manager
from pages.shared.texts.i18n import _, name_text
from pages.shared.texts.numbers import number_text

__all__ = ["Study", "fresh_look", "snapshot_text", "study_of"]

Value = TypeVar("Value")

_PICTURES = 500
"""Of a memory that are looked at where their numbers' ranges are wanted."""
_BETWEEN_LOOKS_S = 3.0
_WAIT_FOR_LOOK_S = 3.0
_POLL_S = 0.03
_looking = threading.Lock()
_looked_at: dict[str, float] = {}
"""When a checkpoint of a run was last asked for, by its id."""


@dataclass(frozen=True)
class Study:
    """One run as the page looks into it."""

    snapshot: RunSnapshot
    folder: RunFolder
    report: EnvironmentReport
    checkpoint: AgentCheckpoint

    @property
    def run_id(self) -> str:
        """The run's id: begins the names of downloaded files."""
        return self.snapshot.record.run_id

    @property
    def config(self) -> TrainingConfig:
        """The run's config at the checkpoint."""
        return self.checkpoint.agent.config

    @property
    def observation_names(self) -> list[str]:
        """Of each number of an observation, in the reader's language."""
        return [name_text(name) for name in self.report.observation_names]

    @property
    def action_names(self) -> list[str]:
        """Of each action."""
        return [_(name) for name in self.report.action_names]

    @functools.cached_property
    def learner(self) -> Learner:
        """The agent's learner, to ask for Q-values."""
        return self.checkpoint.agent.learner()

    @functools.cached_property
    def torch_learner(self) -> Learner:
        """The same network as torch's, to ask for gradients and for what its layers make of a state."""
        return self.checkpoint.agent.torch_learner()

    def saliency(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Gradient [D] of the greedy action's Q-value with respect to ``observation`` [D]."""
        from dqn_core.algorithm.saliency import saliency  # torch's seconds are for who looks at this

        gradient: NDArray[np.float32] = saliency(self.torch_learner, observation[None])[0]
        return gradient

    def feature_maps(self, observation: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """What the first layer makes of ``observation`` [D]: [C, H, W]; None where it is no convolution."""
        if self.report.layout is None:
            return None
        from dqn_core.algorithm.saliency import feature_maps

        maps: NDArray[np.float32] | None = feature_maps(self.torch_learner, observation)
        return maps

    def agents(self, most: int) -> tuple[Agent, ...]:
        """The agent over its training, oldest first, as it is now the last."""
        return get_library().agents(self.folder, most, now=self.checkpoint.agent)

    def kept(self, key: Hashable, make: Callable[[], Value], n_bytes: int) -> Value:
        """What ``make`` works out of this checkpoint, worked out once for all viewers; about ``n_bytes`` of it."""
        file = stamp(self.folder.path / "checkpoint.safetensors")
        return get_library().kept((*file, key), make, lambda _value: n_bytes)

    def episode_columns(self, *names: str, most: int) -> list[NDArray[np.float64]]:
        """Columns of the log, at most ``most`` episodes of it, evenly spread: enough to draw."""
        store = get_manager().store
        places = evenly(range(store.episode_count(self.run_id)), most)
        return list(store.episode_columns(self.run_id, names, places=places))

    @property
    def seen(self) -> NDArray[np.float32]:
        """Observations [N, D] of the memory, to take the range of each number from; of pictures, some of them."""
        replay = self.checkpoint.replay
        return replay.observations[self.rows(_PICTURES) if isinstance(replay, FrameReplay) else slice(None)]

    def rows(self, most: int) -> NDArray[np.int64]:
        """Row numbers of the memory, at most ``most``, evenly spread: enough to draw."""
        return np.array(evenly(range(len(self.checkpoint.replay)), most), np.int64)


def study_of(snapshot: RunSnapshot) -> Study:
    """The run's newest checkpoint.

    Raises
    ------
    UnsupportedEnvironmentError
        Its environment is not installed here.
    RunFolderError
        It has left no checkpoint that could be read.
    """
    config = snapshot.record.config
    report = inspect_environment(*config.environment)
    folder = RunFolder.open(get_manager().run_folder(snapshot.record.run_id))
    return Study(snapshot, folder, report, get_library().checkpoint(folder))


def fresh_look(snapshot: RunSnapshot) -> None:
    """Have a run that trains write a checkpoint now, and wait for it a little; at most every three seconds a run.

    Training goes on meanwhile. A run that another server works at, or that has just ended, is left as it is.
    """
    if not snapshot.is_active or not _is_due(snapshot.record.run_id):
        return
    try:
        path = get_manager().run_folder(snapshot.record.run_id) / "checkpoint.safetensors"
        before = stamp(path)
        get_manager().take_checkpoint(snapshot.record.run_id)
    except DqnLabError:
        return
    deadline = time.monotonic() + _WAIT_FOR_LOOK_S
    while stamp(path) == before and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _is_due(run_id: str) -> bool:
    now = time.monotonic()
    with _looking:
        for each in [each for each, at in _looked_at.items() if now - at >= _BETWEEN_LOOKS_S]:
            del _looked_at[each]
        return _looked_at.setdefault(run_id, now) == now


def snapshot_text(agent: Agent) -> str:
    """When an agent was as it is, in words."""
    if agent.env_step == 0 or agent.episode == 0:
        return _("before training")
    return _("episode {episode}, step {step}").format(
        episode=number_text(agent.episode), step=number_text(agent.env_step)
    )
