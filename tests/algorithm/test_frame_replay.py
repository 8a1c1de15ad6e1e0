"""Every stack that is drawn is the one that was seen, whatever the episodes, the ring and the returns of n steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dqn_core.algorithm.frame_replay import FrameReplay, frame_replay_bytes
from dqn_core.algorithm.memory import Memory
from dqn_core.algorithm.networks import PictureShape
from dqn_core.config import TrainingConfig
from dqn_core.errors import RunFolderError

_SIDE = 3
_GAMMA = 0.5


@dataclass(frozen=True)
class _Seen:
    """One transition, with its observations built from the whole history of its episode."""

    observation: NDArray[np.float32]
    action: int
    reward: float
    next_observation: NDArray[np.float32]
    terminated: bool
    steps: int


def _naive(frames: list[NDArray[np.float32]], newest: int, stack: int) -> NDArray[np.float32]:
    """The stack at frame ``newest`` of an episode; before its first frame, there was only that."""
    return np.concatenate([frames[max(0, newest - back)] for back in reversed(range(stack))])


def _shape(stack: int) -> PictureShape:
    return PictureShape(_SIDE, _SIDE, stack, channels_first=True, frames=stack)


def _play(
    memory: Memory, lengths: list[tuple[int, bool]], *, stack: int, n_step: int, levels: int = 256
) -> list[_Seen]:
    """Put episodes of these lengths, terminated or truncated, into ``memory``; what it has to hold by then, in order.

    The memory's environments play them in parallel, each its share of them. With few ``levels``, many frames are equal,
    across episodes too.
    """
    generator = np.random.default_rng(len(lengths))
    count = len(memory.windows)
    playing = [
        _steps(memory, each, lengths[each::count], generator, stack=stack, n_step=n_step, levels=levels)
        for each in range(count)
    ]
    rounds = itertools.zip_longest(*playing, fillvalue=())
    return [seen for completed in itertools.chain.from_iterable(rounds) for seen in completed]


def _steps(
    memory: Memory,
    environment: int,
    lengths: list[tuple[int, bool]],
    generator: np.random.Generator,
    *,
    stack: int,
    n_step: int,
    levels: int,
) -> Iterator[list[_Seen]]:
    """Play one environment's episodes step by step; of each step, the transitions that are complete by it."""
    for length, terminated in lengths:
        frames = [generator.integers(levels, size=_SIDE * _SIDE).astype(np.float32) for _ in range(length + 1)]
        seen = [_naive(frames, newest, stack) for newest in range(length + 1)]
        rewards = generator.integers(5, size=length).astype(float).tolist()
        for step in range(length):
            is_last = step == length - 1
            memory.add(
                seen[step],
                step % 3,
                rewards[step],
                seen[step + 1],
                is_last and terminated,
                is_last and not terminated,
                environment,
            )
            completed = []
            for start in range(max(0, step - n_step + 1), length if is_last else step - n_step + 2):
                steps = min(n_step, length - start)
                reward = sum(_GAMMA**k * rewards[start + k] for k in range(steps))
                is_over = terminated and start + steps == length
                completed.append(_Seen(seen[start], start % 3, reward, seen[start + steps], is_over, steps))
            yield completed


def _memory(stack: int, **settings: Any) -> Memory:
    config = TrainingConfig(batch_size=1, warmup_steps=0, gamma=_GAMMA, **settings)
    return Memory(config, _SIDE * _SIDE * stack, np.random.default_rng(0), _shape(stack))


def _assert_holds(memory: Memory, expected: list[_Seen]) -> None:
    replay = memory.replay
    assert isinstance(replay, FrameReplay)
    held = expected[-replay.capacity :]
    assert len(replay) == len(held)
    order = replay.newest_indices(len(held))
    np.testing.assert_array_equal(replay.observations[order], [each.observation for each in held])
    np.testing.assert_array_equal(replay.next_observations[order], [each.next_observation for each in held])
    assert replay.actions[order].tolist() == [each.action for each in held]
    np.testing.assert_allclose(replay.rewards[order], [each.reward for each in held], rtol=1e-6)
    assert replay.terminated[order].tolist() == [each.terminated for each in held]
    assert replay.steps[order].tolist() == [each.steps for each in held]


EPISODES = st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=12)
ENVIRONMENTS = st.sampled_from([1, 1, 2, 3, 8])


@given(
    lengths=EPISODES,
    stack=st.integers(1, 4),
    n_step=st.sampled_from([1, 2, 3, 7]),
    capacity=st.integers(1, 60),
    levels=st.sampled_from([2, 256]),
    environments=ENVIRONMENTS,
)
def test_every_stack_is_the_one_of_the_whole_history(  # noqa: PLR0917  one property over all of them
    lengths: list[tuple[int, bool]], stack: int, n_step: int, capacity: int, levels: int, environments: int
) -> None:
    memory = _memory(stack, buffer_size=capacity, n_step=n_step, parallel_environments=environments)
    expected = _play(memory, lengths, stack=stack, n_step=n_step, levels=levels)
    _assert_holds(memory, expected)


@given(
    before=EPISODES,
    after=EPISODES,
    stack=st.integers(1, 4),
    n_step=st.sampled_from([1, 3]),
    sizes=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    environments=ENVIRONMENTS,
)
def test_they_are_so_after_a_resize_and_after_a_checkpoint(  # noqa: PLR0917
    before: list[tuple[int, bool]],
    after: list[tuple[int, bool]],
    stack: int,
    n_step: int,
    sizes: tuple[int, int],
    environments: int,
) -> None:
    settings: dict[str, Any] = {"n_step": n_step, "parallel_environments": environments}
    memory = _memory(stack, buffer_size=sizes[0], **settings)
    expected = _play(memory, before, stack=stack, n_step=n_step)[-sizes[0] :]
    again = _memory(stack, buffer_size=sizes[1], **settings)
    memory.configure(TrainingConfig(batch_size=1, warmup_steps=0, gamma=_GAMMA, buffer_size=sizes[1], **settings))
    _assert_holds(memory, expected)
    again.restore(memory.state(), memory.replay.cursor)
    for each in (memory, again):
        _assert_holds(each, expected[-sizes[1] :] + _play(each, after, stack=stack, n_step=n_step))


@given(lengths=EPISODES, capacity=st.integers(2, 40), seed=st.integers(0, 99))
def test_what_is_drawn_by_priority_is_held(lengths: list[tuple[int, bool]], capacity: int, seed: int) -> None:
    config = TrainingConfig(
        buffer_size=capacity, batch_size=1, warmup_steps=0, n_step=3, gamma=_GAMMA, prioritized_replay=True
    )
    memory = Memory(config, _SIDE * _SIDE * 4, np.random.default_rng(seed), _shape(4))
    held = _play(memory, lengths, stack=4, n_step=3)[-capacity:]
    indices, weights = memory.draw(8, 0)
    order = memory.replay.newest_indices(len(held)).tolist()
    drawn = [held[order.index(index)] for index in indices.tolist()]
    np.testing.assert_array_equal(memory.replay.observations[indices], [each.observation for each in drawn])
    assert weights is not None


def test_a_state_that_is_no_stack_is_kept_once() -> None:
    shape = PictureShape(10, 10, 4, high=1.0)
    replay = FrameReplay(100, shape)
    generator = np.random.default_rng(0)
    observations = (generator.random((101, 400)) < 0.1).astype(np.float32)
    for step in range(100):
        replay.add(observations[step], 0, 0.0, observations[step + 1], terminated=False)
        observations[step + 1] = observations[step + 1]
    np.testing.assert_array_equal(replay.next_observations[:], observations[1:])
    assert replay.observations.shape == (100, 400)
    assert replay.observations[3, 7:9].tolist() == observations[3, 7:9].tolist()
    np.testing.assert_array_equal(np.asarray(replay.observations), observations[:-1])


def test_numbers_from_0_to_1_are_kept_to_a_255th_and_others_within_a_byte() -> None:
    replay = FrameReplay(4, PictureShape(2, 2, 1, high=1.0, unit=1 / 255))
    seen = np.array([0.0, 0.1, 0.5, 1.0], np.float32)
    replay.add(seen, 0, 0.0, seen, terminated=True)
    assert np.abs(replay.observations[0] - seen).max() <= 0.5 / 255 + 1e-7
    whole = FrameReplay(4, PictureShape(2, 2, 1))
    beyond = np.array([0, 17, 255, 300], np.float32)
    whole.add(beyond, 0, 0.0, beyond, terminated=True)
    assert whole.observations[0].tolist() == [0, 17, 255, 255]


@pytest.mark.parametrize(
    ("picture", "capacity", "most"),
    [
        (PictureShape(10, 10, 10, high=1.0), 1_000_000, 1.2e9),  # Seaquest, MinAtar's largest
        (PictureShape(84, 84, 4, channels_first=True, frames=4), 100_000, 0.8e9),
    ],
)
def test_a_large_memory_takes_what_was_said(picture: PictureShape, capacity: int, most: float) -> None:
    told = frame_replay_bytes(picture, capacity)
    assert told <= most
    assert FrameReplay(capacity, picture).nbytes == told  # its pages come when they are written


@pytest.mark.parametrize("environments", [1, 8])
@pytest.mark.parametrize("length", [1, 5, 20, 100])
def test_what_is_used_stays_near_what_was_said(length: int, environments: int) -> None:
    shape = PictureShape(10, 10, 4, high=1.0)
    replay = FrameReplay(2_000, shape, environments)
    generator = np.random.default_rng(0)
    observations: list[Any] = [None] * environments
    for step in range(6_000):
        environment, own_step = step % environments, step // environments
        if own_step % length == 0:
            observations[environment] = generator.integers(2, size=400).astype(np.float32)
        following = generator.integers(2, size=400).astype(np.float32)
        is_last = own_step % length == length - 1
        replay.add(observations[environment], 0, 0.0, following, terminated=is_last, environment=environment)
        observations[environment] = following
    told = frame_replay_bytes(shape, 2_000, environments)
    assert replay.nbytes <= (1.1 * told if length >= 10 else 2.2 * told)


def test_a_checkpoint_of_something_else_is_refused() -> None:
    replay = FrameReplay(10, _shape(4))
    with pytest.raises(RunFolderError, match="does not match"):
        replay.restore({"rows": np.zeros((3, 22), np.float32)}, 0)
    other = FrameReplay(10, _shape(3))
    other.add(np.zeros(27, np.float32), 0, 0.0, np.ones(27, np.float32), terminated=False)
    with pytest.raises(RunFolderError, match="does not match"):
        FrameReplay(10, PictureShape(4, 4, 3)).restore(other.state(), 1)
