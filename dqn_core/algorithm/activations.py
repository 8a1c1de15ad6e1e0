"""What each layer of a Q-network answers to one observation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.normalization import NormalizedLearner
from dqn_core.algorithm.torch_learner import TorchLearner

__all__ = ["layer_activations"]


def layer_activations(learner: Learner, observation: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """What enters each layer for ``observation`` [D], and what leaves the last: [D], [hidden] ..., [outputs].

    What enters a convolution is [C, H, W].

    Read off the network while it computes Q-values, layer by layer, so they are after each layer's ReLU. Raises
    TypeError for a learner that is not torch's.
    """
    if isinstance(learner, NormalizedLearner):
        return layer_activations(learner.learner, learner.normalized(observation))
    if not isinstance(learner, TorchLearner):
        message = f"activations are read from a torch network, not from {type(learner).__name__}"
        raise TypeError(message)
    seen: list[NDArray[np.float32]] = []

    def before(_layer: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.append(inputs[0].detach().cpu().numpy()[0].copy())

    def after(_layer: torch.nn.Module, _inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        seen.append(output.detach().cpu().numpy()[0].copy())

    layers = list(learner.online.layers)
    hooks = [layer.register_forward_pre_hook(before) for layer in layers]
    hooks.append(layers[-1].register_forward_hook(after))
    try:
        learner.q_values(observation[None])
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(seen)
