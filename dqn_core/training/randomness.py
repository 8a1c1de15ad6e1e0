"""All randomness of a run: one SeedSequence, spawned into named generators; none is global."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["EVALUATION_SEED", "Randomness"]

_DRAWN_FROM = ("exploration", "replay")
EVALUATION_SEED = 1_000_000
"""Evaluation episode i is reset with EVALUATION_SEED + i, in every run, so that runs are judged on the same starts."""


class Randomness:
    """The generators of the run with ``seed``; drawing from one never disturbs another."""

    def __init__(self, seed: int) -> None:
        exploration, replay, weights, environment = np.random.SeedSequence(seed).spawn(4)
        self.exploration = np.random.default_rng(exploration)
        self.replay = np.random.default_rng(replay)
        self.weights = np.random.default_rng(weights)
        self._environment_seed: int | None = int(environment.generate_state(1)[0] >> 1)

    def take_environment_seed(self) -> int | None:
        """Seed of the environment's first reset; None for the later ones, which go on with its own generator."""
        seed, self._environment_seed = self._environment_seed, None
        return seed

    def state(self) -> dict[str, Any]:
        """State of every generator that a running trainer draws from, as JSON values."""
        generators = {name: getattr(self, name).bit_generator.state for name in _DRAWN_FROM}
        return {**generators, "environment_seed": self._environment_seed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state`."""
        for name in _DRAWN_FROM:
            getattr(self, name).bit_generator.state = state[name]
        self._environment_seed = state["environment_seed"]
