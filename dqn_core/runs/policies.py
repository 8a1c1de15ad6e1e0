"""The networks that runs kept, to play with: a snapshot's weights and the config that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.snapshots import snapshot_path

__all__ = ["Policy", "find_policy"]


@dataclass(frozen=True)
class Policy:
    """A network to play with."""

    config: TrainingConfig
    """Of the run that the weights are from."""
    weights: Mapping[str, NDArray[np.float32]]
    """The online network's, as :meth:`Learner.weights` gives them."""


def find_policy(folder: Path, name: str) -> tuple[Path, Callable[[], Policy]]:
    """The file of the snapshot ``name`` in a run's ``folder``, and what reads the policy from it.

    Raises :class:`RunFolderError` for what is no snapshot's name; the reader does where there is none of this name.
    """

    def load() -> Policy:
        opened = RunFolder.open(folder)
        return Policy(opened.config, opened.snapshot_weights(name))

    return snapshot_path(folder, name), load
