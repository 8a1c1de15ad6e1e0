"""All randomness of a run: one SeedSequence, spawned into named generators; none is global."""

from __future__ import annotations

import numpy as np

__all__ = ["EVALUATION_SEED", "Randomness"]

EVALUATION_SEED = 1_000_000
"""Evaluation episode i is reset with EVALUATION_SEED + i, in every run, so that runs are judged on the same starts."""


class Randomness:
    """The generators of the run with ``seed``; drawing from one never disturbs another."""

    def __init__(self, seed: int) -> None:
        exploration, replay, weights, environment = np.random.SeedSequence(seed).spawn(4)
        self.exploration = np.random.default_rng(exploration)
        self.replay = np.random.default_rng(replay)
        self.weights = np.random.default_rng(weights)
        self.environment_seed = int(environment.generate_state(1)[0] >> 1)
