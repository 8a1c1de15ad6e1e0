"""Pictures of an environment's states: what its ``render`` gives, made fit to be shown, or a drawn placeholder.

A picture is [height, width, 3] uint8. Whatever an environment gives is shown if it can be: grey, with transparency, as
floats, as a list of frames, as an image of Pillow, as text. Where nothing can be shown, the placeholder has the numbers
of the state, and the reason.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dqn_core.environments.spaces import described

__all__ = ["DrawingTurn", "NotShownError", "Picture", "as_jpeg", "as_picture", "drawing", "fitted", "placeholder"]

Picture = NDArray[np.uint8]
"""[height, width, 3]"""

_LOG = logging.getLogger(__name__)
_LONGEST_DRAWING_S = 5.0

# Pictures are drawn into memory: SDL needs no screen and no sound card, and says so in the log unless told.
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


class DrawingTurn:
    """One drawing at a time, for pygame keeps global state and several runs may draw at once.

    A drawing that has not ended after ``longest_s`` hangs: it holds up nobody any longer, and the others take turns
    without it.
    """

    def __init__(self, longest_s: float = _LONGEST_DRAWING_S) -> None:
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._replacing = threading.Lock()
        self._since = 0.0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, and have it."""
        lock = self._lock
        while not lock.acquire(timeout=self._longest_s):
            with self._replacing:  # the first of those who wait finds the others a new one
                if self._lock is lock and time.monotonic() - self._since >= self._longest_s:
                    _LOG.warning("An environment has been drawing, or closing, for %g s: it hangs.", self._longest_s)
                    self._lock = threading.Lock()
                    self._since = time.monotonic()
                lock = self._lock
        self._since = time.monotonic()
        try:
            yield
        finally:
            lock.release()


drawing = DrawingTurn()
"""Of this process."""


def as_jpeg(picture: Picture, quality: int = 80) -> bytes:
    """A picture as JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


# ------------------------------------------------------------------------------------------------ what render gives

_CHANNELS = (1, 3, 4)
_MOST_POINTS = 4_000_000
"""A larger picture is made smaller: nobody's screen shows more."""
_MOST_TEXT = (60, 200)
"""Lines, and letters of a line, of a text that are drawn."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class NotShownError(Exception):
    """What an environment's ``render`` gave cannot be shown."""


def as_picture(rendered: Any) -> Picture:
    """What ``render`` gave as a picture of its own memory; raises :class:`NotShownError` where it is none."""
    if isinstance(rendered, (list, tuple)) and rendered and not isinstance(rendered[0], (int, float, list, tuple)):
        rendered = rendered[-1]  # the frames since the last call: the newest
    if isinstance(rendered, io.StringIO):
        rendered = rendered.getvalue()
    if isinstance(rendered, str) and rendered.strip():
        return _text_picture(rendered)
    if isinstance(rendered, bytes):
        rendered = _decoded(rendered)
    if isinstance(rendered, Image.Image):
        return _of_image(rendered)
    if hasattr(rendered, "canvas"):  # a figure of Matplotlib
        rendered.canvas.draw()
        rendered = np.asarray(rendered.canvas.buffer_rgba())
    if type(rendered).__module__.startswith("pygame"):
        from pygame.surfarray import array3d

        rendered = np.swapaxes(array3d(rendered), 0, 1)  # pygame's first axis goes to the right
    if rendered is None or isinstance(rendered, (str, bytes, dict)):
        message = f"render() returned {described(rendered)}"
        raise NotShownError(message)
    return _of_array(rendered)


def _decoded(content: bytes) -> Image.Image | bytes:
    """The picture in a file's ``content``; the content itself where it is none."""
    try:
        return Image.open(io.BytesIO(content))
    except OSError:
        return content


def _of_image(image: Image.Image) -> Picture:
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return _of_array(np.asarray(image.convert("RGB")))


def _of_array(rendered: Any) -> Picture:
    array = np.asarray(rendered)
    if array.ndim == 2:  # noqa: PLR2004  grey
        array = array[..., None]
    if array.ndim == 3 and array.shape[0] in _CHANNELS and min(array.shape[1:]) > max(_CHANNELS):  # noqa: PLR2004
        array = np.moveaxis(array, 0, -1)  # channels first, as torch has them
    if array.ndim != 3 or array.shape[-1] not in _CHANNELS or not array.size or array.dtype.kind not in "biuf":  # noqa: PLR2004
        message = f"render() returned {described(rendered)}"
        raise NotShownError(message)
    stride = math.ceil(math.sqrt(array.shape[0] * array.shape[1] / _MOST_POINTS))
    array = _as_bytes(array[::stride, ::stride])
    if array.shape[-1] == 4:  # noqa: PLR2004  with transparency, on white
        return _of_image(Image.fromarray(array))
    return np.repeat(array, 3, axis=-1) if array.shape[-1] == 1 else np.array(array)


def _as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Brightness as 0 to 255, whatever it was measured in: floats up to 1 and booleans go from 0 to 1."""
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    numbers = np.nan_to_num(array.astype(np.float64), posinf=255.0, neginf=0.0)
    is_share = array.dtype.kind == "b" or (array.dtype.kind == "f" and numbers.max() <= 1.0)
    return np.clip(np.rint(numbers * 255.0 if is_share else numbers), 0, 255).astype(np.uint8)


def _text_picture(text: str) -> Picture:
    """A text in letters of one width, as a terminal shows it."""
    most_lines, longest = _MOST_TEXT
    lines = [line[:longest] for line in _ESCAPES.sub("", text).expandtabs(4).splitlines()[:most_lines]]
    font = ImageFont.load_default_imagefont()
    printable = [line.encode("latin-1", "replace").decode("latin-1") for line in lines]
    width, height = 8 + 6 * max(20, *map(len, printable)), 8 + 12 * max(6, len(printable))
    image = Image.new("RGB", (width, height), _BACK)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(printable):
        draw.text((4, 4 + 12 * number), line, _TEXT, font)
    return np.array(image.resize((2 * width, 2 * height), Image.Resampling.NEAREST))


def fitted(picture: Picture, size: tuple[int, int]) -> Picture:
    """``picture`` within ``size`` (height, width), as large as it goes and in the middle."""
    height, width = size
    if picture.shape[:2] == size:
        return picture
    scale = min(height / picture.shape[0], width / picture.shape[1])
    inner = max(1, round(scale * picture.shape[1])), max(1, round(scale * picture.shape[0]))
    image = Image.new("RGB", (width, height), _BACK)
    image.paste(Image.fromarray(picture).resize(inner), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return np.array(image)


# ------------------------------------------------------------------------------------------------------ placeholder

_BACK, _TEXT, _MUTED = (16, 24, 28), (235, 240, 242), (150, 164, 170)
_SIZE = (400, 600)
"""Height and width of a placeholder."""
_LINE, _SMALL_LINE, _LETTERS, _MARGIN = 21, 17, 15, 18
_MOST_LINES = 3
_COLUMNS = 2


def placeholder(title: str, numbers: Sequence[tuple[str, float]], reason: str) -> Picture:
    """A picture of a state that cannot be drawn: its ``numbers`` with their names, as many as fit, and the reason."""
    height, width = _SIZE
    image = Image.new("RGB", (width, height), _BACK)
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(_LETTERS), ImageFont.load_default(_LETTERS - 3)
    draw.text((_MARGIN, _MARGIN - 6), _fitting(title, font, width - 2 * _MARGIN), _TEXT, font)
    why = _lines(f"No picture: {reason}", small, width - 2 * _MARGIN)
    top, bottom = _MARGIN + _LINE + 4, height - _SMALL_LINE * len(why) - _LINE - 4
    rows = (bottom - top) // _LINE
    columns, shown = (1 if len(numbers) <= rows else _COLUMNS), numbers
    if len(numbers) > rows * columns:  # what is 0 says little: of a Discrete observation, all numbers but one are
        shown = [each for each in numbers if each[1]][: rows * columns - 1]
    column = (width - 2 * _MARGIN) // columns
    for place, (name, value) in enumerate(shown):
        left, line = _MARGIN + column * (place // rows), top + _LINE * (place % rows)
        draw.text((left, line), _fitting(name, font, column - 110), _MUTED, font)
        draw.text((left + column - 16, line), f"{value:.5g}", _TEXT, font, anchor="ra")
    if len(shown) < len(numbers):
        left, line = _MARGIN + column * (len(shown) // rows), top + _LINE * (len(shown) % rows)
        draw.text((left, line), f"... {len(numbers) - len(shown):,} more", _MUTED, font)
    draw.line((_MARGIN, bottom + 6, width - _MARGIN, bottom + 6), _MUTED)
    for number, text in enumerate(why):
        draw.text((_MARGIN, bottom + 14 + _SMALL_LINE * number), text, _MUTED, small)
    return np.array(image)


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """``text`` in a few lines, broken between its words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(lines) < _MOST_LINES and lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_fitting(line, font, width) for line in lines]


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."
