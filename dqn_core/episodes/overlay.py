"""What is written on an episode's pictures: the step, the return so far, and the Q-value of every action."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dqn_core.episodes.episode import RecordedEpisode, Rollout
from dqn_core.episodes.frames import EpisodeFrame
from dqn_core.errors import mark

__all__ = ["NO_TRANSLATION", "OVERLAY_TEXTS", "SMALLEST_HEIGHT", "SMALLEST_WIDTH", "can_write", "with_overlay"]

SMALLEST_WIDTH, SMALLEST_HEIGHT = 320, 200
"""Pictures smaller than this stay as they are: nobody could read what is written on them."""

_BACK, _TEXT, _MUTED = (16, 24, 28), (255, 255, 255), (190, 200, 204)
_BAR, _CHOSEN, _RANDOM, _ZERO = (110, 128, 136), (83, 196, 180), (244, 170, 80), (255, 255, 255)
"""Bars: any action's, the greedy one taken, a random one taken, and the line of Q = 0."""
_OPACITY = 0.78
_TEXT_SHARE = 0.04
"""Height of the letters as a share of the picture's: 16 pixels at 400."""

_EPISODE, _EVALUATION = mark("Episode {n}"), mark("Evaluation after episode {n}")
_STEP, _RETURN = mark("Step {n}"), mark("Return {score}")
_TERMINATED, _TRUNCATED = mark("terminated"), mark("truncated at the step limit")
OVERLAY_TEXTS = (_EPISODE, _EVALUATION, _STEP, _RETURN, _TERMINATED, _TRUNCATED)
"""All texts but the names of the actions."""
NO_TRANSLATION: Mapping[str, str] = {}
"""All in English."""

_HANGUL = re.compile("[\uac00-\ud7a3]")
_HANGUL_FONTS = (
    ("NotoSansCJK-Regular.ttc", 1),
    ("NotoSansKR-Regular.otf", 0),
    ("NotoSansKR-Regular.ttf", 0),
    ("NanumGothic.ttf", 0),
    ("AppleSDGothicNeo.ttc", 0),
    ("malgun.ttf", 0),
)
"""(file, font in it) of what Linux, macOS and Windows write Korean with, wherever they keep their fonts. Pillow's own
font, which is on every machine, has Latin letters alone."""

Picture = NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def can_write(texts: Iterable[str]) -> bool:
    """Whether this machine has a font for ``texts``, which are Latin or Korean."""
    return not _has_hangul(texts) or _hangul_font(10) is not None


def with_overlay(
    frames: Iterable[EpisodeFrame],
    recorded: RecordedEpisode,
    action_names: Sequence[str],
    translation: Mapping[str, str] = NO_TRANSLATION,
) -> Iterator[Picture]:
    """Each frame of ``recorded`` as a picture [height, width, 3] with the step and the return so far.

    A rollout's also say what the agent expects of each action, a recording's which episode of its run it is.
    ``translation`` has :data:`OVERLAY_TEXTS` and names of actions in another language, by the English ones; what it
    lacks stays English.
    """
    writing = _Writing(translation)
    bars = _QValueBars(recorded, action_names, writing) if isinstance(recorded, Rollout) else None
    for frame in frames:
        height, width, _ = frame.pixels.shape
        if height < SMALLEST_HEIGHT or width < SMALLEST_WIDTH:
            yield frame.pixels
            continue
        image = Image.fromarray(frame.pixels)
        _draw_facts(image, _facts(frame, recorded, writing), writing)
        if bars is not None and frame.step < len(recorded.actions):
            bars.draw(image, frame.step)
        yield np.asarray(image)


class _Writing:
    """The texts in one language, and the font that has its letters."""

    def __init__(self, translation: Mapping[str, str]) -> None:
        self._translation = translation
        self._is_hangul = _has_hangul(translation.values())

    def text(self, template: str, **parameters: str) -> str:
        return self._translation.get(template, template).format(**parameters)

    def name(self, action_name: str) -> str:
        return self._translation.get(action_name, action_name)

    def font(self, height: int) -> tuple[Font, int]:
        """(font, height of a line) for pictures of that height."""
        return _font(height, is_hangul=self._is_hangul)


def _facts(frame: EpisodeFrame, recorded: RecordedEpisode, writing: _Writing) -> list[str]:
    say = writing.text
    facts = [say(_STEP, n=f"{frame.step:,}"), say(_RETURN, score=f"{frame.episode_return:,.1f}")]
    if isinstance(recorded, Rollout):
        if frame.step < recorded.length:
            return facts
        return [*facts, say(_TERMINATED if recorded.terminated else _TRUNCATED)]
    heading = _EVALUATION if recorded.kind == "best" else _EPISODE
    return [say(heading, n=f"{recorded.episode:,}"), *facts]


def _draw_facts(image: Image.Image, facts: Sequence[str], writing: _Writing) -> None:
    font, line = writing.font(image.height)
    width = max(14 * line // 2, *(math.ceil(font.getlength(fact)) + line for fact in facts))
    with _box(image, (line // 2, line // 2, width, line * len(facts) + line // 2)) as draw:
        for number, fact in enumerate(facts):
            draw.text((line // 2, line * number + line // 4 + line // 2), fact, _TEXT, font, anchor="lm")


class _QValueBars:
    """One row an action: its name, a bar from Q = 0 to its Q-value on the episode's scale, the number."""

    def __init__(self, rollout: Rollout, action_names: Sequence[str], writing: _Writing) -> None:
        self._rollout, self._writing = rollout, writing
        self._names = [writing.name(each) for each in action_names]
        finite = rollout.q_values[np.isfinite(rollout.q_values)]
        self._scale = (min(0.0, float(finite.min())), max(0.0, float(finite.max()))) if finite.size else (0.0, 0.0)

    def draw(self, image: Image.Image, step: int) -> None:
        """Draw those of the state before ``step``."""
        rollout, names = self._rollout, self._names
        font, line = self._writing.font(image.height)
        name_width = min(image.width // 4, max(math.ceil(font.getlength(name)) for name in names))
        bar_width, number_width = image.width // 8, math.ceil(font.getlength("-8888.8"))
        width = name_width + bar_width + number_width + 2 * line
        chosen = int(rollout.actions[step])
        with _box(image, (image.width - width - line // 2, line // 2, width, line * len(names) + line // 2)) as draw:
            for action, (name, q_value) in enumerate(zip(names, rollout.q_values[step], strict=True)):
                top, left = line * action + line // 4, line // 2
                color = (_CHOSEN if rollout.is_greedy[step] else _RANDOM) if action == chosen else _BAR
                text = _TEXT if action == chosen else _MUTED
                middle = top + line // 2
                draw.text((left, middle), _shortened(name, font, name_width), text, font, anchor="lm")
                place = (left + name_width + line // 2, top, bar_width, line)
                _draw_bar(draw, place, float(q_value), self._scale, color)
                draw.text((width - line // 2, middle), f"{q_value:.1f}", text, font, anchor="rm")


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
def _font(height: int, *, is_hangul: bool) -> tuple[Font, int]:
    size = max(10, round(_TEXT_SHARE * height))
    return (_hangul_font(size) if is_hangul else None) or ImageFont.load_default(size), round(1.35 * size)


@functools.cache
def _hangul_font(size: int) -> ImageFont.FreeTypeFont | None:
    """A font of this machine that has Korean letters."""
    for name, number in _HANGUL_FONTS:
        try:
            return ImageFont.truetype(name, size, number)
        except OSError:  # not here
            continue
    return None


def _has_hangul(texts: Iterable[str]) -> bool:
    return any(_HANGUL.search(each) for each in texts)


def _shortened(text: str, font: Font, width: int) -> str:
    while text and font.getlength(text) > width:
        text = text[:-2].rstrip() + "…"
    return text
