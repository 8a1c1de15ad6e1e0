"""One update of MinAtar's network as one compiled call: 16 kernels of 3x3, a dense layer, the outputs.

Its pictures are small and mostly empty, so a convolution goes through the pixels that are not: each adds its level
times the weights to the up to nine places whose kernels cover it. The 16 kernels are the lanes of one vector, so that
no sum crosses lanes, and each sum has one order: by row of the batch, then by pixel. A row's features lie together,
place by place; the dense layers are products of such rows (:mod:`dqn_core.algorithm.vector_products`). Pixels at 0 add
nothing, so leaving them out changes no bit.

parameters  float32 [5 P], the five blocks of :mod:`dqn_core.algorithm.fused_kernels`. Each holds the convolution's
            weights [channel, dy, dx, kernel] and biases, then of both dense layers the weights [out, row_length(in)]
            and the biases, up to whole cache lines. Features of the first are numbered by place, then by kernel.
shape       int64: what stands at the places below.
reach       int32 [D, 19]: of each number of an observation, how many places it adds to; for each where that place's
            features begin among the features, and from column 10 on where the weights begin that it does it with.
frames      uint8 [F, D / stack]: of the replay memory (:class:`dqn_core.algorithm.frame_replay.FrameReplay`).
numbers     int64 [N, 2]: the newest frame of each transition's observation and of its next observation.
pixels      int32 [B, D] and levels float32 [B, D]: the pixels of each row that are not 0; counts int64 [B] of them.
picks       int32 [2 B H] and shares float32 [2 B H]: derivatives by the H hidden units that are not 0, and where they
            stand, listed for each row, and then for each unit.
workspace   float32: features, hidden units and outputs of the batch, and the loss's derivatives by them (:func:`_at`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compiled import helper, kernel
from dqn_core.algorithm.fused_kernels import (
    GAMMA,
    HAS_ALL_OUTPUTS,
    IS_DOUBLE,
    IS_HUBER,
    LINE,
    MINIBATCH,
    UPDATES,
    adam,
    best_actions,
    loss_and_slope,
    mix_target,
    next_values,
    td_errors,
    td_targets,
)
from dqn_core.algorithm.fused_network import (
    GRADIENT,
    N_BLOCKS,
    ONLINE,
    TARGET,
    block_slopes,
    q_values,
    rectify,
    slopes_of_outputs,
)
from dqn_core.algorithm.vector_products import (
    BATCH_TILE,
    LANES,
    LISTED_STRIP,
    add_listed,
    add_product,
    add_scaled,
    inner_products,
    vector_product,
)

__all__ = [
    "N_REACH",
    "N_SHAPE",
    "block_size",
    "picture_action",
    "picture_q",
    "picture_terms",
    "row_length",
    "update_pictures",
]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Shorts = NDArray[np.int32]
Bytes = NDArray[np.uint8]

HEIGHT, WIDTH, CHANNELS, STACK, HIDDEN, OUTPUTS, N_VALUES, STRIDE = range(8)
"""Places in ``shape``: of what the convolution gives, channels and frames of an observation, units of the dense layers,
how many outputs come before the actions' (1 where dueling), and what lies between the numbers of a stack's frames."""
N_SHAPE = 8
KERNELS = LANES
_SIDE = 3
_WEIGHTS = _SIDE * _SIDE
N_REACH = 1 + 2 * _WEIGHTS


def row_length(units: int) -> int:
    """Floats from one row of so many units to the next: whole tiles, and a line more.

    Rows of a power of two would fall into the same few sets of the first-level cache.
    """
    return -(-units // BATCH_TILE) * BATCH_TILE + LINE


def block_size(channels: int, features: int, hidden: int, outputs: int) -> int:
    """Floats of one block of parameters."""
    convolution = KERNELS * (channels * _SIDE * _SIDE + 1)
    dense = hidden * (row_length(features) + 1) + outputs * (row_length(hidden) + 1)
    return -(-(convolution + dense) // LINE) * LINE


_row_length = helper(row_length)


@helper
def _features(shape: Integers) -> int:
    count: int = shape[HEIGHT] * shape[WIDTH] * KERNELS
    return count


@helper
def _weights_at(shape: Integers) -> tuple[int, int, int]:
    """Where in a block the convolution's biases, the hidden layer's weights and the outputs' weights lie."""
    biases = shape[CHANNELS] * _SIDE * _SIDE * KERNELS
    hidden = biases + KERNELS
    return biases, hidden, hidden + shape[HIDDEN] * (_row_length(_features(shape)) + 1)


def workspace_size(features: int, hidden: int, outputs: int, batch_size: int) -> int:
    """Floats of workspace that an update of ``batch_size`` rows needs."""
    return batch_size * (2 * row_length(features) + 2 * row_length(hidden) + 4 * outputs + 2)


def td_errors_at(features: int, hidden: int, outputs: int, batch_size: int) -> int:
    """Where in the workspace the TD errors of the last update of ``batch_size`` rows lie."""
    return batch_size * (2 * row_length(features) + 2 * row_length(hidden) + 4 * outputs)


@helper
def _at(shape: Integers, n: int) -> tuple[int, int, int, int, int, int, int]:
    """Where the parts of the workspace of ``n`` rows lie.

    Features and the derivatives by them [n, row_length(features)]; hidden units and the derivatives by them
    [n, row_length(hidden)]; outputs row by row [n, outputs]; Q-values, derivatives by the outputs and labels, column by
    column [outputs, n]; TD targets [n], which the errors take the place of, and after them [n] what s' is worth.
    """
    feature_row, hidden_row, n_outputs = _row_length(_features(shape)), _row_length(shape[HIDDEN]), shape[OUTPUTS]
    feature_slopes = n * feature_row
    hidden = 2 * n * feature_row
    hidden_slopes = hidden + n * hidden_row
    outputs = hidden + 2 * n * hidden_row
    slopes = outputs + 2 * n * n_outputs
    labels = slopes + n * n_outputs
    return feature_slopes, hidden, hidden_slopes, outputs, slopes, labels, labels + n * n_outputs


# ------------------------------------------------------------------------------------------------------- forward


@helper
def _find(
    frames: Bytes,
    number: int,
    stack: int,
    stride: int,
    scale: np.float32,
    pixels: Shorts,
    levels: Floats,
    b: int,
) -> int:
    """Write the pixels of the stack of frames up to ``number`` that are not 0 into row ``b``; how many there are.

    The numbers of its frames are ``stride`` apart.
    """
    size = frames.shape[1]
    count = 0
    for f in range(stack):
        frame = frames[(number - (stack - 1 - f) * stride) % frames.shape[0]]
        for p in range(size):
            level = frame[p]
            pixels[b, count] = f * size + p
            levels[b, count] = np.float32(level) * scale
            count += level != 0
    return count


@helper
def _convolve(
    parameters: Floats,
    block: int,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    b: int,
    count: int,
    out: Floats,
    out_at: int,
) -> None:
    """Write the features of row ``b``, whose pixels stand in the lists, after their ReLU."""
    biases, _, _ = _weights_at(shape)
    n_features = _features(shape)
    features = out[out_at : out_at + n_features]
    features[:] = 0.0
    for place in range(0, n_features, KERNELS):
        add_scaled(out, out_at + place, parameters, block + biases, np.float32(1.0))
    for i in range(count):
        pixel = pixels[b, i]
        for j in range(1, 1 + reach[pixel, 0]):
            place, weight = reach[pixel, j], reach[pixel, _WEIGHTS + j]
            add_scaled(out, out_at + place, parameters, block + weight, levels[b, i])
    rectify(features)


@helper
def _add_bias(biases: Floats, y: Floats) -> None:
    for o in range(y.shape[0]):
        y[o] += biases[o]


@helper
def _forward(
    parameters: Floats,
    place: int,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    counts: Integers,
    workspace: Floats,
    n: int,
    columns_at: int,
) -> int:
    """The network of the block at ``place`` for the ``n`` rows whose pixels stand in the lists.

    Keeps features and hidden units; writes the outputs column by column, [outputs, n], and returns where the Q-values
    lie among them.
    """
    block = place * (parameters.shape[0] // N_BLOCKS)
    n_features, n_hidden, n_outputs = _features(shape), shape[HIDDEN], shape[OUTPUTS]
    feature_row, hidden_row = _row_length(n_features), _row_length(n_hidden)
    _, hidden, _, outputs, _, _, _ = _at(shape, n)
    _, hidden_weights, output_weights = _weights_at(shape)
    for b in range(n):
        _convolve(parameters, block, shape, reach, pixels, levels, b, counts[b], workspace, b * feature_row)
    weights_at = block + hidden_weights
    inner_products(
        workspace, hidden, hidden_row, workspace, 0, parameters, weights_at, feature_row, n, n_hidden, n_features
    )
    biases_at = weights_at + n_hidden * feature_row
    for b in range(n):
        units = workspace[hidden + b * hidden_row : hidden + b * hidden_row + n_hidden]
        _add_bias(parameters[biases_at : biases_at + n_hidden], units)
        rectify(units)
    weights_at = block + output_weights
    inner_products(
        workspace, outputs, n_outputs, workspace, hidden, parameters, weights_at, hidden_row, n, n_outputs, hidden_row
    )
    for o in range(n_outputs):
        bias = parameters[weights_at + n_outputs * hidden_row + o]
        for b in range(n):
            workspace[columns_at + o * n + b] = workspace[outputs + b * n_outputs + o] + bias
    return q_values(workspace, columns_at, n_outputs, shape[N_VALUES], n, n)


@helper
def _find_all(
    frames: Bytes,
    numbers: Integers,
    column: int,
    indices: Integers,
    shape: Integers,
    scale: np.float32,
    pixels: Shorts,
    levels: Floats,
    counts: Integers,
) -> None:
    """Find the pixels of all rows ``indices``: of their observations (column 0) or their next observations (1)."""
    for b in range(indices.shape[0]):
        counts[b] = _find(frames, numbers[indices[b], column], shape[STACK], shape[STRIDE], scale, pixels, levels, b)


# ------------------------------------------------------------------------------------------------------ backward


@helper
def _backward(
    parameters: Floats,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    counts: Integers,
    picks: Shorts,
    shares: Floats,
    listed: Integers,
    workspace: Floats,
    n: int,
    slopes: int,
) -> None:
    """Gradient of every parameter, from the loss's derivatives by the outputs [outputs, n] at ``slopes``."""
    size = parameters.shape[0] // N_BLOCKS
    gradient = GRADIENT * size
    n_features, n_hidden, n_outputs = _features(shape), shape[HIDDEN], shape[OUTPUTS]
    feature_row, hidden_row = _row_length(n_features), _row_length(n_hidden)
    feature_tiles, hidden_tiles = feature_row - LINE, hidden_row - LINE
    feature_slopes, hidden, hidden_slopes, _, _, _, _ = _at(shape, n)
    biases, hidden_weights, output_weights = _weights_at(shape)
    parameters[gradient : gradient + size] = 0.0

    at = gradient + output_weights
    add_product(parameters, at, workspace, slopes, n, 1, workspace, hidden, hidden_row, n_outputs, hidden_tiles, n)
    for o in range(n_outputs):
        for b in range(n):
            parameters[at + n_outputs * hidden_row + o] += workspace[slopes + o * n + b]
    workspace[hidden_slopes : hidden_slopes + n * hidden_row] = 0.0
    add_product(
        workspace,
        hidden_slopes,
        workspace,
        slopes,
        1,
        n,
        parameters,
        ONLINE * size + output_weights,
        hidden_row,
        n,
        hidden_tiles,
        n_outputs,
    )
    block_slopes(workspace[hidden_slopes : hidden_slopes + n * hidden_row], workspace[hidden : hidden + n * hidden_row])

    at = gradient + hidden_weights
    biases_at = at + n_hidden * feature_row
    for b in range(n):
        first = hidden_slopes + b * hidden_row
        _add_bias(workspace[first : first + n_hidden], parameters[biases_at : biases_at + n_hidden])
    by_unit = n * n_hidden
    _list_slopes(workspace, hidden_slopes, hidden_row, n, n_hidden, picks, shares, listed)
    workspace[feature_slopes : feature_slopes + n * feature_row] = 0.0
    for j in range(0, feature_tiles, LISTED_STRIP):
        width = min(LISTED_STRIP, feature_tiles - j)
        for o in range(n_hidden):
            first, count = by_unit + o * n, listed[n + o]
            add_listed(
                parameters, at + o * feature_row + j, shares, picks, first, count, workspace, j, feature_row, width
            )
        weights = ONLINE * size + hidden_weights + j
        for b in range(n):
            first, count = b * n_hidden, listed[b]
            to = feature_slopes + b * feature_row + j
            add_listed(workspace, to, shares, picks, first, count, parameters, weights, feature_row, width)
    block_slopes(workspace[feature_slopes : feature_slopes + n * feature_row], workspace[: n * feature_row])
    _backward_convolution(
        parameters, gradient, biases, reach, pixels, levels, counts, workspace, n, feature_slopes, n_features
    )


@helper
def _backward_convolution(
    parameters: Floats,
    gradient: int,
    biases: int,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    counts: Integers,
    workspace: Floats,
    n: int,
    slopes: int,
    n_features: int,
) -> None:
    """Gradient of the convolution, from the derivatives by its features, a row of the batch at a time."""
    for b in range(n):
        row = slopes + b * _row_length(n_features)
        for place in range(n_features // KERNELS):
            add_scaled(parameters, gradient + biases, workspace, row + place * KERNELS, np.float32(1.0))
        for i in range(counts[b]):
            pixel = pixels[b, i]
            for j in range(1, 1 + reach[pixel, 0]):
                place, weight = reach[pixel, j], reach[pixel, _WEIGHTS + j]
                add_scaled(parameters, gradient + weight, workspace, row + place, levels[b, i])


@helper
def _list_slopes(
    workspace: Floats, slopes: int, row: int, n: int, n_hidden: int, picks: Shorts, shares: Floats, listed: Integers
) -> None:
    """List the derivatives [n, n_hidden] that are not 0: of each row, then of each unit; ``listed`` counts them."""
    listed[: n + n_hidden] = 0
    for b in range(n):
        for o in range(n_hidden):
            share = workspace[slopes + b * row + o]
            at = b * n_hidden + listed[b]
            picks[at], shares[at] = o, share
            listed[b] += share != np.float32(0.0)
            at = n * n_hidden + o * n + listed[n + o]
            picks[at], shares[at] = b, share
            listed[n + o] += share != np.float32(0.0)


# -------------------------------------------------------------------------------------------------------- update


@helper
def _targets(
    rows: Floats,
    frames: Bytes,
    numbers: Integers,
    indices: Integers,
    scale: np.float32,
    parameters: Floats,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    counts: Integers,
    workspace: Floats,
    settings: Doubles,
) -> int:
    """Write the batch's TD targets; where Q_target(s', .) lies until the errors are written."""
    n = indices.shape[0]
    n_actions = shape[OUTPUTS] - shape[N_VALUES]
    _, _, _, outputs, slopes, _, targets_at = _at(shape, n)
    columns = outputs + n * shape[OUTPUTS]
    next_at = targets_at + n
    is_double = settings[IS_DOUBLE] != 0.0
    _find_all(frames, numbers, 1, indices, shape, scale, pixels, levels, counts)
    if is_double:
        q_at = _forward(parameters, ONLINE, shape, reach, pixels, levels, counts, workspace, n, columns)
        best_actions(n, n_actions, workspace, q_at, next_at, n)
    q_at = _forward(parameters, TARGET, shape, reach, pixels, levels, counts, workspace, n, slopes)
    next_values(n, n_actions, workspace, q_at, next_at, n, is_double)
    td_targets(rows, indices, settings[GAMMA], workspace, next_at, targets_at)
    return q_at


@kernel
def update_pictures(
    rows: Floats,
    frames: Bytes,
    numbers: Integers,
    indices: Integers,
    weights: Floats,
    scale: np.float32,
    parameters: Floats,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    counts: Integers,
    picks: Shorts,
    shares: Floats,
    listed: Integers,
    workspace: Floats,
    settings: Doubles,
    most_steps: int,
) -> None:
    """One update on the transitions ``indices`` [B], as :func:`dqn_core.algorithm.fused_kernels.update` makes it.

    ``rows`` [N, 4] are what stands beside their observations; ``scale`` is what a byte of a frame is worth.
    """
    batch_size = indices.shape[0]
    n_values, n_outputs = shape[N_VALUES], shape[OUTPUTS]
    n_actions = n_outputs - n_values
    _, _, _, _, _, labels_at, targets_at = _at(shape, batch_size)
    _targets(
        rows, frames, numbers, indices, scale, parameters, shape, reach, pixels, levels, counts, workspace, settings
    )
    has_all_outputs = settings[HAS_ALL_OUTPUTS] != 0.0
    minibatch = np.int64(settings[MINIBATCH])
    if minibatch == 0 or minibatch > batch_size:
        minibatch = batch_size
    _, _, _, outputs, slopes, _, _ = _at(shape, batch_size)
    columns = outputs + batch_size * n_outputs
    if has_all_outputs:
        _find_all(frames, numbers, 0, indices, shape, scale, pixels, levels, counts)
        q_at = _forward(parameters, ONLINE, shape, reach, pixels, levels, counts, workspace, batch_size, columns)
        for k in range(n_actions * batch_size):
            workspace[labels_at + k] = workspace[q_at + k]
    for first in range(0, min(batch_size, most_steps * minibatch), minibatch):
        size = min(minibatch, batch_size - first)
        part = indices[first : first + size]
        _find_all(frames, numbers, 0, part, shape, scale, pixels, levels, counts)
        q_at = _forward(parameters, ONLINE, shape, reach, pixels, levels, counts, workspace, size, columns)
        td_errors(
            rows,
            indices,
            weights,
            n_actions,
            workspace,
            q_at,
            targets_at,
            labels_at,
            batch_size,
            slopes + n_values * size,
            size,
            first,
            size,
            settings,
        )
        if n_values > 0:
            slopes_of_outputs(workspace, slopes, n_outputs, size, size)
        _backward(parameters, shape, reach, pixels, levels, counts, picks, shares, listed, workspace, size, slopes)
        adam(parameters, settings)
    settings[UPDATES] += 1.0
    mix_target(parameters, settings)


@kernel
def picture_terms(
    rows: Floats,
    frames: Bytes,
    numbers: Integers,
    indices: Integers,
    scale: np.float32,
    parameters: Floats,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    counts: Integers,
    workspace: Floats,
    settings: Doubles,
    terms: Floats,
) -> None:
    """Write what :func:`update_pictures` starts from, as :func:`dqn_core.algorithm.fused_kernels.batch_terms` does."""
    n = indices.shape[0]
    n_actions = shape[OUTPUTS] - shape[N_VALUES]
    _, _, _, outputs, _, _, targets_at = _at(shape, n)
    next_q_at = _targets(
        rows, frames, numbers, indices, scale, parameters, shape, reach, pixels, levels, counts, workspace, settings
    )
    _find_all(frames, numbers, 0, indices, shape, scale, pixels, levels, counts)
    columns = outputs + n * shape[OUTPUTS]
    q_at = _forward(parameters, ONLINE, shape, reach, pixels, levels, counts, workspace, n, columns)
    share = np.float32(1.0) if settings[HAS_ALL_OUTPUTS] == 0.0 else np.float32(1.0) / np.float32(n_actions)
    for b in range(n):
        for a in range(n_actions):
            terms[b, a] = workspace[q_at + a * n + b]
            terms[b, n_actions + a] = workspace[next_q_at + a * n + b]
        error = workspace[q_at + np.int64(rows[indices[b], -3]) * n + b] - workspace[targets_at + b]
        terms[b, -4] = workspace[targets_at + n + b]
        terms[b, -3] = workspace[targets_at + b]
        terms[b, -2] = error
        terms[b, -1] = share * loss_and_slope(error, settings[IS_HUBER] != 0.0)[0]


# -------------------------------------------------------------------------------------------------------- acting


@helper
def _forward_one(
    observation: Floats,
    scale: np.float32,
    parameters: Floats,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    scratch: Floats,
) -> int:
    """Online network for one ``observation`` [D]; where its outputs lie in ``scratch``."""
    count = 0
    for d in range(observation.shape[0]):
        pixels[0, count] = d
        levels[0, count] = observation[d] * scale
        count += observation[d] != np.float32(0.0)
    n_features, n_hidden, n_outputs = _features(shape), shape[HIDDEN], shape[OUTPUTS]
    feature_row, hidden_row = _row_length(n_features), _row_length(n_hidden)
    _, hidden_at, outputs_at = _weights_at(shape)
    _convolve(parameters, ONLINE, shape, reach, pixels, levels, 0, count, scratch, 0)
    bias_at = hidden_at + n_hidden * feature_row
    vector_product(scratch, feature_row, parameters, hidden_at, scratch, 0, parameters, bias_at, n_hidden, feature_row)
    rectify(scratch[feature_row : feature_row + n_hidden])
    at = feature_row + hidden_row
    bias_at = outputs_at + n_outputs * hidden_row
    vector_product(
        scratch, at, parameters, outputs_at, scratch, feature_row, parameters, bias_at, n_outputs, hidden_row
    )
    return at


@kernel
def picture_action(
    observation: Floats,
    scale: np.float32,
    parameters: Floats,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    scratch: Floats,
) -> int:
    """Action of the highest Q-value for ``observation`` [D], the lowest of equals."""
    at = _forward_one(observation, scale, parameters, shape, reach, pixels, levels, scratch) + shape[N_VALUES]
    best = 0
    for a in range(1, shape[OUTPUTS] - shape[N_VALUES]):
        if scratch[at + a] > scratch[at + best]:
            best = a
    return best


@kernel
def picture_q(
    observations: Floats,
    scale: np.float32,
    parameters: Floats,
    shape: Integers,
    reach: Shorts,
    pixels: Shorts,
    levels: Floats,
    scratch: Floats,
    q: Floats,
) -> None:
    """Write the Q-values of ``observations`` [B, D] to ``q`` [B, A]."""
    for b in range(observations.shape[0]):
        at = _forward_one(observations[b], scale, parameters, shape, reach, pixels, levels, scratch)
        at = q_values(scratch, at, shape[OUTPUTS], shape[N_VALUES], 1, 1)
        q[b] = scratch[at : at + shape[OUTPUTS] - shape[N_VALUES]]
