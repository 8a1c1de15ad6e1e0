"""Which observations are pictures, and how they are drawn channel by channel."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from PIL import Image

from dqn_core.environments.planes import PLANE_COLORS, as_png, picture_layout


def box(*shape: int, dtype: Any = np.uint8, high: float = 255) -> Box:
    return Box(0, high, shape, dtype)


@pytest.mark.parametrize(
    ("space", "shape", "kind", "names"),
    [
        (box(10, 10, 4, dtype=np.bool_, high=1), (10, 10, 4), "planes", ("0", "1", "2", "3")),
        (box(96, 96, 3), (96, 96, 3), "colour", ("picture in colour",)),
        (box(96, 96, 1), (96, 96, 1), "frames", ("picture in grey",)),
        (box(2, 84, 84), (2, 84, 84), "frames", ("1 frame earlier", "newest frame")),
        (box(10, 10, 10, dtype=np.float32, high=1), (10, 10, 10), "planes", tuple(map(str, range(10)))),
    ],
)
def test_a_picture_is_told_by_its_space(space: Box, shape: tuple[int, ...], kind: str, names: tuple[str, ...]) -> None:
    layout = picture_layout(space)
    assert layout is not None
    assert (layout.shape, layout.kind, layout.names) == (shape, kind, names)


@pytest.mark.parametrize(
    "space",
    [
        box(4, dtype=np.float32),
        box(84, 84),
        box(9, 9, 9, dtype=np.float32),
        Box(-1, 1, (9, 9, 3), np.float32),
        box(9, 9, 200),
        Discrete(3),
        Dict(a=box(9, 9, 3)),
    ],
)
def test_other_spaces_are_no_pictures(space: Any) -> None:
    assert picture_layout(space) is None


def test_names_say_what_the_channels_are_where_there_are_as_many() -> None:
    space = box(7, 7, 3)
    named = picture_layout(space, ("object", "colour", "state"))
    unnamed = picture_layout(space, ("object",))
    assert named is not None
    assert unnamed is not None
    assert (named.kind, unnamed.kind) == ("planes", "colour")


def test_tiles_stand_side_by_side_each_in_its_colour() -> None:
    layout = picture_layout(box(4, 3, 2, dtype=np.bool_, high=1))
    assert layout is not None
    state = np.zeros((4, 3, 2), np.float32)
    state[1, 2, 1] = 1.0
    tiles = layout.tiles(state.reshape(-1))
    assert tiles.shape == (4, 6, 3)
    assert bytes(tiles[1, 5]).hex() == PLANE_COLORS[1][1:]
    assert len(np.unique(tiles.reshape(-1, 3), axis=0)) == 2


def test_frames_are_grey_as_they_are_and_colours_too() -> None:
    frames = np.random.default_rng(0).integers(256, size=(2, 9, 8)).astype(np.uint8)
    layout = picture_layout(box(2, 9, 8))
    assert layout is not None
    tiles = layout.tiles(frames)
    assert np.array_equal(tiles[..., 0], np.concatenate(list(frames), axis=1))
    picture = np.random.default_rng(1).integers(256, size=(9, 8, 3)).astype(np.uint8)
    colour = picture_layout(box(9, 8, 3))
    assert colour is not None
    assert np.array_equal(colour.tiles(picture.astype(np.float32).reshape(-1)), picture)


def test_what_is_important_is_told_tile_by_tile() -> None:
    layout = picture_layout(box(4, 3, 2, dtype=np.bool_, high=1))
    assert layout is not None
    gradients = np.zeros((2, 4, 3, 2), np.float32)
    gradients[0, 0, 1, 1], gradients[0, 1, 1, 1] = -2.0, 1.0
    sizes = layout.importance(gradients.reshape(2, -1))
    assert sizes.shape == (2, 4, 6)
    assert (sizes[0, 0, 4], sizes[0, 1, 4], int(sizes[0].astype(int).sum())) == (255, 128, 383)
    assert not sizes[1].any()


def test_every_point_of_a_png_is_as_it_was() -> None:
    pixels = np.random.default_rng(0).integers(256, size=(10, 40, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(as_png(pixels)))), pixels)
