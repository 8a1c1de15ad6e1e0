"""What a Q-value is pulled towards, and how far off it is. Pure functions over numpy arrays and torch tensors alike.

Both losses are means over the batch of a function of the TD error ``e = Q(s, a) - target``:

    mse     e**2                                       derivative 2 e
    huber   e**2 / 2 where |e| <= 1, |e| - 1/2 beyond  derivative e clipped to [-1, 1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["td_targets"]

Array = TypeVar("Array", np.ndarray[Any, Any], "torch.Tensor")


def td_targets(rewards: Array, terminated: Array, max_next_q: Array, gamma: float | Array) -> Array:
    """``r + gamma max_a' Q_target(s', a')``, cut to ``r`` where the episode terminated (Mnih et al. 2015, alg. 1).

    All are [B]. ``terminated`` is 1 where s' ended the task itself. A truncated episode passes 0 there: its s' has a
    future, only nobody watched it, so the bootstrap stays.
    """
    targets: Array = rewards + gamma * (1 - terminated) * max_next_q
    return targets
