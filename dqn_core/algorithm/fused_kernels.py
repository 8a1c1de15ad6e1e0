"""One DQN update as one compiled call.

Everything lies in flat arrays that the caller keeps, so that nothing is allocated here:

parameters  float32 [5 P]: online weights, target weights, Adam's first and second moments, gradient; each holds, layer
            after layer, the weight [out, in] row by row and the bias [out], then zeros up to a whole cache line.
sizes       int64 [L + 1]: layer sizes, from observation to Q-values.
workspace   float32: every layer's activations for the batch, two buffers as high as the widest layer, the TD targets,
            which the TD errors take the place of, what s' is worth in them, and a label for each output. A unit's
            values for the batch are one row, padded (:func:`workspace_size`).
numbers     float64 [N_NUMBERS]: hyperparameters, Adam's step count, and the statistics gathered.

Where a batch is learned from in minibatches, each lies in the same workspace as a batch of its own size would; targets
and labels, which are made once for the whole batch, lie behind all that a smaller batch needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compiled import helper, kernel
from dqn_core.algorithm.fused_network import (
    FIRST,
    GRADIENT,
    N_BLOCKS,
    ONLINE,
    SECOND,
    TARGET,
    backward,
    forward,
    forward_kept,
)
from dqn_core.algorithm.powers import whole_power
from dqn_core.algorithm.vector_products import BATCH_TILE

__all__ = [
    "adam",
    "batch_terms",
    "best_actions",
    "loss_and_slope",
    "mix_target",
    "next_values",
    "td_errors",
    "td_errors_at",
    "td_targets",
    "term_columns",
    "update",
    "whole_lines",
    "workspace_size",
]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

GAMMA, LEARNING_RATE, ADAM_EPSILON, CLIP_VALUE, TAU, IS_HUBER, IS_DOUBLE = range(7)
MINIBATCH, HAS_ALL_OUTPUTS, IS_HAT = range(7, 10)
ADAM_STEP, UPDATES, LOSS_SUM, Q_SUM = range(10, 14)
"""Places in ``numbers``; CLIP_VALUE 0 does not clip, TAU 0 leaves the target alone, MINIBATCH 0 is the whole batch."""
N_NUMBERS = 14

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
    return td_errors_at(sizes, batch_size) + (2 + sizes[-1]) * _row_length(batch_size)


def td_errors_at(sizes: Sequence[int], batch_size: int) -> int:
    """Where in the workspace the TD errors of the last update of ``batch_size`` rows lie."""
    return _row_length(batch_size) * (sum(sizes) + 2 * max(sizes))


def _row_length(batch_size: int) -> int:
    # One cache line more than the columns: with a power of two, all rows of a tile would fall into the same few sets
    # of the first-level cache.
    return padded_batch(batch_size) + LINE


_padded_batch = helper(padded_batch)


@kernel
def update(
    rows: Floats,
    indices: Integers,
    weights: Floats,
    parameters: Floats,
    sizes: Integers,
    n_values: int,
    workspace: Floats,
    numbers: Doubles,
    most_steps: int,
) -> None:
    """One update on the replay ``rows`` [N, 2 D + 4] numbered ``indices`` [B]: a gradient step for each minibatch.

    ``weights`` [B] multiply the rows' losses. ``n_values`` outputs of the network, 1 where it is dueling and else 0,
    come before the actions'. No more than ``most_steps`` gradient steps are taken.
    """
    batch_size = indices.shape[0]
    _, batch_row, _, _, targets_at = _places(sizes, batch_size)
    labels_at = targets_at + 2 * batch_row
    n_actions = sizes[-1] - n_values
    _targets(rows, indices, parameters, sizes, n_values, workspace, numbers)
    if numbers[HAS_ALL_OUTPUTS] != 0.0:
        _labels(rows, indices, parameters, sizes, n_values, workspace, labels_at)
    minibatch = np.int64(numbers[MINIBATCH])
    if minibatch == 0:
        minibatch = batch_size
    for first in range(0, min(batch_size, most_steps * minibatch), minibatch):
        size = min(minibatch, batch_size - first)
        n, row, here, there, _ = _places(sizes, size)
        if size < batch_size:
            _gather(rows, indices[first : first + size], 0, sizes[0], workspace, 0, row)
        q_at = forward_kept(parameters, sizes, n_values, workspace, row, n)
        td_errors(
            rows,
            indices,
            weights,
            n_actions,
            workspace,
            q_at,
            targets_at,
            labels_at,
            batch_row,
            here + n_values * row,
            row,
            first,
            size,
            numbers,
        )
        backward(parameters, sizes, n_values, workspace, here, there, row, n)
        adam(parameters, numbers)
    numbers[UPDATES] += 1.0
    mix_target(parameters, numbers)


def term_columns(n_actions: int) -> int:
    """Columns that :func:`batch_terms` writes."""
    return 2 * n_actions + 4


@kernel
def batch_terms(
    rows: Floats,
    indices: Integers,
    parameters: Floats,
    sizes: Integers,
    n_values: int,
    workspace: Floats,
    numbers: Doubles,
    terms: Floats,
) -> None:
    """Write what :func:`update` starts from to ``terms`` [B, 2 A + 4], changing nothing else.

    Columns: Q(s, .), Q_target(s', .), the value of s', target, Q(s, a) - target (the negative TD error), loss.
    """
    n, row, _, _, targets_at = _places(sizes, indices.shape[0])
    n_actions = sizes[-1] - n_values
    next_q_at = _targets(rows, indices, parameters, sizes, n_values, workspace, numbers)
    q_at = forward_kept(parameters, sizes, n_values, workspace, row, n)
    share = np.float32(1.0) if numbers[HAS_ALL_OUTPUTS] == 0.0 else np.float32(1.0) / np.float32(n_actions)
    for b in range(indices.shape[0]):
        for a in range(n_actions):
            terms[b, a] = workspace[q_at + a * row + b]
            terms[b, n_actions + a] = workspace[next_q_at + a * row + b]
        error = workspace[q_at + np.int64(rows[indices[b], -3]) * row + b] - workspace[targets_at + b]
        terms[b, -4] = workspace[targets_at + row + b]
        terms[b, -3] = workspace[targets_at + b]
        terms[b, -2] = error
        terms[b, -1] = share * loss_and_slope(error, numbers[IS_HUBER] != 0.0)[0]


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
    rows: Floats,
    indices: Integers,
    parameters: Floats,
    sizes: Integers,
    n_values: int,
    workspace: Floats,
    numbers: Doubles,
) -> int:
    """Gather the batch and write its TD targets; where Q_target(s', .) lies until the errors are written."""
    n, row, here, there, targets_at = _places(sizes, indices.shape[0])
    next_values_at = targets_at + row
    n_actions = sizes[-1] - n_values
    _gather(rows, indices, 0, sizes[0], workspace, 0, row)
    _gather(rows, indices, sizes[0], sizes[0], workspace, here, row)
    is_double = numbers[IS_DOUBLE] != 0.0
    if is_double:
        q_at = forward(parameters, ONLINE, sizes, n_values, workspace, here, there, row, n)
        best_actions(indices.shape[0], n_actions, workspace, q_at, next_values_at, row)
        _gather(rows, indices, sizes[0], sizes[0], workspace, here, row)
    q_at = forward(parameters, TARGET, sizes, n_values, workspace, here, there, row, n)
    next_values(indices.shape[0], n_actions, workspace, q_at, next_values_at, row, is_double)
    td_targets(rows, indices, numbers[GAMMA], workspace, next_values_at, targets_at)
    return q_at


@helper
def _labels(
    rows: Floats,
    indices: Integers,
    parameters: Floats,
    sizes: Integers,
    n_values: int,
    workspace: Floats,
    labels_at: int,
) -> None:
    """Write a label for each output of each row, [A, n]: what the online network says now, but for the taken action.

    The taken action's label is the row's target, which stays where it is.
    """
    n, row, here, there, _ = _places(sizes, indices.shape[0])
    _gather(rows, indices, 0, sizes[0], workspace, here, row)
    q_at = forward(parameters, ONLINE, sizes, n_values, workspace, here, there, row, n)
    n_floats = (sizes[-1] - n_values) * row
    workspace[labels_at : labels_at + n_floats] = workspace[q_at : q_at + n_floats]


@helper
def _gather(rows: Floats, indices: Integers, first: int, width: int, workspace: Floats, at: int, row: int) -> None:
    """Write ``width`` columns of the sampled rows, from column ``first`` on, as rows at ``at``."""
    for d in range(width):
        column = workspace[at + d * row : at + (d + 1) * row]
        for b in range(indices.shape[0]):
            column[b] = rows[indices[b], first + d]


@helper
def best_actions(batch_size: int, n_actions: int, workspace: Floats, q_at: int, out_at: int, row: int) -> None:
    """The action of the highest Q-value, the lowest of equals, for each column, as a number at ``out_at``."""
    for b in range(batch_size):
        best = 0
        for a in range(1, n_actions):
            if workspace[q_at + a * row + b] > workspace[q_at + best * row + b]:
                best = a
        workspace[out_at + b] = best


@helper
def next_values(
    batch_size: int, n_actions: int, workspace: Floats, q_at: int, out_at: int, row: int, is_double: bool
) -> None:
    """Value of each next observation: of the action that stands at ``out_at`` if double, else the highest."""
    for b in range(batch_size):
        if is_double:
            best = workspace[q_at + np.int64(workspace[out_at + b]) * row + b]
        else:
            best = workspace[q_at + b]
            for a in range(1, n_actions):
                best = max(best, workspace[q_at + a * row + b])
        workspace[out_at + b] = best


@helper
def td_targets(rows: Floats, indices: Integers, gamma: float, workspace: Floats, next_at: int, out_at: int) -> None:
    """``r + gamma^steps Q(s')``, cut to ``r`` where terminated (:func:`dqn_core.algorithm.targets.td_targets`)."""
    for b in range(indices.shape[0]):
        steps, reward, terminated = rows[indices[b], -4], rows[indices[b], -2], rows[indices[b], -1]
        discount = np.float32(gamma)
        for _ in range(1, np.int64(steps)):
            discount *= np.float32(gamma)
        workspace[out_at + b] = reward + discount * (np.float32(1.0) - terminated) * workspace[next_at + b]


@helper
def loss_and_slope(error: np.float32, is_huber: bool) -> tuple[np.float32, np.float32]:
    """One row's loss and its derivative by Q(s, a); both NaN for an error that is."""
    if not is_huber:
        return error * error, np.float32(2.0) * error
    if abs(error) <= np.float32(1.0):
        return np.float32(0.5) * error * error, error
    slope = np.float32(math.copysign(1.0, error)) if error == error else error  # noqa: PLR0124 (NaN)
    return abs(error) - np.float32(0.5), slope


@helper
def td_errors(
    rows: Floats,
    indices: Integers,
    weights: Floats,
    n_actions: int,
    workspace: Floats,
    q_at: int,
    targets_at: int,
    labels_at: int,
    labels_row: int,
    out_at: int,
    row: int,
    first: int,
    size: int,
    numbers: Doubles,
) -> None:
    """Derivative of the loss by each Q-value, [A, n] at ``out_at``; the errors take the targets' place.

    Of the rows numbered ``first`` to ``first + size`` in the batch. Adds to the statistics.
    """
    workspace[out_at : out_at + n_actions * row] = 0.0
    is_huber = numbers[IS_HUBER] != 0.0
    has_all_outputs = numbers[HAS_ALL_OUTPUTS] != 0.0
    n_outputs = n_actions if has_all_outputs else 1
    share = np.float32(1.0 / (size * n_outputs))
    loss_sum = np.float64(0.0)
    q_sum = 0.0
    for b in range(size):
        taken = np.int64(rows[indices[first + b], -3])
        q = workspace[q_at + taken * row + b]
        error = q - workspace[targets_at + first + b]
        workspace[targets_at + first + b] = error
        q_sum += q
        loss, slope = loss_and_slope(error, is_huber)
        workspace[out_at + taken * row + b] = weights[first + b] * slope * share
        if has_all_outputs:
            for a in range(n_actions):
                if a != taken:
                    other = workspace[q_at + a * row + b] - workspace[labels_at + a * labels_row + first + b]
                    other_loss, slope = loss_and_slope(other, is_huber)
                    workspace[out_at + a * row + b] = weights[first + b] * slope * share
                    loss += other_loss
        loss_sum += np.float64(weights[first + b] * loss)
    numbers[LOSS_SUM] += loss_sum / (indices.shape[0] * n_outputs)
    numbers[Q_SUM] += q_sum / indices.shape[0]


@helper
def adam(parameters: Floats, numbers: Doubles) -> None:
    """Clip, and Adam as torch.optim.Adam does it (Kingma & Ba 2015, algorithm 1), or with Keras' epsilon."""
    n_parameters = parameters.shape[0] // N_BLOCKS
    online = parameters[:n_parameters]
    first = parameters[FIRST * n_parameters : (FIRST + 1) * n_parameters]
    second = parameters[SECOND * n_parameters : (SECOND + 1) * n_parameters]
    gradient = parameters[GRADIENT * n_parameters : (GRADIENT + 1) * n_parameters]

    numbers[ADAM_STEP] += 1.0
    clip = np.float32(numbers[CLIP_VALUE])
    if clip > 0.0:
        for k in range(n_parameters):
            gradient[k] = max(min(gradient[k], clip), -clip)

    step = int(numbers[ADAM_STEP])
    correction = 1.0 / math.sqrt(1.0 - whole_power(BETA_2, step))
    step_size = np.float32(numbers[LEARNING_RATE] / (1.0 - whole_power(BETA_1, step)))
    root = np.float32(correction)
    epsilon = np.float32(numbers[ADAM_EPSILON] * (correction if numbers[IS_HAT] != 0.0 else 1.0))
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


@helper
def mix_target(parameters: Floats, numbers: Doubles) -> None:
    """Move the target network towards the online network by the soft-update rate."""
    n_parameters = parameters.shape[0] // N_BLOCKS
    online = parameters[:n_parameters]
    target = parameters[TARGET * n_parameters : (TARGET + 1) * n_parameters]
    tau = np.float32(numbers[TAU])
    if tau > 0.0:
        for k in range(n_parameters):
            target[k] += tau * (online[k] - target[k])
