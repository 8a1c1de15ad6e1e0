"""An agent at one point of its training, from a snapshot or a checkpoint: to be asked and experimented with."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.explain import UpdateExplained, explain_update
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.memory import Memory
from dqn_core.algorithm.networks import PictureShape, as_trained, network_of
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.errors import UnavailableComputeError
from dqn_core.training.checkpoint import Checkpoint

__all__ = ["Agent", "AgentCheckpoint", "Draw"]

_LEARNER = "learner."


@dataclass(frozen=True, kw_only=True, eq=False)
class Agent:
    """Everything that a learner's future depends on, at one point of the training."""

    config: TrainingConfig
    observation_size: int
    n_actions: int
    picture: PictureShape | None
    """How the numbers of an observation lie where it is a picture; None where it is none."""
    state: Mapping[str, NDArray[Any]]
    """:meth:`Learner.state_dict`."""
    episode: int
    env_step: int

    @classmethod
    def of(cls, config: TrainingConfig, state: Mapping[str, NDArray[Any]], *, episode: int, env_step: int) -> Agent:
        """The agent of a run with ``config``; raises UnsupportedEnvironmentError where its environment is not here."""
        report = inspect_environment(*config.environment)
        return cls(
            config=as_trained(config, state, report.picture),
            observation_size=report.observation_size,
            n_actions=report.n_actions,
            picture=report.picture,
            state=state,
            episode=episode,
            env_step=env_step,
        )

    def learner(self, config: TrainingConfig | None = None) -> Learner:
        """A new learner in this state, with ``config`` in the place of the agent's own.

        It computes where the run did; on the CPU where that is a GPU that this machine does not have. Raises
        RunFolderError where the state does not fit the config's network.
        """
        config = config or self.config
        try:
            learner = self._make(config)
        except UnavailableComputeError:
            learner = self._make(config.replace(compute="torch-cpu"))
        learner.load_state_dict(self.state)
        return learner

    def torch_learner(self) -> Learner:
        """A learner in this state whose network is torch's."""
        return self.learner(self.config.replace(compute="torch-cpu"))

    def group(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """Arrays of one group of the state ("online", "target", "adam.first", ...) by weight name."""
        start = f"{prefix}."
        return {name.removeprefix(start): array for name, array in self.state.items() if name.startswith(start)}

    def _make(self, config: TrainingConfig) -> Learner:
        # The initial weights are overwritten: what they are drawn from does not matter.
        return make_learner(config, self.observation_size, self.n_actions, np.random.default_rng(0), self.picture)[0]


class Draw(NamedTuple):
    """A batch of B rows, as an update is given it."""

    indices: NDArray[np.int64]
    """[B]: row numbers of the memory."""
    weights: NDArray[np.float32] | None
    """[B]: what the rows' losses are multiplied by; None where all count 1."""


class AgentCheckpoint:
    """An agent together with its memory, as a checkpoint keeps them; any thread may ask.

    Raises
    ------
    RunFolderError
        The checkpoint's arrays do not fit together.
    UnsupportedEnvironmentError
        Its environment is not installed here.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        counters, arrays = checkpoint.values["counters"], checkpoint.arrays
        state = {name.removeprefix(_LEARNER): array for name, array in arrays.items() if name.startswith(_LEARNER)}
        self.agent = Agent.of(checkpoint.config, state, episode=counters["episode"], env_step=counters["env_step"])
        self.epsilon: float = counters["epsilon"]
        self.updates: int = counters["updates"]
        self._training_step = counters["env_step"] - counters["warmed_up_at"]
        self._generator = np.random.default_rng()
        self._drawing = threading.Lock()
        agent = self.agent
        picture = network_of(agent.config, agent.observation_size, agent.n_actions, agent.picture).picture
        self.memory = Memory(agent.config, agent.observation_size, self._generator, picture)
        self.memory.restore(arrays, checkpoint.values["replay_cursor"])

    @property
    def replay(self) -> ReplayBuffer:
        """The transitions; not to be written to."""
        return self.memory.replay

    @property
    def sampling_probabilities(self) -> NDArray[np.float64]:
        """[N]: of each filled row, in one draw."""
        if self.memory.priorities is not None:
            return self.memory.priorities.probabilities
        config, count = self.agent.config, len(self.replay)
        if config.mistake_no_replay:
            return np.where(self.replay.ages < config.batch_size, 1.0 / config.batch_size, 0.0)
        return np.full(count, 1.0 / max(1, count))

    def draw(self, seed: int, batch_size: int | None = None) -> Draw:
        """A batch drawn as the run draws them; B is the config's where none is given."""
        with self._drawing:
            self._generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
            return Draw(*self.memory.draw(batch_size or self.agent.config.batch_size, self._training_step))

    def explain(self, draw: Draw, **changes: Any) -> UpdateExplained:
        """The update that would come next on ``draw``, with ``changes`` of the config."""
        config = self.agent.config.replace(**changes)
        return explain_update(self.agent.learner, config, self.replay, draw.indices, draw.weights)
