"""The Q-network in compiled code: forward and backward pass of a batch, and the greedy action for one observation.

Weights, activations and gradients lie in flat arrays, as :mod:`dqn_core.algorithm.fused_kernels` describes them. Where
the network is dueling, its first output is the state's value and the others are the actions' advantages; they are
turned into Q-values, and the derivatives by Q-values into derivatives by outputs, where they lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compiled import helper, kernel
from dqn_core.algorithm.vector_products import add_product, inner_products, row_sum, vector_product

__all__ = [
    "backward",
    "block_slopes",
    "forward",
    "forward_kept",
    "greedy_action",
    "q_rows",
    "q_values",
    "rectify",
    "slopes_of_outputs",
]

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

ONLINE, TARGET, FIRST, SECOND, GRADIENT = range(5)
"""Places in ``parameters``, in units of P."""
N_BLOCKS = 5


@helper
def _layer(
    parameters: Floats, at: int, n_in: int, n_out: int, workspace: Floats, x_at: int, y_at: int, row: int, n: int
) -> None:
    """Y [out, n] = W [out, in] @ X [in, n] + bias, with the layer's parameters from ``at`` on."""
    for o in range(n_out):
        workspace[y_at + o * row : y_at + o * row + n] = parameters[at + n_out * n_in + o]
    add_product(workspace, y_at, parameters, at, n_in, 1, workspace, x_at, row, n_out, n, n_in)


@helper
def rectify(y: Floats) -> None:
    """ReLU in place; NaN stays NaN."""
    for k in range(y.shape[0]):
        y[k] = max(y[k], np.float32(0.0))  # the first where the two do not compare


@helper
def forward(
    parameters: Floats,
    block: int,
    sizes: Integers,
    n_values: int,
    workspace: Floats,
    here: int,
    there: int,
    row: int,
    n: int,
) -> int:
    """The network of a ``block`` of parameters from the columns at ``here``; where its Q-values then lie.

    Keeps no activations: both buffers, ``here`` and ``there``, are written over.
    """
    at = block * (parameters.shape[0] // N_BLOCKS)
    for i in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[i], sizes[i + 1]
        _layer(parameters, at, n_in, n_out, workspace, here, there, row, n)
        if i < sizes.shape[0] - 2:
            rectify(workspace[there : there + n_out * row])
        at += n_out * (n_in + 1)
        here, there = there, here
    return q_values(workspace, here, sizes[-1], n_values, row, n)


@helper
def forward_kept(parameters: Floats, sizes: Integers, n_values: int, workspace: Floats, row: int, n: int) -> int:
    """Online network, each layer's activations after the other's; where the Q-values lie."""
    at = ONLINE
    x_at = 0
    for i in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[i], sizes[i + 1]
        y_at = x_at + n_in * row
        _layer(parameters, at, n_in, n_out, workspace, x_at, y_at, row, n)
        if i < sizes.shape[0] - 2:
            rectify(workspace[y_at : y_at + n_out * row])
        at += n_out * (n_in + 1)
        x_at = y_at
    return q_values(workspace, x_at, sizes[-1], n_values, row, n)


@helper
def q_values(workspace: Floats, at: int, n_outputs: int, n_values: int, row: int, n: int) -> int:
    """Where the Q-values lie that the outputs [n_outputs, n] at ``at`` stand for: ``V + A - mean A`` where dueling."""
    if n_values == 0:
        return at
    n_actions = n_outputs - 1
    for b in range(at, at + n):
        mean = np.float32(0.0)
        for a in range(1, n_outputs):
            mean += workspace[b + a * row]
        shift = workspace[b] - mean / np.float32(n_actions)
        for a in range(1, n_outputs):
            workspace[b + a * row] += shift
    return at + row


@helper
def slopes_of_outputs(workspace: Floats, at: int, n_outputs: int, n: int, row: int) -> None:
    """Turn derivatives by the Q-values, in the rows from 1 on, into those by value and advantages of dueling heads."""
    n_actions = n_outputs - 1
    for b in range(at, at + n):
        total = np.float32(0.0)
        for a in range(1, n_outputs):
            total += workspace[b + a * row]
        workspace[b] = total
        mean = total / np.float32(n_actions)
        for a in range(1, n_outputs):
            workspace[b + a * row] -= mean


@helper
def backward(
    parameters: Floats, sizes: Integers, n_values: int, workspace: Floats, here: int, there: int, row: int, n: int
) -> None:
    """Gradient of every parameter from the loss's derivatives by the Q-values [A, n], at row ``n_values`` of here."""
    if n_values > 0:
        slopes_of_outputs(workspace, here, sizes[-1], n, row)
    at = 0
    x_at = 0
    for i in range(sizes.shape[0] - 1):
        at += sizes[i + 1] * (sizes[i] + 1)
        x_at += sizes[i] * row
    for i in range(sizes.shape[0] - 2, -1, -1):
        n_in, n_out = sizes[i], sizes[i + 1]
        at -= n_out * (n_in + 1)
        x_at -= n_in * row
        gradient_at = GRADIENT * (parameters.shape[0] // N_BLOCKS) + at
        inner_products(parameters, gradient_at, n_in, workspace, here, workspace, x_at, row, n_out, n_in, n)
        for o in range(n_out):
            parameters[gradient_at + n_out * n_in + o] = row_sum(workspace, here + o * row, n)
        if i > 0:
            workspace[there : there + n_in * row] = 0.0
            add_product(workspace, there, parameters, at, 1, n_in, workspace, here, row, n_in, n, n_out)
            block_slopes(workspace[there : there + n_in * row], workspace[x_at : x_at + n_in * row])
            here, there = there, here


@helper
def block_slopes(slopes: Floats, activations: Floats) -> None:
    """Derivative of the ReLU: nothing passes where it was at rest."""
    for k in range(slopes.shape[0]):
        slopes[k] = slopes[k] if activations[k] > np.float32(0.0) else np.float32(0.0)


@helper
def _forward_one(parameters: Floats, sizes: Integers, scratch: Floats, widest: int) -> int:
    """Online network for the one observation at the start of ``scratch``; where its Q-values lie."""
    at = ONLINE
    x_at, y_at = 0, widest
    for i in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[i], sizes[i + 1]
        bias_at = at + n_out * n_in
        vector_product(scratch, y_at, parameters, at, scratch, x_at, parameters, bias_at, n_out, n_in)
        if i < sizes.shape[0] - 2:
            rectify(scratch[y_at : y_at + n_out])
        at = bias_at + n_out
        x_at, y_at = y_at, x_at
    return x_at


@kernel
def greedy_action(parameters: Floats, sizes: Integers, n_values: int, scratch: Floats) -> int:
    """Action of the highest Q-value, the lowest of equals, for the observation at the start of ``scratch``.

    Where the network is dueling, that is the action of the highest advantage.
    """
    at = _forward_one(parameters, sizes, scratch, scratch.shape[0] // 2) + n_values
    best = 0
    for a in range(1, sizes[-1] - n_values):
        if scratch[at + a] > scratch[at + best]:
            best = a
    return best


@kernel
def q_rows(
    observations: Floats, parameters: Floats, sizes: Integers, n_values: int, scratch: Floats, q: Floats
) -> None:
    """Write the Q-values of ``observations`` [B, D] to ``q`` [B, A]."""
    for b in range(observations.shape[0]):
        scratch[: sizes[0]] = observations[b]
        at = _forward_one(parameters, sizes, scratch, scratch.shape[0] // 2)
        at = q_values(scratch, at, sizes[-1], n_values, 1, 1)
        q[b] = scratch[at : at + sizes[-1] - n_values]
