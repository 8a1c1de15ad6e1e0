"""One DQN update as one compiled call, and the greedy action as another.

Everything lies in flat arrays that the caller keeps, so that nothing is allocated here:

parameters  float32 [5 P]: online weights, target weights, Adam's first and second moments, gradient; each holds, layer
            after layer, the weight [out, in] row by row and the bias [out], then zeros up to a whole cache line.
sizes       int64 [L + 1]: layer sizes, from observation to Q-values.
workspace   float32: every layer's activations for the batch, two buffers as high as the widest layer, the TD targets,
            and what s' is worth in them. A unit's values for the batch are one row, padded (:func:`workspace_size`).
numbers     float64 [N_NUMBERS]: hyperparameters, Adam's step count, and the statistics gathered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compiled import helper, kernel
from dqn_core.algorithm.vector_products import BATCH_TILE, add_product, inner_products

__all__ = ["batch_terms", "greedy_action", "q_rows", "term_columns", "update", "whole_lines", "workspace_size"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

ONLINE, TARGET, FIRST, SECOND, GRADIENT = range(5)
"""Places in ``parameters``, in units of P."""
N_BLOCKS = 5

GAMMA, LEARNING_RATE, ADAM_EPSILON, CLIP_VALUE, TAU, IS_HUBER, ADAM_STEP, UPDATES, LOSS_SUM, Q_SUM = range(10)
"""Places in ``numbers``; CLIP_VALUE 0 does not clip, TAU 0 leaves the target network alone."""
N_NUMBERS = 10

BETA_1, BETA_2 = 0.9, 0.999  # Kingma & Ba 2015, algorithm 1
_NOTHING = np.float32(1e-30)
LINE = 16
"""Floats in a cache line."""


def padded_batch(batch_size: int) -> int:
    """Batch columns that are computed: whole tiles."""
    return -(-batch_size // BATCH_TILE) * BATCH_TILE


def whole_lines(size: int) -> int:
    """``size`` rounded up to whole cache lines."""
    return -(-size // LINE) * LINE


def workspace_size(sizes: Sequence[int], batch_size: int) -> int:
    """Floats of workspace that an update of ``batch_size`` rows needs."""
    return _row_length(batch_size) * (sum(sizes) + 2 * max(sizes) + 2)


def _row_length(batch_size: int) -> int:
    # One cache line more than the columns: with a power of two, all rows of a tile would fall into the same few sets
    # of the first-level cache.
    return padded_batch(batch_size) + LINE


_padded_batch = helper(padded_batch)


@kernel
def update(
    rows: Floats, indices: Integers, parameters: Floats, sizes: Integers, workspace: Floats, numbers: Doubles
) -> None:
    """One gradient step on the replay ``rows`` [N, 2 D + 3] numbered ``indices`` [B]."""
    n, row, here, there, targets_at = _places(sizes, indices.shape[0])
    _targets(rows, indices, parameters, sizes, workspace, numbers)
    q_at = _forward_online(parameters, sizes, workspace, row, n)
    _td_errors(rows, indices, sizes[-1], workspace, q_at, targets_at, here, row, numbers)
    _backward(parameters, sizes, workspace, here, there, row, n)
    _adam(parameters, numbers)


def term_columns(n_actions: int) -> int:
    """Columns that :func:`batch_terms` writes."""
    return 2 * n_actions + 4


@kernel
def batch_terms(
    rows: Floats,
    indices: Integers,
    parameters: Floats,
    sizes: Integers,
    workspace: Floats,
    numbers: Doubles,
    terms: Floats,
) -> None:
    """Write what :func:`update` starts from to ``terms`` [B, 2 A + 4], changing nothing else.

    Columns: Q(s, .), Q_target(s', .), what s' is worth, target, TD error, loss.
    """
    n, row, _, _, targets_at = _places(sizes, indices.shape[0])
    n_actions = sizes[-1]
    next_q_at = _targets(rows, indices, parameters, sizes, workspace, numbers)
    q_at = _forward_online(parameters, sizes, workspace, row, n)
    for b in range(indices.shape[0]):
        for a in range(n_actions):
            terms[b, a] = workspace[q_at + a * row + b]
            terms[b, n_actions + a] = workspace[next_q_at + a * row + b]
        error = workspace[q_at + np.int64(rows[indices[b], -3]) * row + b] - workspace[targets_at + b]
        terms[b, -4] = workspace[targets_at + row + b]
        terms[b, -3] = workspace[targets_at + b]
        terms[b, -2] = error
        terms[b, -1] = _loss_and_slope(error, numbers[IS_HUBER] != 0.0)[0]


@helper
def _places(sizes: Integers, batch_size: int) -> tuple[int, int, int, int, int]:
    """Columns computed, length of a row, and where the two buffers and the TD targets lie in the workspace."""
    n = _padded_batch(batch_size)
    row = n + LINE
    height = 0
    widest = 0
    for size in sizes:
        height += size
        widest = max(widest, size)
    here = row * height
    there = here + row * widest
    return n, row, here, there, there + row * widest


@helper
def _targets(
    rows: Floats, indices: Integers, parameters: Floats, sizes: Integers, workspace: Floats, numbers: Doubles
) -> int:
    """Gather the batch and write its TD targets; where Q_target(s', .) lies until the errors are written."""
    n, row, here, there, targets_at = _places(sizes, indices.shape[0])
    _gather(rows, indices, sizes[0], workspace, 0, here, row)
    q_at = _forward_target(parameters, sizes, workspace, here, there, row, n)
    _td_targets(rows, indices, numbers[GAMMA], sizes[-1], workspace, q_at, targets_at, row)
    return q_at


@helper
def _gather(
    rows: Floats, indices: Integers, width: int, workspace: Floats, observations_at: int, next_at: int, row: int
) -> None:
    """Write the sampled observations and next observations as columns."""
    for d in range(width):
        observations = workspace[observations_at + d * row : observations_at + (d + 1) * row]
        next_observations = workspace[next_at + d * row : next_at + (d + 1) * row]
        for b in range(indices.shape[0]):
            observations[b] = rows[indices[b], d]
            next_observations[b] = rows[indices[b], width + d]


@helper
def _layer(
    parameters: Floats, at: int, n_in: int, n_out: int, workspace: Floats, x_at: int, y_at: int, row: int, n: int
) -> None:
    """Y [out, n] = W [out, in] @ X [in, n] + bias, with the layer's parameters from ``at`` on."""
    for o in range(n_out):
        workspace[y_at + o * row : y_at + o * row + n] = parameters[at + n_out * n_in + o]
    add_product(workspace, y_at, parameters, at, n_in, 1, workspace, x_at, row, n_out, n, n_in)


@helper
def _rectify(y: Floats) -> None:
    """ReLU in place; NaN stays NaN."""
    for k in range(y.shape[0]):
        y[k] = max(y[k], np.float32(0.0))  # the first where the two do not compare


@helper
def _forward_target(
    parameters: Floats, sizes: Integers, workspace: Floats, here: int, there: int, row: int, n: int
) -> int:
    """Target network from the columns at ``here``; where its Q-values then lie. Keeps no activations."""
    at = TARGET * (parameters.shape[0] // N_BLOCKS)
    for i in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[i], sizes[i + 1]
        _layer(parameters, at, n_in, n_out, workspace, here, there, row, n)
        if i < sizes.shape[0] - 2:
            _rectify(workspace[there : there + n_out * row])
        at += n_out * (n_in + 1)
        here, there = there, here
    return here


@helper
def _forward_online(parameters: Floats, sizes: Integers, workspace: Floats, row: int, n: int) -> int:
    """Online network, each layer's activations after the other's; where the Q-values lie."""
    at = ONLINE
    x_at = 0
    for i in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[i], sizes[i + 1]
        y_at = x_at + n_in * row
        _layer(parameters, at, n_in, n_out, workspace, x_at, y_at, row, n)
        if i < sizes.shape[0] - 2:
            _rectify(workspace[y_at : y_at + n_out * row])
        at += n_out * (n_in + 1)
        x_at = y_at
    return x_at


@helper
def _td_targets(
    rows: Floats, indices: Integers, gamma: float, n_actions: int, workspace: Floats, q_at: int, out_at: int, row: int
) -> None:
    """``r + gamma max_a' Q_target(s', a')``, cut to ``r`` where terminated (Mnih et al. 2015, algorithm 1).

    The row after the targets keeps the maxima.
    """
    for b in range(indices.shape[0]):
        best = workspace[q_at + b]
        for a in range(1, n_actions):
            best = max(best, workspace[q_at + a * row + b])
        reward, terminated = rows[indices[b], -2], rows[indices[b], -1]
        workspace[out_at + row + b] = best
        workspace[out_at + b] = reward + np.float32(gamma) * (np.float32(1.0) - terminated) * best


@helper
def _loss_and_slope(error: np.float32, is_huber: bool) -> tuple[np.float32, np.float32]:
    """One row's loss and its derivative by Q(s, a); both NaN for an error that is."""
    if not is_huber:
        return error * error, np.float32(2.0) * error
    if abs(error) <= np.float32(1.0):
        return np.float32(0.5) * error * error, error
    slope = np.float32(math.copysign(1.0, error)) if error == error else error  # noqa: PLR0124 (NaN)
    return abs(error) - np.float32(0.5), slope


@helper
def _td_errors(
    rows: Floats,
    indices: Integers,
    n_actions: int,
    workspace: Floats,
    q_at: int,
    targets_at: int,
    out_at: int,
    row: int,
    numbers: Doubles,
) -> None:
    """Derivative of the loss by each Q-value, [A, n] at ``out_at``; adds to the statistics."""
    workspace[out_at : out_at + n_actions * row] = 0.0
    batch_size = indices.shape[0]
    is_huber = numbers[IS_HUBER] != 0.0
    share = np.float32(1.0 / batch_size)
    loss_sum = np.float64(0.0)
    q_sum = 0.0
    for b in range(batch_size):
        at = np.int64(rows[indices[b], -3]) * row + b
        q = workspace[q_at + at]
        error = q - workspace[targets_at + b]
        q_sum += q
        loss, slope = _loss_and_slope(error, is_huber)
        loss_sum += np.float64(loss)
        workspace[out_at + at] = slope * share
    numbers[UPDATES] += 1.0
    numbers[LOSS_SUM] += loss_sum / batch_size
    numbers[Q_SUM] += q_sum / batch_size


@helper
def _backward(parameters: Floats, sizes: Integers, workspace: Floats, here: int, there: int, row: int, n: int) -> None:
    """Gradient of every parameter from the loss's derivatives by the Q-values, [A, n] at ``here``."""
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
            parameters[gradient_at + n_out * n_in + o] = _total(workspace[here + o * row : here + o * row + n])
        if i > 0:
            workspace[there : there + n_in * row] = 0.0
            add_product(workspace, there, parameters, at, 1, n_in, workspace, here, row, n_in, n, n_out)
            _block(workspace[there : there + n_in * row], workspace[x_at : x_at + n_in * row])
            here, there = there, here


@helper
def _total(values: Floats) -> np.float32:
    total = np.float32(0.0)
    for k in range(values.shape[0]):
        total += values[k]
    return total


@helper
def _block(slopes: Floats, activations: Floats) -> None:
    """Derivative of the ReLU: nothing passes where it was at rest."""
    for k in range(slopes.shape[0]):
        slopes[k] = slopes[k] if activations[k] > np.float32(0.0) else np.float32(0.0)


@helper
def _adam(parameters: Floats, numbers: Doubles) -> None:
    """Clip, Adam as torch.optim.Adam does it (Kingma & Ba 2015, algorithm 1), soft target."""
    n_parameters = parameters.shape[0] // N_BLOCKS
    online = parameters[:n_parameters]
    target = parameters[TARGET * n_parameters : (TARGET + 1) * n_parameters]
    first = parameters[FIRST * n_parameters : (FIRST + 1) * n_parameters]
    second = parameters[SECOND * n_parameters : (SECOND + 1) * n_parameters]
    gradient = parameters[GRADIENT * n_parameters : (GRADIENT + 1) * n_parameters]

    numbers[ADAM_STEP] += 1.0
    clip = np.float32(numbers[CLIP_VALUE])
    if clip > 0.0:
        for k in range(n_parameters):
            gradient[k] = max(min(gradient[k], clip), -clip)

    step_size = np.float32(numbers[LEARNING_RATE] / (1.0 - BETA_1 ** numbers[ADAM_STEP]))
    root = np.float32(1.0 / math.sqrt(1.0 - BETA_2 ** numbers[ADAM_STEP]))
    epsilon = np.float32(numbers[ADAM_EPSILON])
    keep_1, add_1 = np.float32(BETA_1), np.float32(1.0 - BETA_1)
    keep_2, add_2 = np.float32(BETA_2), np.float32(1.0 - BETA_2)
    for k in range(n_parameters):
        g = gradient[k]
        m = keep_1 * first[k] + add_1 * g
        v = keep_2 * second[k] + add_2 * g * g
        # Behind a unit at rest there is no gradient, and moments decay to subnormal numbers, which are slow: with half
        # of the units at rest, an update of 17 us took 25.
        first[k] = np.float32(0.0) if abs(m) < _NOTHING else m
        second[k] = np.float32(0.0) if v < _NOTHING else v
        online[k] -= step_size * first[k] / (np.sqrt(second[k]) * root + epsilon)

    tau = np.float32(numbers[TAU])
    if tau > 0.0:
        for k in range(n_parameters):
            target[k] += tau * (online[k] - target[k])


@helper
def _forward_one(parameters: Floats, sizes: Integers, scratch: Floats, widest: int) -> int:
    """Online network for the one observation at the start of ``scratch``; where its Q-values lie."""
    at = ONLINE
    x_at, y_at = 0, widest
    for i in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[i], sizes[i + 1]
        bias_at = at + n_out * n_in
        x = scratch[x_at : x_at + n_in]
        for o in range(n_out):
            total = _inner(parameters[at + o * n_in : at + (o + 1) * n_in], x) + parameters[bias_at + o]
            is_rectified = i < sizes.shape[0] - 2 and total < np.float32(0.0)
            scratch[y_at + o] = np.float32(0.0) if is_rectified else total
        at = bias_at + n_out
        x_at, y_at = y_at, x_at
    return x_at


@helper
def _inner(x: Floats, y: Floats) -> np.float32:
    total = np.float32(0.0)
    for k in range(x.shape[0]):
        total += x[k] * y[k]
    return total


@kernel
def greedy_action(parameters: Floats, sizes: Integers, scratch: Floats) -> int:
    """Action of the highest Q-value, the lowest of equals, for the observation at the start of ``scratch``."""
    at = _forward_one(parameters, sizes, scratch, scratch.shape[0] // 2)
    best = 0
    for a in range(1, sizes[-1]):
        if scratch[at + a] > scratch[at + best]:
            best = a
    return best


@kernel
def q_rows(observations: Floats, parameters: Floats, sizes: Integers, scratch: Floats, q: Floats) -> None:
    """Write the Q-values of ``observations`` [B, D] to ``q`` [B, A]."""
    for b in range(observations.shape[0]):
        scratch[: sizes[0]] = observations[b]
        at = _forward_one(parameters, sizes, scratch, scratch.shape[0] // 2)
        q[b] = scratch[at : at + sizes[-1]]
