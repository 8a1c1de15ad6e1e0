"""Replay memory: a ring of transitions in one float32 matrix.

A transition is one contiguous row, so that a random draw touches one or two cache lines rather than five arrays:

    [ observation (D) | next_observation (D) | steps | action | reward | terminated ]

Where returns of n steps are learned from (:mod:`dqn_core.algorithm.n_step`), next_observation lies ``steps`` env steps
after observation and reward is the discounted sum of theirs; otherwise steps is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.errors import RunFolderError, mark

__all__ = ["EXTRA_COLUMNS", "ReplayBuffer"]

EXTRA_COLUMNS = 4
"""Columns after the two observations: steps, action, reward, terminated."""


class ReplayBuffer:
    """The newest ``capacity`` transitions; the oldest row is written over first.

    Actions are stored as float32, exact for up to 2**24 of them.
    """

    rows: NDArray[np.float32]
    """[capacity, 2 D + 4]; rows from ``len(self)`` on are zeros not written yet."""

    def __init__(self, capacity: int, observation_size: int) -> None:
        self.capacity = capacity
        self.observation_size = observation_size
        self.cursor = 0
        """Row that the next transition goes to."""
        self.added = 0
        """Transitions written into ``rows`` since it was made or resized; a mirror on a device follows it."""
        self._length = 0
        # The system hands out zeroed pages when they are first written: a large memory costs nothing before it fills.
        self.rows = np.zeros((capacity, 2 * observation_size + EXTRA_COLUMNS), np.float32)

    def __len__(self) -> int:
        """Transitions now held."""
        return self._length

    @property
    def observations(self) -> NDArray[np.float32]:
        """View [N, D] of the filled rows."""
        return self.rows[: self._length, : self.observation_size]

    @property
    def next_observations(self) -> NDArray[np.float32]:
        """View [N, D] of the filled rows."""
        return self.rows[: self._length, self.observation_size : 2 * self.observation_size]

    @property
    def steps(self) -> NDArray[np.float32]:
        """View [N] of the filled rows; env steps from observation to next_observation, whole numbers."""
        return self.rows[: self._length, -4]

    @property
    def actions(self) -> NDArray[np.float32]:
        """View [N] of the filled rows; whole numbers."""
        return self.rows[: self._length, -3]

    @property
    def rewards(self) -> NDArray[np.float32]:
        """View [N] of the filled rows."""
        return self.rows[: self._length, -2]

    @property
    def terminated(self) -> NDArray[np.float32]:
        """View [N] of the filled rows; 1 where the episode terminated, 0 elsewhere (truncated ones included)."""
        return self.rows[: self._length, -1]

    @property
    def ages(self) -> NDArray[np.int64]:
        """[N]: transitions added after each filled row; 0 for the newest."""
        return (self.cursor - 1 - np.arange(self._length)) % self.capacity

    @property
    def nbytes(self) -> int:
        """Bytes of all that it holds, or has room for."""
        return self.rows.nbytes

    def take_pages(self) -> None:
        """Have the system give all memory now: it neither grows later nor fails then."""
        self.rows.fill(0.0)

    def keep(self, observation: NDArray[np.float32], environment: int = 0) -> Any:  # noqa: ARG002  for others
        """``observation`` [D] as :meth:`add` may be given it later, when it may have changed.

        ``environment`` is the number of that which it comes from, among those in parallel.
        """
        return np.array(observation, np.float32)

    def add(
        self,
        observation: NDArray[np.float32],
        action: int,
        reward: float,
        next_observation: NDArray[np.float32],
        terminated: bool,
        steps: int = 1,
        *,
        environment: int = 0,  # noqa: ARG002  whose frames are kept in an order of their own, by others
    ) -> None:
        """Write one transition of an ``environment``, by its number, over the oldest; observations are [D]."""
        size = self.observation_size
        row = self.rows[self.cursor]
        row[:size] = observation
        row[size:-4] = next_observation
        row[-4] = steps
        row[-3] = action
        row[-2] = reward
        row[-1] = terminated
        self.added += 1
        self.cursor += 1
        if self.cursor == self.capacity:
            self.cursor = 0
        if self._length < self.capacity:
            self._length += 1

    def resize(self, capacity: int) -> NDArray[np.int64]:
        """Make room for ``capacity`` transitions, keeping the newest in their order; the row numbers they had."""
        numbers = self.newest_indices(min(self._length, capacity))
        kept = self.rows[numbers]
        self.rows = np.zeros((capacity, self.rows.shape[1]), np.float32)
        self.rows[: len(kept)] = kept
        self.capacity = capacity
        self._length = len(kept)
        self.added = len(kept)
        self.cursor = len(kept) % capacity
        return numbers

    def newest_indices(self, count: int) -> NDArray[np.int64]:
        """Row numbers [count] of the newest ``count`` rows held, oldest of them first."""
        return np.arange(self.cursor - count, self.cursor) % self.capacity

    def newest(self, count: int) -> NDArray[np.float32]:
        """Copy [count, 2 D + 4] of the newest ``count`` rows held, oldest of them first."""
        return self.rows[self.newest_indices(count)]

    def written_since(self, added: int) -> list[tuple[int, int]]:
        """Rows [start, end) written since :attr:`added` was ``added``, as at most two stretches of the ring."""
        start = self.cursor - min(self.added - added, self.capacity)
        stretches = [(start, self.cursor)] if start >= 0 else [(start + self.capacity, self.capacity), (0, self.cursor)]
        return [(first, end) for first, end in stretches if end > first]

    def replace(self, rows: NDArray[np.float32]) -> None:
        """Hold ``rows`` [capacity, 2 D + 4] instead of all that was held."""
        self.rows[:] = rows
        self._length, self.cursor = len(rows), 0
        self.added += len(rows)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All of it but the cursor, as arrays: the filled rows [N, 2 D + 4]."""
        return {"rows": self.rows[: self._length].copy()}

    def restore(self, state: Mapping[str, NDArray[np.generic]], cursor: int) -> None:
        """Hold what :meth:`state` gave; raises :class:`RunFolderError` where it does not fit.

        Rows without the column of steps, as earlier checkpoints hold them, are transitions of one step.
        """
        rows = np.asarray(state["rows"], np.float32)
        if rows.ndim == self.rows.ndim and rows.shape[1] == self.rows.shape[1] - 1:
            rows = np.insert(rows, 2 * self.observation_size, 1.0, axis=1)
        if rows.ndim != self.rows.ndim or rows.shape[1] != self.rows.shape[1] or len(rows) > self.capacity:
            template = mark("The checkpoint's replay memory {found} does not match the run's {wanted}.")
            raise RunFolderError(template, found=rows.shape, wanted=self.rows.shape)
        self.rows[: len(rows)] = rows
        self._length = self.added = len(rows)
        self.cursor = cursor

    def sample_indices(self, generator: np.random.Generator, batch_size: int) -> NDArray[np.int64]:
        """Row numbers [batch_size], uniform with replacement over the filled rows.

        Nothing may be drawn before something is stored.
        """
        # 2.3 us for 128 rows where Generator.integers takes 5.4; the bias, below 2**-50, is not to be seen.
        return (generator.random(batch_size) * self._length).astype(np.int64)

    def sample_distinct_indices(self, generator: np.random.Generator, batch_size: int) -> NDArray[np.int64]:
        """Row numbers [batch_size] in random order, uniform without replacement over the filled rows.

        At least ``batch_size`` rows must be filled.
        """
        if 2 * batch_size > self._length:
            return generator.permutation(self._length)[:batch_size]
        # Drawing until enough different ones came takes as long however many rows there are, a permutation does not.
        drawn: dict[int, None] = {}
        while len(drawn) < batch_size:
            drawn.update(dict.fromkeys(self.sample_indices(generator, batch_size - len(drawn)).tolist()))
        return np.fromiter(drawn, np.int64, batch_size)
