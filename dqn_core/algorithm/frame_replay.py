"""Replay memory for pictures: each frame is kept once, as bytes, and stacks of them are made when they are drawn.

A frame is what one state adds: where an observation is a stack of the last frames, the newest of them; else the whole
picture. Frames are numbered as they come and lie in a ring of their own, beside the transitions:

    frames [F, D / stack] uint8      frame n in row n modulo F
    numbers [N, 2] int64             the newest frame of each transition's observation, and of its next observation
    rows [N, 4] float32              steps, action, reward, terminated

Of E environments in parallel each has a share of the numbers, every E-th: e, e + E, e + 2 E, ... An observation is the
``stack`` frames of its environment up to its number. The next observation of one step is the observation of the
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


def _frame_count(capacity: int, stack: int, environments: int) -> int:
    """Frames that there is room for, as many for each environment."""
    each = -(-capacity // environments)
    return environments * (each + each // _SPARE + 2 * stack + 1)


def frame_replay_bytes(picture: PictureShape, capacity: int, environments: int = 1) -> int:
    """Bytes that a memory of ``capacity`` transitions of such pictures takes, from so many environments in parallel.

    The frames of episodes that end after eight env steps or more fit in; of stacks, whose first one is written whole,
    after eight times as many as there are frames in a stack. Where they are shorter it grows beyond it: to twice as
    much, if each ends with its first step.
    """
    frames = _frame_count(capacity, picture.frames, environments) * (picture.size // picture.frames)
    return frames + capacity * (_NUMBER_BYTES + _ROW_BYTES)


class FrameReplay(ReplayBuffer):
    """The newest ``capacity`` transitions whose observations [D] are pictures; the oldest goes first."""

    frames: Bytes
    """[F, D / stack]; those that no transition needs any more are written over."""
    numbers: NDArray[np.int64]
    """[capacity, 2]"""

    def __init__(self, capacity: int, picture: PictureShape, environments: int = 1) -> None:
        super().__init__(capacity, 0)
        self.picture, self.observation_size = picture, picture.size
        self.environments = environments
        """E: between the numbers of two frames of a stack."""
        self._stack, self._frame_size = picture.frames, picture.size // picture.frames
        self.numbers = np.zeros((capacity, 2), np.int64)
        self.frames = np.zeros((self._usual_count(capacity), self._frame_size), np.uint8)
        self._next_numbers = list(range(environments))
        """Of the frame of each environment that comes next."""
        self._oldest_numbers = list(range(environments))
        """Of each environment's oldest frame that a transition here, or one on its way here, may need."""
        self._newest: list[NDArray[np.float32] | None] = [None] * environments
        """The observation that the newest frames of each environment are of."""

    def _usual_count(self, capacity: int) -> int:
        return _frame_count(capacity, self._stack, self.environments)

    @property
    def nbytes(self) -> int:
        """Bytes of all that it holds, or has room for."""
        return self.rows.nbytes + self.numbers.nbytes + self.frames.nbytes

    def take_pages(self) -> None:
        """Have the system give all memory now: it neither grows later nor fails then."""
        for array in (self.rows, self.numbers, self.frames):
            array.fill(0)

    # ------------------------------------------------------------------------------------------------- written

    @property
    def next_frames(self) -> tuple[int, ...]:
        """Numbers of the frames that come next, of each environment: how far a copy of ``frames`` has followed."""
        return tuple(self._next_numbers)

    def frames_since(self, before: tuple[int, ...]) -> NDArray[np.int64]:
        """Rows [K] of ``frames`` written since :attr:`next_frames` was ``before``, none twice.

        They are of the same ``frames``: where the ring has grown or was resized, it is another array, anew as a whole.
        """
        size, stride = len(self.frames), self.environments
        numbers = [
            np.arange(max(first, following - size), following, stride)
            for first, following in zip(before, self._next_numbers, strict=True)
        ]
        rows: NDArray[np.int64] = np.concatenate(numbers) % size
        return rows

    def keep(self, observation: NDArray[np.float32] | int, environment: int = 0) -> int:
        """Hold ``observation`` [D], if it is not the newest of its ``environment``; the number of its newest frame.

        A number is given back. Observations of an environment come in the order of their env steps.
        """
        if isinstance(observation, int):
            return observation
        if observation is not self._newest[environment]:
            self._write(self.as_bytes(observation).reshape(self._stack, self._frame_size), environment)
            self._newest[environment] = observation
        return self._next_numbers[environment] - self.environments

    def as_bytes(self, observations: NDArray[np.float32]) -> Bytes:
        """``observations`` [..., D] as they are kept: whole numbers, of what :attr:`PictureShape.unit` says."""
        if self.picture.unit != 1.0:
            observations = np.rint(observations / np.float32(self.picture.unit))
        return observations.clip(0, _BYTE).astype(np.uint8)

    def _write(self, stack: Bytes, environment: int) -> None:
        """Hold the ``stack`` [frames, D / frames] of an ``environment``, oldest first: what is new of it."""
        new, stride = stack, self.environments
        following = self._next_numbers[environment]
        if following >= self._stack * stride:
            before = self._frames_to(np.array([following - stride]))[0]
            if np.array_equal(before, stack):
                return
            if self._stack > 1 and np.array_equal(before[1:], stack[:-1]):
                new = stack[-1:]
        while following + len(new) * stride - self._oldest_numbers[environment] > len(self.frames):
            rows = len(self.frames) // stride
            self._make_room(stride * (rows + rows // _GROWTH + self._stack))
        for frame in new:
            self.frames[self._next_numbers[environment] % len(self.frames)] = frame
            self._next_numbers[environment] += stride

    def _numbers_held(self, environment: int) -> range:
        """Of the frames of an ``environment`` that are held because a transition may need them."""
        return range(self._oldest_numbers[environment], self._next_numbers[environment], self.environments)

    def _make_room(self, count: int) -> None:
        """Go on with a ring of ``count`` frames, which is enough for those that are needed."""
        frames = np.zeros((count, self._frame_size), np.uint8)
        for environment in range(self.environments):
            held = self._numbers_held(environment)
            for first in range(0, len(held), _COPIED_FRAMES):
                part = np.array(held[first : first + _COPIED_FRAMES])
                frames[part % count] = self.frames[part % len(self.frames)]
        self.frames = frames

    def _find_oldest(self) -> None:
        """Find the oldest frame of each environment that is needed; where no transition is of it, nothing changes."""
        newest = self.numbers[: self._length, 0]
        for environment in range(self.environments):
            own = newest[newest % self.environments == environment]
            if len(own):
                self._forget_before(int(own.min()))

    def _forget_before(self, number: int) -> None:
        """An environment needs no frames any more but those of the stack up to ``number`` and what came after."""
        environment = number % self.environments
        oldest = max(environment, number - (self._stack - 1) * self.environments)
        self._oldest_numbers[environment] = max(self._oldest_numbers[environment], oldest)

    def add(
        self,
        observation: NDArray[np.float32] | int,
        action: int,
        reward: float,
        next_observation: NDArray[np.float32] | int,
        terminated: bool,
        steps: int = 1,
        *,
        environment: int = 0,
    ) -> None:
        """Write one transition over the oldest; observations are [D], or what :meth:`keep` gave for them."""
        if self._length == self.capacity:
            self._forget_before(int(self.numbers[self.cursor, 0]))
        self.numbers[self.cursor] = self.keep(observation, environment), self.keep(next_observation, environment)
        row = self.rows[self.cursor]
        row[0], row[1], row[2], row[3] = steps, action, reward, terminated
        self.added += 1
        self.cursor = (self.cursor + 1) % self.capacity
        self._length = min(self._length + 1, self.capacity)

    def resize(self, capacity: int) -> NDArray[np.int64]:
        """Make room for ``capacity`` transitions, keeping the newest in their order; the row numbers they had."""
        numbers = self.newest_indices(min(self._length, capacity))
        kept, kept_numbers = self.rows[numbers], self.numbers[numbers]
        self.rows = np.zeros((capacity, EXTRA_COLUMNS), np.float32)
        self.numbers = np.zeros((capacity, 2), np.int64)
        self.rows[: len(kept)], self.numbers[: len(kept)] = kept, kept_numbers
        self.capacity, self._length, self.added, self.cursor = capacity, len(kept), len(kept), len(kept) % capacity
        self._find_oldest()
        needed = self.environments * max(len(self._numbers_held(each)) for each in range(self.environments))
        self._make_room(max(needed, self._usual_count(capacity)))
        return numbers

    def replace(self, rows: NDArray[np.float32]) -> None:
        """Not for pictures: whoever changes observations before they are learned from keeps them as they are."""
        raise NotImplementedError

    # --------------------------------------------------------------------------------------------------- drawn

    def _places_to(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows [..., stack] of ``frames`` that hold the stacks whose newest frames have these ``numbers`` [...]."""
        stacked = numbers[..., None] + self.environments * np.arange(1 - self._stack, 1)
        places: NDArray[np.int64] = stacked % len(self.frames)
        return places

    def _frames_to(self, numbers: NDArray[np.int64]) -> Bytes:
        """The stacks [B, stack, D / stack] whose newest frames have these ``numbers`` [B]."""
        stacks: Bytes = self.frames[self._places_to(numbers)]
        return stacks

    def places(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows [B, 2 stack] of ``frames``: the observations of the transitions ``indices`` [B], then their next ones.

        So a copy of ``frames`` elsewhere is read, of which :meth:`frames_since` says what it lacks.
        """
        return self._places_to(self.numbers[indices]).reshape(len(indices), 2 * self._stack)

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
        """All of it but the cursor, as arrays: the filled rows, and the frames that are needed, by environment."""
        held = np.concatenate([np.array(self._numbers_held(each), np.int64) for each in range(self.environments)])
        return {
            "rows": self.rows[: self._length].copy(),
            "numbers": self.numbers[: self._length].copy(),
            "frames": self.frames[held % len(self.frames)],
            "first_frame": np.array(self._oldest_numbers),
            "next_frame": np.array(self._next_numbers),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]], cursor: int) -> None:
        """Hold what :meth:`state` gave; raises :class:`RunFolderError` where it does not fit."""
        rows, numbers, frames, first = (state.get(name) for name in ("rows", "numbers", "frames", "first_frame"))
        is_whole = rows is not None and numbers is not None and frames is not None and first is not None
        if not is_whole or not self._fits(rows, numbers, frames, first):
            template = mark("The checkpoint's replay memory {found} does not match the run's {wanted}.")
            found = tuple(() if each is None else each.shape for each in (rows, numbers, frames))
            wanted = (self.rows.shape, self.numbers.shape, self.frames.shape)
            raise RunFolderError(template, found=found, wanted=wanted)
        assert rows is not None and numbers is not None and frames is not None and first is not None  # noqa: PT018, S101
        self._length = self.added = len(rows)
        self.cursor = cursor
        self.rows[: len(rows)], self.numbers[: len(rows)] = rows, numbers
        following = state.get("next_frame", first + len(frames))  # not in checkpoints of earlier versions
        self._oldest_numbers, self._next_numbers = first.tolist(), following.tolist()
        self._newest = [None] * self.environments
        held = [np.array(self._numbers_held(each), np.int64) for each in range(self.environments)]
        needed = self.environments * max(map(len, held))
        if needed > len(self.frames):
            self.frames = np.zeros((needed, self._frame_size), np.uint8)
        self.frames[np.concatenate(held) % len(self.frames)] = frames

    def _fits(self, rows: Any, numbers: Any, frames: Any, first: Any) -> bool:
        count = len(rows)
        return (
            rows.shape[1:] == self.rows.shape[1:]
            and numbers.shape == (count, 2)
            and frames.shape[1:] == self.frames.shape[1:]
            and count <= self.capacity
            and len(first) == self.environments
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
