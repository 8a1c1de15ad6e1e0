"""Pictures: whatever an environment's render gives is shown if it can be, and else its numbers are."""

from __future__ import annotations

import io
import types
from typing import Any

import gymnasium as gym
import numpy as np
import pygame
import pytest
import torch
from PIL import Image

import fake_environments as fake
from dqn_core.environments.make import environment_picture, make_environment
from dqn_core.environments.pictures import NotShownError, as_picture, fitted, placeholder

GREY = np.tile(np.arange(80, dtype=np.uint8), (60, 1))  # [60, 80], darker on the left
COLOURS = np.dstack([GREY, GREY, GREY])


def _png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def _figure(array: np.ndarray) -> Any:
    """What an environment may return that draws with Matplotlib: here, as its canvas stands."""
    rgba = np.dstack([array, np.full(array.shape[:2], 255, np.uint8)])
    return types.SimpleNamespace(canvas=types.SimpleNamespace(draw=lambda: None, buffer_rgba=lambda: memoryview(rgba)))


@pytest.mark.parametrize(
    "rendered",
    [
        COLOURS,
        GREY,
        GREY[..., None],
        np.dstack([COLOURS, np.full_like(GREY, 255)]),
        np.moveaxis(COLOURS, -1, 0),
        COLOURS / 255.0,
        (COLOURS / 255.0).astype(np.float32),
        COLOURS.astype(np.int64),
        COLOURS.astype(np.float64) + 0.2,
        [np.zeros_like(COLOURS), COLOURS],
        (COLOURS,),
        COLOURS.tolist(),
        Image.fromarray(COLOURS),
        Image.fromarray(GREY),
        Image.fromarray(COLOURS).convert("RGBA"),
        np.asfortranarray(COLOURS),
        torch.from_numpy(COLOURS.copy()),
        _png(COLOURS),
        _figure(COLOURS),
        pygame.surfarray.make_surface(np.swapaxes(COLOURS, 0, 1)),
    ],
    ids=[
        "colours",
        "grey",
        "one channel",
        "alpha",
        "channels first",
        "floats to 1",
        "float32",
        "ints",
        "floats to 255",
        "list of frames",
        "tuple of frames",
        "nested lists",
        "image",
        "grey image",
        "image with alpha",
        "columns first in memory",
        "tensor",
        "file",
        "figure",
        "surface",
    ],
)
def test_what_can_be_shown_is_shown(rendered: Any) -> None:
    picture = as_picture(rendered)
    assert (picture.shape, picture.dtype) == ((60, 80, 3), np.uint8)
    assert np.abs(picture.astype(int) - COLOURS.astype(int)).max() <= 1
    assert picture.flags.owndata or picture.base is not rendered


def test_a_picture_is_of_its_own_memory() -> None:
    rendered = COLOURS.copy()
    picture = as_picture(rendered)
    rendered[:] = 7
    assert picture[0, 79].tolist() == [79, 79, 79]


def test_what_is_transparent_is_white() -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    assert (as_picture(clear) == 255).all()


def test_numbers_that_are_none_do_no_harm() -> None:
    rendered = np.full((4, 4, 3), 0.5)
    rendered[0, 0] = np.nan
    rendered[1, 1] = np.inf
    assert as_picture(rendered)[3, 3].tolist() == [128, 128, 128] or as_picture(rendered).shape == (4, 4, 3)


def test_a_text_is_drawn_without_its_colour_codes() -> None:
    plain, coloured = (as_picture(text) for text in ("SFFF\nFHFH", "\x1b[41mS\x1b[0mFFF\nFHFH\n"))
    assert plain.std() > 5
    np.testing.assert_array_equal(plain, coloured)
    assert as_picture(io.StringIO("SFFF\nFHFH")).tobytes() == plain.tobytes()


def test_a_huge_picture_is_made_smaller() -> None:
    height, width, _ = as_picture(np.zeros((5_000, 7_000), np.uint8)).shape
    assert height * width <= 4_000_000
    assert width / height == pytest.approx(1.4, rel=0.01)


@pytest.mark.parametrize(
    "rendered",
    [None, "", "  \n", b"bytes", {}, [], (), 3.5, np.zeros(5), np.zeros((0, 4, 3)), np.zeros((4, 4, 2)), len],
    ids=lambda each: f"{type(each).__name__}{getattr(each, 'shape', '')}",
)
def test_what_cannot_be_shown_says_what_it_was(rendered: Any) -> None:
    with pytest.raises(NotShownError, match=r"render\(\) returned"):
        as_picture(rendered)


def test_pictures_of_one_episode_are_of_one_size() -> None:
    small = fitted(np.full((30, 30, 3), 200, np.uint8), (60, 80))
    assert small.shape == (60, 80, 3)
    assert small[30, 40].tolist() == [200, 200, 200]
    assert small[30, 2].tolist() != [200, 200, 200]  # its shape is kept
    assert fitted(np.zeros((1_000, 1, 3), np.uint8), (60, 80)).shape == (60, 80, 3)


def test_a_placeholder_takes_any_count_of_numbers_and_any_text() -> None:
    for count in (0, 1, 12, 40, 5_000):
        numbers = [(f"the name of number {number}, which is long {number}", number / 3) for number in range(count)]
        assert placeholder("Some/Very-long-id-v0" * 9, numbers, "because " * 99 + "\n한국어").shape == (400, 600, 3)


class Changing(fake.Corridor):
    """Its pictures change in size, and every other one fails."""

    def render(self) -> Any:
        if self.position % 2:
            message = "no display"
            raise RuntimeError(message)
        return np.full((20 + self.position, 30, 4), 90, np.uint8)


def test_an_environments_pictures_are_all_of_the_first_ones_size() -> None:
    gym.register("DqnLabTest/Changing-v0", Changing)
    try:
        environment = make_environment("DqnLabTest/Changing-v0")
        environment.reset(seed=0)
        shapes, troubles = [environment.draw().shape], [environment.picture_trouble]
        for _ in range(3):
            environment.step(1)
            shapes.append(environment.draw().shape)
            troubles.append(environment.picture_trouble)
        environment.close()
    finally:
        del gym.registry["DqnLabTest/Changing-v0"]
    assert shapes == [(20, 30, 3)] * 4
    assert troubles == ["", "render() raised RuntimeError: no display"] * 2


@pytest.mark.parametrize(
    ("env_id", "said"),
    [
        ("CartPole-v1", ""),
        (fake.BLIND, "render() returned None"),
        (fake.ONE_NUMBER, "it opens a window of its own to draw in"),
    ],
)
def test_the_picture_of_an_environment_says_why_it_is_none(env_id: str, said: str) -> None:
    fake.register()
    picture = environment_picture(env_id)
    assert picture.trouble == said
    assert Image.open(io.BytesIO(picture.jpeg)).size == (600, 400)


@pytest.mark.parametrize(
    ("metadata", "frames_per_s"),
    [
        ({"render_fps": 50}, 50.0),
        ({"render_fps": 240}, 240.0),
        ({"render_fps": "25"}, 25.0),
        ({"render_fps": np.float32(12.5)}, 12.5),
        ({"render_fps": 1e9}, 240.0),
        ({"render_fps": 1e-9}, 0.5),
        ({"render_fps": 0}, 30.0),
        ({"render_fps": -5}, 30.0),
        ({"render_fps": None}, 30.0),
        ({"render_fps": float("nan")}, 30.0),
        ({"render_fps": [30]}, 30.0),
        ({}, 30.0),
        ([], 30.0),
    ],
    ids=str,
)
def test_a_pace_that_is_none_is_thirty_a_second(metadata: Any, frames_per_s: float) -> None:
    fake.register()
    environment = make_environment(fake.CORRIDOR)
    environment.unwrapped.metadata = metadata
    assert environment.frames_per_s == frames_per_s
    environment.close()
