"""Which numbers of an observation a Q-value hangs on: its gradient with respect to them (Simonyan et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.networks import Network
from dqn_core.algorithm.normalization import NormalizedLearner

if TYPE_CHECKING:
    from dqn_core.algorithm.fused_learner import FusedLearner
    from dqn_core.algorithm.torch_learner import TorchLearner

__all__ = ["feature_maps", "saliency"]

Floats = NDArray[np.float32]


def saliency(learner: Learner, observations: Floats, actions: NDArray[np.int64] | None = None) -> Floats:
    """Gradients [B, D] of Q(s, a) with respect to ``observations`` [B, D], for ``actions`` [B]; None: the greedy ones.

    Of a noisy network, without its noise. That of a compiled learner is made without torch, whose import takes seconds.
    """
    if isinstance(learner, NormalizedLearner):
        inner = saliency(learner.learner, learner.normalized(observations), actions)
        return inner * learner.slopes(observations)
    if learner.compute == "fused":
        return _without_torch(learner, observations, actions)  # type: ignore[arg-type]
    import torch

    network = _torch(learner)
    x = torch.from_numpy(np.array(observations, np.float32, order="C")).to(network.device).requires_grad_()
    q_values = network.online(x)  # [B, A]
    chosen = q_values.argmax(-1) if actions is None else torch.from_numpy(actions).to(network.device)
    (gradients,) = torch.autograd.grad(q_values.gather(-1, chosen[:, None]).sum(), x)
    return np.asarray(gradients.cpu().numpy())


def _without_torch(learner: FusedLearner, observations: Floats, actions: NDArray[np.int64] | None) -> Floats:
    """The same by hand: forward through the layers that a compiled learner has, and back."""
    weights, network = learner.weights(), learner.network
    n_convolutions = len(network.convolutions)
    x, places = np.asarray(observations, np.float32), np.zeros(0, np.bool_)
    if n_convolutions:
        convolved = _convolved(x, weights, network)  # [B, kernels, h, w]
        places = convolved > 0.0
        x = (convolved * places).reshape(len(x), -1)
    names = [f"layers.{n_convolutions + i}" for i in range(len(network.sizes) - 1)]
    active = []
    for name in names[:-1]:
        outputs = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        active.append(outputs > 0.0)
        x = outputs * active[-1]
    chosen = learner.q_values(observations).argmax(-1) if actions is None else actions
    gradient = _of_outputs(chosen, network.sizes[-1], is_dueling=learner.is_dueling) @ weights[f"{names[-1]}.weight"]
    for name, is_active in zip(reversed(names[:-1]), reversed(active), strict=True):
        gradient = (gradient * is_active) @ weights[f"{name}.weight"]
    if n_convolutions:
        gradient = _back(gradient.reshape(places.shape) * places, weights, network)
    return np.asarray(gradient, np.float32)


def _of_outputs(actions: NDArray[np.int64], n_outputs: int, *, is_dueling: bool) -> Floats:
    """Gradients [B, outputs] of Q(s, a) with respect to what the last layer gives (Wang et al. 2016, eq. 9)."""
    gradients = np.zeros((len(actions), n_outputs), np.float32)
    if is_dueling:
        gradients[:, 0], gradients[:, 1:] = 1.0, -1.0 / (n_outputs - 1)
    gradients[np.arange(len(actions)), actions + is_dueling] += 1.0
    return gradients


def _convolved(observations: Floats, weights: dict[str, Floats], network: Network) -> Floats:
    """What MinAtar's convolution makes of ``observations`` [B, D], before its ReLU."""
    picture, kernel = network.picture, weights["layers.0.weight"]  # [kernels, channels, 3, 3]
    assert picture is not None  # noqa: S101  there is a convolution
    order = (picture.channels, picture.height, picture.width)
    if picture.channels_first:
        planes = observations.reshape(-1, *order)
    else:
        planes = np.moveaxis(observations.reshape(-1, *order[1:], order[0]), -1, 1)
    windows = np.lib.stride_tricks.sliding_window_view(planes / np.float32(picture.high), kernel.shape[2:], (2, 3))
    convolved = np.tensordot(windows, kernel, ((1, 4, 5), (1, 2, 3)))  # [B, h, w, kernels]
    return np.moveaxis(convolved + weights["layers.0.bias"], -1, 1)


def _back(gradient: Floats, weights: dict[str, Floats], network: Network) -> Floats:
    """Gradients [B, D] from those of what the convolution gives [B, kernels, h, w]."""
    picture, kernel = network.picture, weights["layers.0.weight"]
    assert picture is not None  # noqa: S101
    planes = np.zeros((len(gradient), picture.channels, picture.height, picture.width), np.float32)
    height, width = gradient.shape[2:]
    for dy, dx in np.ndindex(*kernel.shape[2:]):
        part = np.tensordot(gradient, kernel[:, :, dy, dx], (1, 0))  # [B, h, w, channels]
        planes[:, :, dy : dy + height, dx : dx + width] += np.moveaxis(part, -1, 1)
    planes /= np.float32(picture.high)
    return (planes if picture.channels_first else np.moveaxis(planes, 1, -1)).reshape(len(gradient), -1)


def feature_maps(learner: Learner, observation: Floats) -> Floats | None:
    """What the first layer makes of ``observation`` [D], after its ReLU: [C, H, W]; None where it is no convolution.

    Raises TypeError for a learner that is not torch's.
    """
    if isinstance(learner, NormalizedLearner):
        return feature_maps(learner.learner, learner.normalized(observation))
    import torch
    from torch.nn import functional

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
    from dqn_core.algorithm.torch_learner import TorchLearner

    if not isinstance(learner, TorchLearner):
        message = f"gradients are read from a torch network, not from {type(learner).__name__}"
        raise TypeError(message)
    return learner
