"""Spaces: every observation as one vector of named numbers, and a few kinds of actions numbered from 0.

An observation becomes [D] float32. The order of its numbers is fixed by its space alone:

    Box             its numbers, row by row (C order)                                      s[0,1]
    Discrete        one number a value, 1 for the one that it has and 0 elsewhere          s = 3
    MultiDiscrete   the same for each of its numbers, one after the other                  s[0] = 3
    MultiBinary     its 0s and 1s, row by row                                              s[0]
    Dict            its entries, in the order of the space                                 position[0], goal = 2
    Tuple           its parts, one after the other                                         s[0] = 17

A Box of three axes with numbers from 0 to 255 at most, or from 0 to 1, is a picture (:func:`picture_of`): its vector
is that of any other Box, and convolutional networks learn from its shape how the numbers lie.

Parts of a Dict or a Tuple that are no numbers (a text, a sequence of any length) are left out, and named. MultiDiscrete
and MultiBinary actions are numbered through, the last one fastest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Space, Tuple
from numpy.typing import NDArray

from dqn_core.algorithm.networks import PictureShape

__all__ = [
    "FINITE",
    "MOST_ACTIONS",
    "MOST_COMBINATIONS",
    "MOST_NUMBERS",
    "ActionNumbers",
    "NotOfSpaceError",
    "ObservationVector",
    "TooManyError",
    "described",
    "described_space",
    "picture_of",
]

MOST_NUMBERS = 250_000
"""Of an observation: a picture of 288 x 288 points in colour."""
MOST_ACTIONS = 65_536
"""Of a Discrete space."""
MOST_COMBINATIONS = 64
"""Of MultiDiscrete or MultiBinary actions: the network gets an output for each."""

FINITE = "finite float32"
"""What every number has to be, in messages."""

_PICTURE_AXES = 3
_BYTE = 255.0
_ARRAY, _FLOAT32 = np.ndarray, np.dtype(np.float32)
_FEW = 32
_LONGEST_DESCRIPTION = 160
_LARGEST = float(np.finfo(np.float32).max)
_WHOLE = "biu"
"""Kinds of arrays that hold whole numbers: bool, int, unsigned. All of these fit into float32."""
_NUMBERS = f"{_WHOLE}f"
"""Kinds of arrays that hold real numbers."""


class NotOfSpaceError(Exception):
    """An observation that its space does not hold: which part of it, what came, and what was expected."""

    def __init__(self, part: str, came: str, expected: str) -> None:
        super().__init__(part, came, expected)
        self.part, self.came, self.expected = part, came, expected


class TooManyError(Exception):
    """A space of more numbers or actions than can be learned from here."""

    def __init__(self, count: int, most: int) -> None:
        super().__init__(count, most)
        self.count, self.most = count, most


# -------------------------------------------------------------------------------------------------- observations


class ObservationVector:
    """Makes vectors of an environment's observations.

    Raises :class:`TypeError` for a space that holds no numbers, or not always as many, and :class:`TooManyError`.
    """

    size: int
    """D: numbers of an observation."""
    names: tuple[str, ...]
    """[D]: where each number comes from, as the table above says."""
    low: tuple[float, ...]
    """[D]: smallest values, -inf where the space names none."""
    high: tuple[float, ...]
    left_out: tuple[str, ...]
    """Parts of the observation that are no numbers."""
    picture: PictureShape | None
    """How the numbers lie where the observation is a picture; None where it is none."""

    def __init__(self, space: Space[Any]) -> None:
        left_out: list[str] = []
        part = _part_of(space, "s", left_out, is_inner=False)
        if part is None or part.size == 0:
            raise TypeError
        if part.size > MOST_NUMBERS:
            raise TooManyError(part.size, MOST_NUMBERS)
        self.size, self.left_out = part.size, tuple(left_out)
        self.names = tuple(part.names())
        low, high = np.empty(part.size), np.empty(part.size)
        part.bounds(low, high)
        self.low = tuple((low + 0.0).tolist())  # makes -0.0 a 0.0
        self.high = tuple(high.tolist())
        self.picture = picture_of(space)
        self._part = part
        self._zeros = np.zeros(part.size, np.float32)
        self._shape = space.shape if isinstance(space, Box) else None  # of which no array is
        is_short = self._shape == (part.size,) and part.size <= _FEW
        self.vector: Callable[[Any], NDArray[np.float32]] = self._vector_of_few if is_short else self._vector_of_many
        """An observation as a new array [D].

        Raises :class:`NotOfSpaceError` for one that is not of its space, or has a number that is not finite in float32.
        """

    def _vector_of_few(self, observation: Any) -> NDArray[np.float32]:
        """Of a flat Box: each env step comes here. ``np.isfinite(vector).all()`` alone would take 1.5 us, this 0.45."""
        if type(observation) is _ARRAY:
            try:
                numbers = observation.tolist()
                if len(numbers) == self.size and hypot(*numbers) <= _LARGEST:  # not below any number's magnitude
                    vector: NDArray[np.float32] = observation.astype(_FLOAT32)
                    return vector
            except Exception:  # noqa: BLE001, S110  whatever is in it, it is looked at more closely
                pass
        return self._gathered(observation)

    def _vector_of_many(self, observation: Any) -> NDArray[np.float32]:
        if type(observation) is _ARRAY and observation.shape == self._shape:
            kind = observation.dtype.kind
            vector: NDArray[np.float32]
            if kind in _WHOLE:
                vector = observation.astype(_FLOAT32, "C").reshape(-1)
                return vector
            if kind in _NUMBERS:
                with np.errstate(over="ignore", invalid="ignore"):
                    vector = observation.astype(_FLOAT32, "C").reshape(-1)
                    if vector.dot(self._zeros) == 0.0:  # not where a number is NaN or infinite
                        return vector
        return self._gathered(observation)

    def check(self, observation: Any) -> None:
        """Raise :class:`NotOfSpaceError` where ``observation`` is no array of numbers, though it can be made one."""
        self._gathered(observation)

    def _gathered(self, observation: Any) -> NDArray[np.float32]:
        vector = np.zeros(self.size, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what does not fit into float32 is named
            self._part.write(observation, vector)
        return vector


@dataclass
class _Part:
    """One part of an observation: ``size`` numbers of the vector."""

    path: str
    """What it is called within the observation."""
    size: int

    def names(self) -> Iterator[str]:
        """One for each number."""
        raise NotImplementedError

    def bounds(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """Write the smallest and largest values."""
        low[:], high[:] = 0.0, 1.0

    def write(self, value: Any, vector: NDArray[np.float32]) -> None:
        """Write ``value`` into its place ``vector`` [size], which holds zeros."""
        raise NotImplementedError


@dataclass
class _Numbers(_Part):
    """A Box or a MultiBinary: an array as it is."""

    space: Box | MultiBinary

    def names(self) -> Iterator[str]:
        return _indexed(self.path, self.space.shape)

    def bounds(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        if isinstance(self.space, Box):
            low[:], high[:] = self.space.low.reshape(-1), self.space.high.reshape(-1)
        else:
            super().bounds(low, high)

    def write(self, value: Any, vector: NDArray[np.float32]) -> None:
        numbers = _array(value, self.path, self.space).reshape(-1)
        vector[:] = numbers
        wrong = np.flatnonzero(~np.isfinite(vector))
        if wrong.size:
            at = int(wrong[0])
            raise NotOfSpaceError(next(itertools.islice(self.names(), at, None)), str(numbers[at]), FINITE)


@dataclass
class _OneHot(_Part):
    """A Discrete, or a MultiDiscrete: each of its numbers as so many numbers as it has values."""

    space: Discrete | MultiDiscrete
    counts: NDArray[np.int64]
    """[K]: values of each."""
    starts: NDArray[np.int64]
    """[K]: the smallest of them."""

    def names(self) -> Iterator[str]:
        paths = _indexed(self.path, self.space.shape or ())
        for path, count, start in zip(paths, self.counts.tolist(), self.starts.tolist(), strict=True):
            yield from (f"{path} = {value}" for value in range(start, start + count))

    def write(self, value: Any, vector: NDArray[np.float32]) -> None:
        numbers = _array(value, self.path, self.space).reshape(-1)
        places = numbers - self.starts
        if not ((places >= 0) & (places < self.counts) & (places == np.floor(places))).all():
            raise NotOfSpaceError(self.path, described(value), described_space(self.space))
        firsts = np.cumsum(self.counts) - self.counts
        vector[firsts + places.astype(np.int64)] = 1.0


@dataclass
class _Parts(_Part):
    """A Dict or a Tuple: its parts by key."""

    space: Dict | Tuple[Any]
    parts: Sequence[tuple[Any, _Part]]

    def names(self) -> Iterator[str]:
        for _, part in self.parts:
            yield from part.names()

    def bounds(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        for part, place in self._places():
            part.bounds(low[place], high[place])

    def write(self, value: Any, vector: NDArray[np.float32]) -> None:
        self._check(value)
        for (key, part), (_, place) in zip(self.parts, self._places(), strict=True):
            part.write(value[key], vector[place])

    def _places(self) -> Iterator[tuple[_Part, slice]]:
        first = 0
        for _, part in self.parts:
            yield part, slice(first, first + part.size)
            first += part.size

    def _check(self, value: Any) -> None:
        if isinstance(self.space, Dict):
            is_right = isinstance(value, Mapping) and all(key in value for key, _ in self.parts)
        else:
            is_right = isinstance(value, (tuple, list)) and len(value) == len(self.space.spaces)
        if not is_right:
            raise NotOfSpaceError(self.path, described(value), described_space(self.space))


def _part_of(space: Space[Any], path: str, left_out: list[str], *, is_inner: bool) -> _Part | None:
    """The part for ``space``; None, and its path in ``left_out``, where it holds no numbers, or not always as many."""
    match space:
        case Box() if np.dtype(space.dtype).kind in _NUMBERS:
            return _Numbers(path, math.prod(space.shape), space)
        case MultiBinary():
            return _Numbers(path, math.prod(space.shape), space)
        case Discrete():
            return _OneHot(path, int(space.n), space, np.array([space.n]), np.array([space.start]))
        case MultiDiscrete():
            counts, starts = np.asarray(space.nvec, np.int64).reshape(-1), np.asarray(space.start).reshape(-1)
            return _OneHot(path, int(counts.sum()), space, counts, starts.astype(np.int64))
        case Dict():
            keys: list[tuple[Any, str, Space[Any]]] = [
                (key, f"{path}.{key}" if is_inner else str(key), each) for key, each in space.spaces.items()
            ]
        case Tuple():
            keys = [(i, f"{path}[{i}]", each) for i, each in enumerate(space.spaces)]
        case _:
            left_out.append(path)
            return None
    found = [(key, _part_of(each, each_path, left_out, is_inner=True)) for key, each_path, each in keys]
    parts = [(key, part) for key, part in found if part is not None]
    size = sum(part.size for _, part in parts)
    return _Parts(path, size, space, parts) if size else None


def _indexed(path: str, shape: tuple[int, ...]) -> Iterator[str]:
    """The path of every number of an array: s[0,0], s[0,1], ...; the path itself of a single number."""
    if not shape:
        yield path
    for index in itertools.product(*map(range, shape)):
        if index:
            yield f"{path}[{','.join(map(str, index))}]"


def _array(value: Any, path: str, space: Space[Any]) -> NDArray[Any]:
    """``value`` as an array of the space's shape; a single number may come in any shape."""
    shape = space.shape or ()
    try:
        array = np.asarray(value)
        if array.dtype == object:
            array = array.astype(np.float64)
    except Exception as error:
        raise NotOfSpaceError(path, described(value), described_space(space)) from error
    is_right = array.shape == shape or (array.size == 1 and math.prod(shape) == 1)
    if array.dtype.kind not in _NUMBERS or not is_right:
        raise NotOfSpaceError(path, described(value), described_space(space))
    return array


def picture_of(space: Space[Any]) -> PictureShape | None:
    """How the numbers of a picture lie in its vector; None for a space that is not one of pictures.

    A picture is a Box of three axes that holds bools, whole numbers from 0 to 255 at most, or others from 0 to 1. Its
    channels are the last axis, as Gymnasium has it, or the first where that is the shortest of the three, as in
    stacks of frames.
    """
    if not isinstance(space, Box) or len(space.shape) != _PICTURE_AXES or 0 in space.shape:
        return None
    low, high, kind = float(space.low.min()), float(space.high.max()), np.dtype(space.dtype).kind
    if low < 0.0 or not 0.0 < high <= (1.0 if kind == "f" else _BYTE):
        return None
    unit = 1.0 / _BYTE if kind == "f" else 1.0
    first, middle, last = (int(side) for side in space.shape)
    if first < min(middle, last):
        return PictureShape(middle, last, first, channels_first=True, high=high, unit=unit)
    return PictureShape(first, middle, last, high=high, unit=unit)


# ------------------------------------------------------------------------------------------------------- actions


class ActionNumbers:
    """Numbers an environment's actions from 0.

    Raises :class:`TypeError` for a space of other actions than a few, and :class:`TooManyError` for one of too many.
    """

    count: int
    names: tuple[str, ...]
    first: int = 0
    """The environment's own number of the first, where it has numbers."""
    combinations: tuple[NDArray[Any], ...] | None = None
    """The environment's own action for each number, where that is an array."""

    def __init__(self, space: Space[Any]) -> None:
        if isinstance(space, Discrete):
            self.count, self.first = int(space.n), int(space.start)
            _check_count(self.count, MOST_ACTIONS)
            self.names = tuple(f"a[{number}]" for number in range(self.count))
        elif isinstance(space, (MultiDiscrete, MultiBinary)):
            self._enumerate(space)
        else:
            raise TypeError

    def _enumerate(self, space: MultiDiscrete | MultiBinary) -> None:
        if isinstance(space, MultiBinary):
            counts, starts = np.full(space.shape, 2).reshape(-1), np.zeros(math.prod(space.shape), np.int64)
        else:
            counts, starts = np.asarray(space.nvec).reshape(-1), np.asarray(space.start).reshape(-1)
        self.count = math.prod(counts.tolist())
        _check_count(self.count, MOST_COMBINATIONS)
        digits = list(itertools.product(*map(range, counts.tolist())))
        actions = [(np.array(each) + starts).reshape(space.shape).astype(space.dtype) for each in digits]
        self.names = tuple(f"a = ({', '.join(map(str, each.reshape(-1).tolist()))})" for each in actions)
        self.combinations = tuple(actions)


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise TooManyError(count, most)


# --------------------------------------------------------------------------------------------------------- in words


def described(value: Any) -> str:
    """What ``value`` is, as short as can be: for messages."""
    try:
        return _shortened(_described(value))
    except Exception:  # noqa: BLE001  it is what somebody else's code returned
        return type(value).__name__


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.shape} {value.dtype}"
    if isinstance(value, dict):
        return f"dict({', '.join(map(str, value))})"
    if isinstance(value, (tuple, list)):
        inner = ", ".join(_described(each) if isinstance(each, np.ndarray) else _kind(each) for each in value)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if value is None:
        return "None"
    if isinstance(value, (float, np.floating)):
        return f"{_kind(value)} {value:.6g}"
    return f"{_kind(value)} {value!r}" if isinstance(value, (bool, int, str, np.generic)) else _kind(value)


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def described_space(space: Space[Any]) -> str:
    """``space`` without its bounds: for messages."""
    return _shortened(_described_space(space))


def _described_space(space: Space[Any]) -> str:
    match space:
        case Box():
            return f"Box{space.shape}"
        case Dict():
            return f"Dict({', '.join(f'{key}: {_described_space(each)}' for key, each in space.spaces.items())})"
        case Tuple():
            return f"Tuple({', '.join(map(_described_space, space.spaces))})"
        case _:
            return str(space)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[: _LONGEST_DESCRIPTION - 3]}..."
