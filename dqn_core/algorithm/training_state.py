"""The state of the training loop: all that its future depends on, and so all that a checkpoint has to hold of it.

Arrays (replay memory, networks, Adam's moments) and plain values (counters, generators, the running episode, the config
with its live changes) are saved apart: the first fit safetensors, the second JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compute import ComputeChoice, make_learner
from dqn_core.algorithm.episode import Environment, Episode, RewardFormula
from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.memory import Memory
from dqn_core.algorithm.networks import network_of
from dqn_core.algorithm.normalization import NormalizedLearner
from dqn_core.config import TrainingConfig

__all__ = ["Randomness", "RunningEpisode", "TrainingState", "saved_environments"]

_COUNTERS = ("env_step", "updates", "episode", "finished_episodes", "warmed_up_at", "epsilon")
_DRAWN_FROM = ("exploration", "replay")


class TrainingState:
    """The agent, its memory, its environments and its counters in one run with ``config``.

    The counters are there from the beginning, networks and memory after :meth:`initialize`.
    """

    environments: Sequence[Environment] = ()
    """As many as there are in parallel."""
    learner: Learner
    memory: Memory
    n_actions: int
    normalizer: NormalizedLearner | None
    """The learner, where it wants to know every observation that is trained on."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.randomness = Randomness(config.seed, config.parallel_environments)
        self.env_step = 0
        """Env steps so far, warm-up included."""
        self.updates = 0
        self.episode = 0
        """Number of the running episode, from 1; 0 before the first. Those of the warm-up have none.

        In parallel environments episodes are numbered as they end: it is that of the next to do so.
        """
        self.finished_episodes = 0
        self.is_warming_up = True
        self.warmed_up_at = 0
        """Env step at which the warm-up ended."""
        self.updates_left = 0
        """Updates of the newest env step that are still to be done."""
        self.epsilon = 1.0
        """Probability of a random action; 1 during the warm-up."""
        self.reward_formula: RewardFormula | None = None
        """What is learned from in place of the environment's reward; None for that reward itself."""
        self.episodes: list[RunningEpisode | None] = []
        """That of each environment; None between two of them."""
        self.end_episodes()

    @property
    def running(self) -> RunningEpisode | None:
        """The episode of the environment whose turn it is; None between two of them."""
        return self.episodes[self.turn]

    @running.setter
    def running(self, episode: RunningEpisode | None) -> None:
        self.episodes[self.turn] = episode

    def end_episodes(self) -> None:
        """Begin anew in every environment, the first of them first."""
        count = self.config.parallel_environments
        self.episodes = [None] * count
        self.turn = count - 1
        """Number of the environment whose turn it is; where no episode runs in it, that of the next comes now."""

    def initialize(self, environments: Sequence[Environment]) -> ComputeChoice:
        """Make the replay memory and both networks for ``environments``, all alike, as many as the config says.

        Says where the updates are computed, and why.

        Raises
        ------
        UnavailableComputeError
            The config names a compute that this machine does not have.
        """
        environment = environments[0]
        observation_size = environment.observation_size
        self.environments = environments
        self.n_actions = environment.n_actions
        picture = network_of(self.config, observation_size, self.n_actions, environment.picture).picture
        self.memory = Memory(self.config, observation_size, self.randomness.replay, picture)
        self.memory.replay.take_pages()
        self.learner, choice = make_learner(
            self.config, observation_size, self.n_actions, self.randomness.weights, picture
        )
        self.normalizer = self.learner if isinstance(self.learner, NormalizedLearner) else None
        return choice

    @property
    def training_step(self) -> int:
        """Env steps since the warm-up: the clock of the linear schedules."""
        return self.env_step - self.warmed_up_at

    def configure(self, config: TrainingConfig) -> None:
        """Go on with ``config``, a live change of the present one."""
        self.config = config
        self.learner.configure(config)
        self.memory.configure(config)
        if not self.is_warming_up:
            self.epsilon = epsilon_at(config, self.episode - 1, self.training_step)

    # ------------------------------------------------------------------------------------- saved and restored

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Copies of the networks, the optimiser's moments and the replay memory, by name."""
        learner = {f"learner.{name}": array for name, array in self.learner.state_dict().items()}
        return learner | self.memory.state()

    def values(self) -> dict[str, Any]:
        """Everything else, as JSON values."""
        return {
            "config": self.config.to_dict(),
            "compute": self.learner.compute,
            "counters": {name: getattr(self, name) for name in _COUNTERS},
            "updates_left": self.updates_left,
            "replay_cursor": self.memory.replay.cursor,
            "randomness": self.randomness.state(),
            "turn": self.turn,
            "environments": [
                {"running": episode.state()} if episode else {"generator": environment.generator_state()}
                for environment, episode in zip(self.environments, self.episodes, strict=True)
            ],
        }

    def restore_counters(self, values: Mapping[str, Any]) -> None:
        """Count on from what :meth:`values` gave: possible, unlike the rest, before :meth:`initialize`."""
        for name in _COUNTERS:
            setattr(self, name, values["counters"][name])

    def restore(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any], *, is_warming_up: bool) -> bool:
        """Go on from what :meth:`arrays` and :meth:`values` gave; False where a running episode has to begin anew.

        That is so where an environment does not repeat itself.

        Raises
        ------
        RunFolderError
            The arrays do not fit the config's network or memory; the message names them.
        """
        prefix = "learner."
        learner = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        self.learner.load_state_dict(learner)
        self.memory.restore(arrays, values["replay_cursor"])
        self.restore_counters(values)
        self.updates_left = values.get("updates_left", 0)  # not in checkpoints of earlier versions
        self.is_warming_up = is_warming_up
        self.randomness.restore(values["randomness"])
        self.turn = values.get("turn", 0)  # nor is this
        repeats = [self._restore_episode(i, each) for i, each in enumerate(saved_environments(values))]
        if not repeats[self.turn]:
            self.updates_left = 0
            if not self.is_warming_up:
                self.episode = self.finished_episodes  # it begins anew, under the same number
        return all(repeats)

    def _restore_episode(self, number: int, saved: Mapping[str, Any]) -> bool:
        """Go on in the environment of this ``number``; False where its episode has to begin anew."""
        environment, running = self.environments[number], saved.get("running")
        if running is None:
            environment.set_generator_state(saved["generator"])
            return True
        self.episodes[number] = RunningEpisode.replayed(environment, running)
        if self.episodes[number] is None:
            self.memory.windows[number].clear()
        return self.episodes[number] is not None


def saved_environments(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of each environment what :meth:`TrainingState.values` holds: its "running" episode, or its "generator"."""
    if "environments" in values:
        return list(values["environments"])
    return [{"running": values["running"], "generator": values["environment_generator"]}]  # of an earlier version


class RunningEpisode(Episode):
    """The training episode that runs now, which can be taken up again in another process.

    Few environments can save their state (a Box2D world cannot), but most repeat themselves: the same reset and the
    same actions lead to the same state. So an episode can go on after its actions are played again.
    """

    pending: tuple[int, bool] | None = None
    """(action, whether it is greedy) chosen for the newest observation and not taken yet."""

    def state(self) -> dict[str, Any]:
        """All that :meth:`replayed` needs, as JSON values."""
        return {
            "seed": self.seed,
            "generator": self.generator,
            "actions": self.actions.copy(),  # the episode goes on while a checkpoint is on its way
            "pending": self.pending,
            "observation": self.observation.tolist(),
            "shaped_return": self.shaped_return,
            "env_kwargs": self.env_kwargs,
        }

    @classmethod
    def replayed(cls, environment: Environment, state: Mapping[str, Any]) -> Self | None:
        """The episode of ``state``, played again; None where the environment does not come to the same observation."""
        episode = cls(environment, state["seed"], state["generator"])
        for action in state["actions"]:
            episode.step(action)
        episode.pending = None if state["pending"] is None else (int(state["pending"][0]), bool(state["pending"][1]))
        episode.shaped_return = state.get("shaped_return")  # not in checkpoints of earlier versions
        return episode if episode.observation.tolist() == state["observation"] else None


class Randomness:
    """All randomness of the run with ``seed``: one SeedSequence, spawned into named generators; none is global.

    Drawing from one never disturbs another.
    """

    def __init__(self, seed: int, environments: int = 1) -> None:
        exploration, replay, weights, environment = np.random.SeedSequence(seed).spawn(4)
        self.exploration = np.random.default_rng(exploration)
        self.replay = np.random.default_rng(replay)
        self.weights = np.random.default_rng(weights)
        self._environment_seeds: list[int | None] = [
            int(each >> 1) for each in environment.generate_state(environments)
        ]

    def take_environment_seed(self, number: int) -> int | None:
        """Seed of the first reset of the environment of this ``number``; None for the later ones.

        They go on with the environment's own generator.
        """
        seed, self._environment_seeds[number] = self._environment_seeds[number], None
        return seed

    def state(self) -> dict[str, Any]:
        """State of every generator that the loop draws from, as JSON values."""
        generators = {name: getattr(self, name).bit_generator.state for name in _DRAWN_FROM}
        return {**generators, "environment_seeds": self._environment_seeds.copy()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state`."""
        for name in _DRAWN_FROM:
            getattr(self, name).bit_generator.state = state[name]
        seeds = state["environment_seeds"] if "environment_seeds" in state else [state["environment_seed"]]
        self._environment_seeds = list(seeds)
