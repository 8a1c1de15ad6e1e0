"""A sum tree: numbers at the leaves of a binary tree whose every node holds the sum below it.

Drawing a leaf in proportion to its number, and changing one, both take as many steps as the tree is high (Schaul et al.
2016, appendix B.2.1). The tree is one flat array: the root at 1, the children of node k at 2k and 2k + 1, leaf i at
``leaves + i``. A node is always the sum of its two children as they are, so that no rounding error piles up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compiled import helper, kernel
from dqn_core.algorithm.powers import power

__all__ = ["SumTree"]

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


class SumTree:
    """``size`` numbers, none of them negative, all 0 at first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._nodes = np.zeros(2 << (size - 1).bit_length())

    @property
    def total(self) -> float:
        """Sum of all numbers."""
        return float(self._nodes[1])

    @property
    def numbers(self) -> Doubles:
        """View [size] of the numbers; change them by :meth:`set` only."""
        leaves = len(self._nodes) // 2
        return self._nodes[leaves : leaves + self.size]

    def set(self, positions: Integers, numbers: Doubles, exponent: float) -> None:
        """Put ``numbers ** exponent`` [B] at ``positions`` [B]; of equal positions the last counts."""
        _set(self._nodes, positions, numbers, exponent)

    def find(self, sums: Doubles) -> Integers:
        """Positions [B] whose stretch of the running sum holds each of ``sums`` [B], from 0 to below the total.

        Where the numbers are 3, 0, 5, the sums from 0 to 3 lie with position 0 and those from 3 to 8 with position 2.
        """
        positions = np.empty(len(sums), np.int64)
        _find(self._nodes, sums, positions)
        return positions


@kernel
def _set(nodes: Doubles, positions: Integers, numbers: Doubles, exponent: float) -> None:
    for k in range(positions.shape[0]):
        node = nodes.shape[0] // 2 + positions[k]
        nodes[node] = power(numbers[k], exponent)
        while node > 1:
            node //= 2
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@kernel
def _find(nodes: Doubles, sums: Doubles, positions: Integers) -> None:
    for k in range(sums.shape[0]):
        positions[k] = _descend(nodes, sums[k])


@helper
def _descend(nodes: Doubles, rest: float) -> int:
    """The leaf where the running sum passes ``rest``; never one whose number is 0, unless all are."""
    leaves = nodes.shape[0] // 2
    node = 1
    while node < leaves:
        node *= 2
        if rest >= nodes[node] and nodes[node + 1] > 0.0:
            rest -= nodes[node]
            node += 1
    found: int = node - leaves
    return found
