"""An agent at one moment of its run, taken from a snapshot or a checkpoint, ready to be asked and experimented with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.explain import UpdateExplained, explain_update
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig
from dqn_core.errors import UnavailableComputeError
from dqn_core.training.environments import inspect_environment
from dqn_core.training.trainer_state import TrainerState

__all__ = ["Agent", "Moment", "moment_of"]

_LEARNER, _ROWS = "learner.", "replay.rows"


@dataclass(frozen=True, kw_only=True, eq=False)
class Agent:
    """Everything that a learner's future depends on, at one moment."""

    config: TrainingConfig
    observation_size: int
    n_actions: int
    state: Mapping[str, NDArray[Any]]
    """:meth:`Learner.state_dict`."""
    episode: int
    env_step: int

    @classmethod
    def of(cls, config: TrainingConfig, state: Mapping[str, NDArray[Any]], *, episode: int, env_step: int) -> Agent:
        """The agent of a run with ``config``; raises UnsupportedEnvironmentError where its environment is not here."""
        report = inspect_environment(config.env_id, config.max_episode_steps)
        return cls(
            config=config,
            observation_size=report.observation_size,
            n_actions=report.n_actions,
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
        # The first weights are overwritten: what they are drawn from does not matter.
        return make_learner(config, self.observation_size, self.n_actions, np.random.default_rng(0))[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """An agent together with its replay memory, as a checkpoint keeps them."""

    agent: Agent
    replay: ReplayBuffer
    epsilon: float
    updates: int

    def draw(self, seed: int, batch_size: int | None = None) -> NDArray[np.int64]:
        """Row numbers [B] of a batch, drawn as an update draws them; B is the config's where none is given."""
        generator = np.random.default_rng(seed)
        return self.replay.sample_indices(generator, batch_size or self.agent.config.batch_size)

    def explain(self, indices: NDArray[np.int64], **changes: Any) -> UpdateExplained:
        """The update that would come next on the rows ``indices`` [B], with ``changes`` of the config."""
        return explain_update(self.agent.learner, self.agent.config.replace(**changes), self.replay, indices)


def moment_of(state: TrainerState) -> Moment:
    """The agent and the memory of a checkpoint.

    Raises
    ------
    RunFolderError
        Its arrays do not fit together.
    UnsupportedEnvironmentError
        Its environment is not installed here.
    """
    config, counters = state.config, state.values["counters"]
    learner_state = {
        name.removeprefix(_LEARNER): array for name, array in state.arrays.items() if name.startswith(_LEARNER)
    }
    agent = Agent.of(config, learner_state, episode=counters["episode"], env_step=counters["env_step"])
    replay = ReplayBuffer(config.buffer_size, agent.observation_size)
    replay.restore(state.arrays[_ROWS], state.values["replay_cursor"])
    return Moment(agent=agent, replay=replay, epsilon=counters["epsilon"], updates=counters["updates"])
