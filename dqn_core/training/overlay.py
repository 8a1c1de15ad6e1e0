"""What is written on a film's pictures: the step, the return so far, and the Q-value of every action."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dqn_core.training.rollout import Rollout

__all__ = ["SMALLEST_HEIGHT", "SMALLEST_WIDTH", "step_facts", "with_facts", "with_overlay"]

SMALLEST_WIDTH, SMALLEST_HEIGHT = 320, 200
"""Pictures smaller than this stay as they are: nobody could read what is written on them."""

_BACK, _TEXT, _MUTED = (16, 24, 28), (255, 255, 255), (190, 200, 204)
_BAR, _CHOSEN, _RANDOM, _ZERO = (110, 128, 136), (83, 196, 180), (244, 170, 80), (255, 255, 255)
"""Bars: any action's, the greedy one taken, a random one taken, and the line of Q = 0."""
_OPACITY = 0.78
_TEXT_SHARE = 0.04
"""Height of the letters as a share of the picture's: 16 pixels at 400."""

Picture = NDArray[np.uint8]


def with_overlay(pictures: Iterable[Picture], rollout: Rollout, action_names: Sequence[str]) -> Iterator[Picture]:
    """Each of the T + 1 pictures [height, width, 3] of ``rollout`` with what the agent thinks in that state."""
    returns = np.concatenate([[0.0], np.cumsum(rollout.rewards)])
    finite = rollout.q_values[np.isfinite(rollout.q_values)]
    low, high = (min(0.0, float(finite.min())), max(0.0, float(finite.max()))) if finite.size else (0.0, 0.0)
    for step, picture in enumerate(pictures):
        if _is_small(picture):
            yield picture
            continue
        image = Image.fromarray(picture)
        _draw_facts(image, _facts(rollout, step, float(returns[step])))
        if step < rollout.length:
            _draw_bars(image, rollout, step, action_names, (low, high))
        yield np.asarray(image)


def with_facts(picture: Picture, facts: Sequence[str]) -> Picture:
    """``picture`` with short lines of text in its upper left corner."""
    if _is_small(picture):
        return picture
    image = Image.fromarray(picture)
    _draw_facts(image, facts)
    return np.asarray(image)


def step_facts(step: int, episode_return: float) -> list[str]:
    """The lines that every film has."""
    return [f"Step {step:,}", f"Return {episode_return:,.1f}"]


def _is_small(picture: Picture) -> bool:
    height, width, _ = picture.shape
    return bool(height < SMALLEST_HEIGHT or width < SMALLEST_WIDTH)


def _facts(rollout: Rollout, step: int, episode_return: float) -> list[str]:
    facts = step_facts(step, episode_return)
    if step == rollout.length:
        facts.append("terminated" if rollout.terminated else "cut off at the limit")
    return facts


def _draw_facts(image: Image.Image, facts: Sequence[str]) -> None:
    font, line = _font(image.height)
    width = max(14 * line // 2, *(math.ceil(font.getlength(fact)) + line for fact in facts))
    with _box(image, (line // 2, line // 2, width, line * len(facts) + line // 2)) as draw:
        for number, fact in enumerate(facts):
            draw.text((line // 2, line * number + line // 4), fact, _TEXT, font)


def _draw_bars(
    image: Image.Image, rollout: Rollout, step: int, action_names: Sequence[str], scale: tuple[float, float]
) -> None:
    """One row an action: its name, a bar from Q = 0 to its Q-value on the episode's scale, the number."""
    font, line = _font(image.height)
    name_width = min(image.width // 4, max(math.ceil(font.getlength(name)) for name in action_names))
    bar_width, number_width = image.width // 8, math.ceil(font.getlength("-8888.8"))
    width = name_width + bar_width + number_width + 2 * line
    chosen = int(rollout.actions[step])
    with _box(image, (image.width - width - line // 2, line // 2, width, line * len(action_names) + line // 2)) as draw:
        for action, (name, q_value) in enumerate(zip(action_names, rollout.q_values[step], strict=True)):
            top, left = line * action + line // 4, line // 2
            color = (_CHOSEN if rollout.is_greedy[step] else _RANDOM) if action == chosen else _BAR
            text = _TEXT if action == chosen else _MUTED
            draw.text((left, top), _shortened(name, font, name_width), text, font)
            _draw_bar(draw, (left + name_width + line // 2, top, bar_width, line), float(q_value), scale, color)
            draw.text((width - line // 2, top), f"{q_value:.1f}", text, font, anchor="ra")


def _draw_bar(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int, int, int],
    q_value: float,
    scale: tuple[float, float],
    color: tuple[int, int, int],
) -> None:
    left, top, width, height = place
    low, high = scale

    def x(value: float) -> int:
        return left + round(width * (value - low) / (high - low)) if high > low else left

    if math.isfinite(q_value):
        begin, end = sorted((x(0.0), x(q_value)))
        draw.rectangle((begin, top + height // 5, end, top + 4 * height // 5), color)
    draw.line((x(0.0), top, x(0.0), top + height), _ZERO)


class _box:  # noqa: N801  reads as a verb: with _box(image, ...) as draw
    """A darkened rectangle of ``image`` to draw in, by its own coordinates."""

    def __init__(self, image: Image.Image, place: tuple[int, int, int, int]) -> None:
        left, top, width, height = place
        self._image, self._corner = image, (left, top)
        part = image.crop((left, top, left + width, top + height))
        self._part = Image.blend(part, Image.new("RGB", part.size, _BACK), _OPACITY)

    def __enter__(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self._part)

    def __exit__(self, *_: object) -> None:
        self._image.paste(self._part, self._corner)


@functools.cache
def _font(height: int) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, int]:
    """(font, height of a line) for pictures of that height."""
    size = max(10, round(_TEXT_SHARE * height))
    return ImageFont.load_default(size), round(1.35 * size)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while text and font.getlength(text) > width:
        text = text[:-2].rstrip() + "…"
    return text
