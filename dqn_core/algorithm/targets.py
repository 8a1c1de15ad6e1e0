"""TD targets and losses, as pure functions over numpy arrays and torch tensors alike.

All losses are means over the batch, weighted by the importance-sampling weights w where replay is prioritized, of a
function of the TD error ``δ = y - Q(s, a)`` of the target y; the derivatives are those with respect to Q(s, a):

    mse       δ**2                                       derivative -2 δ
    huber     δ**2 / 2 where |δ| <= 1, |δ| - 1/2 beyond  derivative -δ clipped to [-1, 1]
    quantile  see :func:`quantile_huber_loss`            where quantiles of the return are learned
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["discounts", "double_next_q", "dueling_q", "quantile_huber_loss", "quantile_levels", "td_targets"]

Array = TypeVar("Array", np.ndarray[Any, Any], "torch.Tensor")


def td_targets(rewards: Array, terminated: Array, max_next_q: Array, gamma: float | Array) -> Array:
    """``r + gamma max_a' Q_target(s', a')``, cut to ``r`` where the episode terminated (Mnih et al. 2015, alg. 1).

    All are [B]. ``terminated`` is 1 where s' ended the task itself. A truncated episode passes 0 there: its s' has a
    future, only nobody watched it, so the bootstrap stays. For returns of several steps, ``gamma`` is their
    :func:`discounts` [B]; for Double DQN, ``max_next_q`` is :func:`double_next_q`.
    """
    targets: Array = rewards + gamma * (1 - terminated) * max_next_q
    return targets


def discounts(gamma: float | Array, steps: Array) -> Array:
    """``gamma ** steps`` [B], what a value ``steps`` [B] env steps ahead counts (Sutton & Barto 2018, eq. 7.1)."""
    return gamma * gamma ** (steps - 1)  # so written, it is exactly gamma for one step


def double_next_q(online_next_q: Array, target_next_q: Array) -> Array:
    """``Q_target(s', argmax_a' Q_online(s', a'))`` [B] from both networks' [B, A] (van Hasselt et al. 2016, eq. 4).

    The maximum over noisy estimates is too high on average; an action picked by one network and valued by the other
    is not picked for the error in its value.
    """
    best = online_next_q.argmax(-1)  # [B]
    if isinstance(target_next_q, np.ndarray):
        return np.take_along_axis(target_next_q, best[:, None], 1)[:, 0]
    return target_next_q.gather(1, best[:, None])[:, 0]


def dueling_q(outputs: Array) -> Array:
    """Q-values [..., A] of a state's value and the actions' advantages [..., 1 + A] (Wang et al. 2016, eq. 9).

    ``Q(s, a) = V(s) + A(s, a) - mean_a' A(s, a')``: without the mean, V and A could drift apart unseen.
    """
    value, advantages = outputs[..., :1], outputs[..., 1:]
    q: Array = value + (advantages - advantages.mean(-1, keepdims=True))  # type: ignore[call-overload]
    return q


def quantile_levels(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Levels ``(2 i - 1) / (2 N)``, i = 1..N, of N equally likely quantiles (Dabney et al. 2018, lemma 2)."""
    return ((2 * np.arange(1, count + 1) - 1) / (2 * count)).astype(np.float32)


def quantile_huber_loss(quantiles: Array, targets: Array, levels: Array) -> Array:
    """Loss [B] of ``quantiles`` [B, N] against samples ``targets`` [B, M] (Dabney et al. 2018, eq. 10, kappa = 1).

    ``sum_i mean_j |tau_i - 1{u_ij < 0}| huber(u_ij)`` with ``u_ij = target_j - quantile_i`` and levels tau [N]: a
    quantile is pulled up with weight tau and down with 1 - tau, and so rests where a share tau of the targets is lower.
    """
    u = targets[:, None, :] - quantiles[:, :, None]  # [B, N, M]
    clipped = u.clip(-1, 1)
    huber = clipped * (u - clipped / 2)
    loss: Array = (abs(levels[None, :, None] - 1.0 * (u < 0)) * huber).mean(2).sum(1)
    return loss
