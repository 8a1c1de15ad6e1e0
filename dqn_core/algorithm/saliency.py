"""Which numbers of an observation a Q-value hangs on: its gradient with respect to them (Simonyan et al. 2014)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.normalization import NormalizedLearner
from dqn_core.algorithm.torch_learner import TorchLearner

__all__ = ["feature_maps", "saliency"]


def saliency(
    learner: Learner, observations: NDArray[np.float32], actions: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """Gradients [B, D] of Q(s, a) with respect to ``observations`` [B, D], for ``actions`` [B]; None: the greedy ones.

    Of a noisy network, without its noise. Raises TypeError for a learner that is not torch's.
    """
    if isinstance(learner, NormalizedLearner):
        inner = saliency(learner.learner, learner.normalized(observations), actions)
        return inner * learner.slopes(observations)
    network = _torch(learner)
    x = torch.from_numpy(np.array(observations, np.float32, order="C")).to(network.device).requires_grad_()
    q_values = network.online(x)  # [B, A]
    chosen = q_values.argmax(-1) if actions is None else torch.from_numpy(actions).to(network.device)
    (gradients,) = torch.autograd.grad(q_values.gather(-1, chosen[:, None]).sum(), x)
    return np.asarray(gradients.cpu().numpy())


def feature_maps(learner: Learner, observation: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """What the first layer makes of ``observation`` [D], after its ReLU: [C, H, W]; None where it is no convolution.

    Raises TypeError for a learner that is not torch's.
    """
    if isinstance(learner, NormalizedLearner):
        return feature_maps(learner.learner, learner.normalized(observation))
    network = _torch(learner)
    first = network.online.layers[0]
    if not isinstance(first, torch.nn.Conv2d):
        return None
    seen: list[torch.Tensor] = []
    hook = first.register_forward_hook(lambda _layer, _inputs, output: seen.append(output.detach()))
    try:
        network.q_values(observation[None])
    finally:
        hook.remove()
    return np.ascontiguousarray(functional.relu(seen[0])[0].cpu().numpy())


def _torch(learner: Learner) -> TorchLearner:
    if not isinstance(learner, TorchLearner):
        message = f"gradients are read from a torch network, not from {type(learner).__name__}"
        raise TypeError(message)
    return learner
