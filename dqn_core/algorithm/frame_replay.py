"""Replay memory for pictures: each frame is kept once, as bytes, and stacks of them are made when they are drawn.

A frame is what one state adds: where an observation is a stack of the last frames, the newest of them; else the whole
picture. Frames are numbered as they come and lie in a ring of their own, beside the transitions:

    frames [F, D / stack] uint8      frame n in row n modulo F
    numbers [N, 2] int64             the newest frame of each transition's observation, and of its next observation
    rows [N, 4] float32              steps, action, reward, terminated

An observation is the ``stack`` frames up to its number. The next observation of one step is the observation of the
following, so it adds a frame only at an episode's end. A stack whose older frames are not those before it, as at an
episode's beginning, is written whole: so no stack that is drawn reaches across an episode's edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.networks import PictureShape
from dqn_core.algorithm.replay import EXTRA_COLUMNS, ReplayBuffer
from dqn_core.errors import RunFolderError, mark

__all__ = ["FrameReplay", "Pictures", "frame_replay_bytes"]

Bytes = NDArray[np.uint8]

_SPARE = 8
"""There is room for a frame more every so many transitions, for the ends of episodes: random play in MinAtar's
Breakout, whose episodes are the shortest of its games, ends every tenth step."""
_GROWTH = 16
"""Where that is not enough, because episodes are shorter, the ring grows by one part in so many."""
_COPIED_FRAMES = 1_000
"""Frames that are copied at once: the copy of all would take the memory once more."""
_BYTE = 255
_NUMBER_BYTES, _ROW_BYTES = 2 * 8, EXTRA_COLUMNS * 4


def _frame_count(capacity: int, stack: int) -> int:
    return capacity + capacity // _SPARE + 2 * stack + 1


def frame_replay_bytes(picture: PictureShape, capacity: int) -> int:
    """Bytes that a memory of ``capacity`` transitions of such pictures takes.

    The frames of episodes that end after eight env steps or more fit in; of stacks, whose first one is written whole,
    after eight times as many as there are frames in a stack. Where they are shorter it grows beyond it: to twice as
    much, if each ends with its first step.
    """
    frames = _frame_count(capacity, picture.frames) * (picture.size // picture.frames)
    return frames + capacity * (_NUMBER_BYTES + _ROW_BYTES)


class FrameReplay(ReplayBuffer):
    """The newest ``capacity`` transitions whose observations [D] are pictures; the oldest goes first."""

    frames: Bytes
    """[F, D / stack]; those that no transition needs any more are written over."""
    numbers: NDArray[np.int64]
    """[capacity, 2]"""

    def __init__(self, capacity: int, picture: PictureShape) -> None:
        super().__init__(capacity, 0)
        self.picture, self.observation_size = picture, picture.size
        self._stack, self._frame_size = picture.frames, picture.size // picture.frames
        self.numbers = np.zeros((capacity, 2), np.int64)
        self.frames = np.zeros((_frame_count(capacity, self._stack), self._frame_size), np.uint8)
        self._next_number = 0
        """Of the frame that comes next; so many came so far."""
        self._newest: NDArray[np.float32] | None = None
        """The observation that the newest frames are of."""

    @property
    def nbytes(self) -> int:
        """Bytes of all that it holds, or has room for."""
        return self.rows.nbytes + self.numbers.nbytes + self.frames.nbytes

    def take_pages(self) -> None:
        """Have the system give all memory now: it neither grows later nor fails then."""
        for array in (self.rows, self.numbers, self.frames):
            array.fill(0)

    # ------------------------------------------------------------------------------------------------- written

    def keep(self, observation: NDArray[np.float32] | int) -> int:
        """Hold ``observation`` [D], if it is not the newest held; the number of its newest frame, which is given back.

        Observations come in the order of their env steps.
        """
        if isinstance(observation, int):
            return observation
        if observation is not self._newest:
            self._write(self.as_bytes(observation).reshape(self._stack, self._frame_size))
            self._newest = observation
        return self._next_number - 1

    def as_bytes(self, observations: NDArray[np.float32]) -> Bytes:
        """``observations`` [..., D] as they are kept: whole numbers, of what :attr:`PictureShape.unit` says."""
        if self.picture.unit != 1.0:
            observations = np.rint(observations / np.float32(self.picture.unit))
        return observations.clip(0, _BYTE).astype(np.uint8)

    def _write(self, stack: Bytes) -> None:
        """Hold the ``stack`` [frames, D / frames], oldest first: what is new of it."""
        new, last = stack, self._next_number
        if last >= self._stack:
            before = self._frames_to(np.array([last - 1]))[0]
            if np.array_equal(before, stack):
                return
            if self._stack > 1 and np.array_equal(before[1:], stack[:-1]):
                new = stack[-1:]
        while last + len(new) - self._oldest_number() > len(self.frames):
            self._make_room(len(self.frames) + len(self.frames) // _GROWTH + self._stack)
        for frame in new:
            self.frames[self._next_number % len(self.frames)] = frame
            self._next_number += 1

    def _oldest_number(self) -> int:
        """Of the oldest frame that a transition here, or one on its way here, needs."""
        if self._length == 0:
            return 0
        oldest = self.cursor if self._length == self.capacity else 0
        return int(self.numbers[oldest, 0]) - self._stack + 1

    def _make_room(self, count: int) -> None:
        """Go on with a ring of ``count`` frames, which is enough for those that are needed."""
        frames = np.zeros((count, self._frame_size), np.uint8)
        for first in range(self._oldest_number(), self._next_number, _COPIED_FRAMES):
            held = np.arange(first, min(first + _COPIED_FRAMES, self._next_number))
            frames[held % count] = self.frames[held % len(self.frames)]
        self.frames = frames

    def add(
        self,
        observation: NDArray[np.float32] | int,
        action: int,
        reward: float,
        next_observation: NDArray[np.float32] | int,
        terminated: bool,
        steps: int = 1,
    ) -> None:
        """Write one transition over the oldest; observations are [D], or what :meth:`keep` gave for them."""
        self.numbers[self.cursor] = self._both(observation, next_observation)
        row = self.rows[self.cursor]
        row[0], row[1], row[2], row[3] = steps, action, reward, terminated
        self.added += 1
        self.cursor = (self.cursor + 1) % self.capacity
        self._length = min(self._length + 1, self.capacity)

    def _both(self, observation: NDArray[np.float32] | int, next_observation: NDArray[np.float32] | int) -> Any:
        first = self.keep(observation)
        return first, self.keep(next_observation)

    def resize(self, capacity: int) -> NDArray[np.int64]:
        """Make room for ``capacity`` transitions, keeping the newest in their order; the row numbers they had."""
        numbers = self.newest_indices(min(self._length, capacity))
        kept, kept_numbers = self.rows[numbers], self.numbers[numbers]
        self.rows = np.zeros((capacity, EXTRA_COLUMNS), np.float32)
        self.numbers = np.zeros((capacity, 2), np.int64)
        self.rows[: len(kept)], self.numbers[: len(kept)] = kept, kept_numbers
        self.capacity, self._length, self.added, self.cursor = capacity, len(kept), len(kept), len(kept) % capacity
        needed = self._next_number - self._oldest_number()
        self._make_room(max(needed, _frame_count(capacity, self._stack)))
        return numbers

    def replace(self, rows: NDArray[np.float32]) -> None:
        """Not for pictures: whoever changes observations before they are learned from keeps them as they are."""
        raise NotImplementedError

    # --------------------------------------------------------------------------------------------------- drawn

    def _frames_to(self, numbers: NDArray[np.int64]) -> Bytes:
        """The stacks [B, stack, D / stack] whose newest frames have these ``numbers`` [B]."""
        stacked = numbers[:, None] + np.arange(1 - self._stack, 1)
        stacks: Bytes = self.frames[stacked % len(self.frames)]
        return stacks

    def pictures(self, indices: NDArray[np.int64], column: int) -> Bytes:
        """The observations [B, D] of the transitions ``indices`` [B] (column 0), or their next observations (1)."""
        return self._frames_to(self.numbers[indices, column]).reshape(len(indices), -1)

    @property
    def observations(self) -> Any:
        """[N, D] of the filled rows: :class:`Pictures`, which read like the array."""
        return Pictures(self, 0)

    @property
    def next_observations(self) -> Any:
        """[N, D] of the filled rows, like :attr:`observations`."""
        return Pictures(self, 1)

    # --------------------------------------------------------------------------------------------------- saved

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All of it but the cursor, as arrays: the filled rows, and the frames that are needed."""
        first = self._oldest_number()
        return {
            "rows": self.rows[: self._length].copy(),
            "numbers": self.numbers[: self._length].copy(),
            "frames": self.frames[np.arange(first, self._next_number) % len(self.frames)],
            "first_frame": np.array([first]),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]], cursor: int) -> None:
        """Hold what :meth:`state` gave; raises :class:`RunFolderError` where it does not fit."""
        rows, numbers, frames, first = (state.get(name) for name in ("rows", "numbers", "frames", "first_frame"))
        is_whole = rows is not None and numbers is not None and frames is not None and first is not None
        if not is_whole or not self._fits(rows, numbers, frames):
            template = mark("The checkpoint's replay memory {found} does not match the run's {wanted}.")
            found = tuple(() if each is None else each.shape for each in (rows, numbers, frames))
            wanted = (self.rows.shape, self.numbers.shape, self.frames.shape)
            raise RunFolderError(template, found=found, wanted=wanted)
        assert rows is not None and numbers is not None and frames is not None and first is not None  # noqa: PT018, S101
        self._length = self.added = len(rows)
        self.cursor = cursor
        self.rows[: len(rows)], self.numbers[: len(rows)] = rows, numbers
        self._next_number, self._newest = int(first[0]) + len(frames), None
        if len(frames) > len(self.frames):
            self.frames = np.zeros((len(frames), self._frame_size), np.uint8)
        self.frames[np.arange(int(first[0]), self._next_number) % len(self.frames)] = frames

    def _fits(self, rows: Any, numbers: Any, frames: Any) -> bool:
        count = len(rows)
        return (
            rows.shape[1:] == self.rows.shape[1:]
            and numbers.shape == (count, 2)
            and frames.shape[1:] == self.frames.shape[1:]
            and count <= self.capacity
        )


class Pictures:
    """Observations of a :class:`FrameReplay`, made when they are asked for: reads like an array [N, D]."""

    def __init__(self, replay: FrameReplay, column: int) -> None:
        self._replay, self._column = replay, column

    def __len__(self) -> int:
        return len(self._replay)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return len(self), self._replay.observation_size

    def __getitem__(self, place: Any) -> NDArray[np.float32]:
        rows, *columns = place if isinstance(place, tuple) else (place,)
        indices = np.arange(len(self))[rows]
        pictures = self._replay.pictures(np.atleast_1d(indices), self._column) * np.float32(self._replay.picture.unit)
        chosen: NDArray[np.float32] = pictures if np.ndim(indices) else pictures[0]
        return chosen[(..., *columns)] if columns else chosen

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.float32)
