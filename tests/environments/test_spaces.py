"""Spaces: every observation as one vector of named numbers, and actions numbered from 0."""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Graph, MultiBinary, MultiDiscrete, Sequence, Space, Text, Tuple
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.environments.spaces import (
    MOST_NUMBERS,
    ActionNumbers,
    NotOfSpaceError,
    ObservationVector,
    TooManyError,
    described,
    described_space,
)

SPACES: dict[str, tuple[Space[Any], Any, list[float], tuple[str, ...]]] = {
    "box": (Box(-1, 1, (2,)), np.array([0.5, -0.5]), [0.5, -0.5], ("s[0]", "s[1]")),
    "rows": (
        Box(-1, 9, (2, 2)),
        np.array([[1, 2], [3, 4]]),
        [1, 2, 3, 4],
        ("s[0,0]", "s[0,1]", "s[1,0]", "s[1,1]"),
    ),
    "columns first in memory": (
        Box(-1, 9, (2, 2)),
        np.asfortranarray([[1, 2], [3, 4]]),
        [1, 2, 3, 4],
        ("s[0,0]", "s[0,1]", "s[1,0]", "s[1,1]"),
    ),
    "single number": (Box(-1, 1, ()), 0.5, [0.5], ("s",)),
    "one of one": (Box(-1, 1, (1,)), 0.5, [0.5], ("s[0]",)),
    "picture": (Box(0, 255, (1, 1, 3), np.uint8), np.array([[[1, 2, 3]]], np.uint8), [1, 2, 3], ("s[0,0,0]",)),
    "list": (Box(-1, 1, (2,)), [0.5, True], [0.5, 1], ("s[0]", "s[1]")),
    "objects": (Box(-1, 1, (2,)), np.array([0.5, 1], object), [0.5, 1], ("s[0]", "s[1]")),
    "discrete": (Discrete(3), np.int64(1), [0, 1, 0], ("s = 0", "s = 1", "s = 2")),
    "discrete from 5": (Discrete(3, start=5), 7, [0, 0, 1], ("s = 5", "s = 6", "s = 7")),
    "discrete as an array": (Discrete(3), np.array([2]), [0, 0, 1], ("s = 0", "s = 1", "s = 2")),
    "multi discrete": (
        MultiDiscrete([2, 3]),
        np.array([1, 2]),
        [0, 1, 0, 0, 1],
        ("s[0] = 0", "s[0] = 1", "s[1] = 0", "s[1] = 1", "s[1] = 2"),
    ),
    "multi discrete in rows": (MultiDiscrete([[2], [2]]), [[1], [0]], [0, 1, 1, 0], ("s[0,0] = 0", "s[0,0] = 1")),
    "multi binary": (MultiBinary(3), np.array([1, 0, 1], np.int8), [1, 0, 1], ("s[0]", "s[1]", "s[2]")),
    "dict": (
        Dict({"b": Discrete(2), "a": Box(-1, 1, (2,))}),  # Gymnasium puts the keys of a plain dict in order
        {"a": np.array([0.1, 0.2], np.float32), "b": 1},
        [0.1, 0.2, 0, 1],
        ("a[0]", "a[1]", "b = 0", "b = 1"),
    ),
    "ordered dict": (
        Dict(OrderedDict([("b", Discrete(2)), ("a", Box(-1, 1, ()))])),
        {"a": 0.25, "b": 0},
        [1, 0, 0.25],
        ("b = 0", "b = 1", "a"),
    ),
    "tuple": (
        Tuple((Discrete(2), Box(-1, 1, (1,)))),
        (1, np.array([0.5])),
        [0, 1, 0.5],
        ("s[0] = 0", "s[0] = 1", "s[1][0]"),
    ),
    "nested": (
        Dict({"arm": Dict({"angle": Box(-9, 9, ()), "grips": Discrete(2)}), "pair": Tuple((Box(0, 1, ()),))}),
        {"arm": {"angle": 3.0, "grips": 1}, "pair": (0.5,)},
        [3, 0, 1, 0.5],
        ("arm.angle", "arm.grips = 0", "arm.grips = 1", "pair[0]"),
    ),
    "with a text": (
        Dict({"mission": Text(50), "x": Box(0, 1, ()), "z": Tuple((Text(5), Discrete(2)))}),
        {"mission": "get there", "x": 0.5, "z": ("a", 1)},
        [0.5, 0, 1],
        ("x", "z[1] = 0", "z[1] = 1"),
    ),
}


@pytest.mark.parametrize("kind", SPACES)
def test_an_observation_becomes_a_vector_in_the_documented_order(kind: str) -> None:
    space, observation, numbers, names = SPACES[kind]
    vector = ObservationVector(space)
    assert vector.vector(observation).tolist() == np.array(numbers, np.float32).tolist()
    assert vector.vector(observation).dtype == np.float32
    assert vector.size == len(numbers) == len(vector.names) == len(vector.low) == len(vector.high)
    assert vector.names[: len(names)] == names
    assert all(low <= number <= high for low, number, high in zip(vector.low, numbers, vector.high, strict=True))


@pytest.mark.parametrize("kind", SPACES)
def test_the_vector_is_of_its_own_memory(kind: str) -> None:
    space, observation, *_ = SPACES[kind]
    vector = ObservationVector(space)
    first = vector.vector(observation)
    kept = first.copy()
    vector.vector(observation)[:] = 7
    np.testing.assert_array_equal(first, kept)
    if isinstance(observation, np.ndarray):
        assert not np.shares_memory(first, observation)


@given(st.data())
def test_what_a_space_samples_it_holds(data: st.DataObject) -> None:
    kinds: list[Space[Any]] = [space for space, *_ in SPACES.values()]
    space = data.draw(st.sampled_from(kinds))
    space.seed(data.draw(st.integers(0, 2**31 - 1)))
    vector = ObservationVector(space)
    numbers = vector.vector(space.sample())
    assert numbers.shape == (vector.size,)
    assert np.isfinite(numbers).all()


def test_parts_that_are_no_numbers_are_named() -> None:
    assert ObservationVector(SPACES["with a text"][0]).left_out == ("mission", "z[0]")
    several = Dict({"a": Sequence(Discrete(2)), "b": Graph(Box(0, 1, (1,)), None), "c": Discrete(2)})
    assert ObservationVector(several).left_out == ("a", "b")


@pytest.mark.parametrize(
    "space",
    [Text(5), Sequence(Discrete(2)), Graph(Box(0, 1, (1,)), None), Dict({"a": Text(5)}), Tuple(()), Box(0, 1, (0,))],
    ids=str,
)
def test_a_space_without_numbers_is_refused(space: Space[Any]) -> None:
    with pytest.raises(TypeError):
        ObservationVector(space)


@pytest.mark.parametrize("space", [Discrete(10**9), Box(0, 1, (MOST_NUMBERS + 1,)), MultiDiscrete([10**6, 10**6])])
def test_too_many_numbers_are_refused_before_they_take_memory(space: Space[Any]) -> None:
    with pytest.raises(TooManyError) as refused:
        ObservationVector(space)
    assert refused.value.count > refused.value.most == MOST_NUMBERS


FLAT = Box(-np.inf, np.inf, (2,))
WIDE = Box(-np.inf, np.inf, (100,))


@pytest.mark.parametrize(
    ("space", "observation", "came"),
    [
        (FLAT, 0.5, "float 0.5"),
        (FLAT, np.zeros((1, 2)), r"array \(1, 2\) float64"),
        (FLAT, np.zeros(3, np.float32), r"array \(3,\) float32"),
        (FLAT, [0.0, [1.0]], r"\[float, list\]"),
        (FLAT, np.array(["0", "1"]), r"array \(2,\) <U1"),
        (FLAT, np.array([1j, 0]), "complex"),
        (FLAT, None, "None"),
        (FLAT, "ab", "str 'ab'"),
        (Discrete(3), 3, "int 3"),
        (Discrete(3), -1, "int -1"),
        (Discrete(3), 0.5, "float 0.5"),
        (Discrete(3, start=5), 0, "int 0"),
        (MultiDiscrete([2, 2]), np.array([0, 2]), r"array \(2,\) int64"),
        (MultiDiscrete([2, 2]), [0], r"\[int\]"),
        (Dict({"a": Discrete(2), "b": Discrete(2)}), {"a": 1}, r"dict\(a\)"),
        (Dict({"a": Discrete(2)}), np.zeros(2), r"array \(2,\)"),
        (Tuple((Discrete(2), Discrete(2))), (1,), r"\(int\)"),
        (Tuple((Discrete(2), Discrete(2))), 1, "int 1"),
    ],
)
def test_what_is_not_of_the_space_is_refused(space: Space[Any], observation: Any, came: str) -> None:
    vector = ObservationVector(space)
    with pytest.raises(NotOfSpaceError) as refused:
        vector.check(observation)
    assert refused.value.expected == described_space(space)
    assert re.search(came, refused.value.came)


def test_the_part_that_is_wrong_is_named() -> None:
    vector = ObservationVector(Dict({"arm": Dict({"angle": Box(0, 1, (2,))}), "goal": Discrete(2)}))
    with pytest.raises(NotOfSpaceError) as refused:
        vector.vector({"arm": {"angle": [0.1]}, "goal": 0})
    assert (refused.value.part, refused.value.expected) == ("arm.angle", "Box(2,)")


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
@pytest.mark.parametrize("space", [FLAT, WIDE, Dict({"a": FLAT})], ids=["few", "many", "dict"])
def test_numbers_that_are_not_finite_are_refused_by_name(space: Space[Any], wrong: float, dtype: Any) -> None:
    size = ObservationVector(space).size
    numbers = np.zeros(size, dtype)
    with np.errstate(over="ignore"):
        numbers[1] = wrong
    observation = {"a": numbers} if isinstance(space, Dict) else numbers
    vector = ObservationVector(space)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(NotOfSpaceError) as refused:
            vector.vector(observation)
    assert not warned  # which as errors would lead elsewhere
    assert refused.value.part in {"s[1]", "a[1]"}
    assert refused.value.came == str(numbers[1])


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint64])
@pytest.mark.parametrize("shape", [(3,), (50,), (6, 6, 3)])
def test_numbers_as_large_as_float32_holds_are_taken(shape: tuple[int, ...], dtype: Any) -> None:
    most = np.iinfo(dtype).max if dtype is not np.float64 else float(np.finfo(np.float32).max)
    low = -most if dtype is not np.uint64 else 0
    numbers = np.full(shape, most, dtype)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        vector = ObservationVector(Box(low, most, shape, dtype)).vector(numbers)
    assert not warned
    np.testing.assert_array_equal(vector, numbers.reshape(-1).astype(np.float32))


def test_numbers_out_of_the_bounds_that_a_box_names_are_taken() -> None:
    assert ObservationVector(Box(0, 0.001, (2,))).vector(np.array([5.0, -5.0])).tolist() == [5, -5]


# ------------------------------------------------------------------------------------------------------- actions


@pytest.mark.parametrize(
    ("space", "actions"),
    [
        (MultiDiscrete([2, 3]), [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]),
        (MultiDiscrete([2, 2], start=[5, -1]), [[5, -1], [5, 0], [6, -1], [6, 0]]),
        (MultiBinary(2), [[0, 0], [0, 1], [1, 0], [1, 1]]),
        (MultiBinary((1, 2)), [[[0, 0]], [[0, 1]], [[1, 0]], [[1, 1]]]),
    ],
    ids=str,
)
def test_combinations_are_numbered_through(space: Space[Any], actions: list[Any]) -> None:
    numbers = ActionNumbers(space)
    assert numbers.combinations is not None
    assert [each.tolist() for each in numbers.combinations] == actions
    assert all(space.contains(each) for each in numbers.combinations)
    assert len(set(numbers.names)) == numbers.count == len(actions)


@pytest.mark.parametrize("space", [MultiBinary(6), MultiDiscrete([4, 4, 4])], ids=str)
def test_sixty_four_combinations_are_taken_and_no_more(space: Space[Any]) -> None:
    assert ActionNumbers(space).count == 64
    with pytest.raises(TooManyError):
        ActionNumbers(MultiDiscrete([*np.asarray(getattr(space, "nvec", [2] * 6)).tolist(), 2]))


def test_a_discrete_spaces_first_action_is_what_it_says() -> None:
    assert (ActionNumbers(Discrete(3)).first, ActionNumbers(Discrete(2, start=5)).first) == (0, 5)
    with pytest.raises(TooManyError):
        ActionNumbers(Discrete(100_000))


@pytest.mark.parametrize("space", [Box(-1, 1, (1,)), Tuple((Discrete(2),)), Text(3)], ids=str)
def test_other_actions_are_refused(space: Space[Any]) -> None:
    with pytest.raises(TypeError):
        ActionNumbers(space)


def test_descriptions_are_short_whatever_they_are_of() -> None:
    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError

    for value in (
        "a" * 9_999,
        {"k": 1},
        [Unprintable()] * 500,
        Unprintable(),
        np.zeros((1, 2)),
        np.float64(1.5),
        10**99,
    ):
        assert 0 < len(described(value)) <= 160
    assert len(described_space(Dict({f"key {i}": Box(0, 1, (i,)) for i in range(1, 90)}))) <= 160
