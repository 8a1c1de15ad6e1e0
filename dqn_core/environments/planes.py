"""Observations that are pictures, channel by channel: how they are laid out, and drawn as the network gets them.

A picture is a Box of three axes whose points are bytes, booleans, or shares from 0 to 1. What its channels are, follows
from their names where an environment has such, else from the space:

    H x W x 3            a picture in colour: one tile
    H x W x C            a plane for each kind of thing, as MinAtar has them: C tiles, each in a colour of its own
    C x H x W            the last C frames, as Atari has them: C grey tiles, the newest last
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray
from PIL import Image

from dqn_core.environments.pictures import as_jpeg
from dqn_core.errors import mark

__all__ = [
    "BITS",
    "FRAME_NAMES",
    "PLANE_COLORS",
    "RED",
    "PictureLayout",
    "as_png",
    "coloured",
    "frame_names",
    "picture_layout",
]

PLANE_COLORS = (
    "#4fb3ff",
    "#ffd24a",
    "#9aa7ad",
    "#e88b3c",
    "#59d18c",
    "#c58cff",
    "#ff9ecb",
    "#7fe0e0",
    "#e0b080",
    "#f2f5f6",
)
"""Of planes, in their order; of more, they begin again. None is red, which is what matters to the network."""
BACK = (0, 0, 0)
"""Behind what planes show."""
RED = (255, 40, 60)
"""Of what matters to the network."""
FRAME_NAMES = (
    mark("newest frame"),
    mark("1 frame earlier"),
    mark("2 frames earlier"),
    mark("3 frames earlier"),
    mark("4 frames earlier"),
    mark("5 frames earlier"),
    mark("6 frames earlier"),
    mark("7 frames earlier"),
)
BITS: Any = np.bool_
"""Dtype of planes that hold only 0 and 1."""
_COLOUR = mark("picture in colour")
_GREY = mark("picture in grey")
_AXES, _RGB = 3, 3
_MOST_CHANNELS = 64
_WHOLE = (np.dtype(np.uint8), np.dtype(np.bool_))
_MOST_BYTE = 255.0
_FEW_POINTS = 1_024
_JPEG_QUALITY = 85


@dataclass(frozen=True, kw_only=True)
class PictureLayout:
    """How an observation is a picture of H rows, W columns and C channels."""

    height: int
    width: int
    channels: int
    channels_first: bool
    names: tuple[str, ...]
    """What each tile shows, as messages: one for each channel, a single one for a picture in colour."""
    kind: str
    """"colour", "frames" or "planes"."""
    most: float
    """Of a point: 255 for bytes, else 1."""
    is_whole: bool
    """Whether every point is a whole number, so that a byte holds it."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the environment's own array."""
        size = (self.height, self.width)
        return (self.channels, *size) if self.channels_first else (*size, self.channels)

    @property
    def is_small(self) -> bool:
        """Whether its points are few, each to be seen sharply."""
        return self.height * self.width <= _FEW_POINTS

    @property
    def colors(self) -> tuple[str, ...]:
        """Of each tile; empty where it is drawn as it is."""
        if self.kind != "planes":
            return ()
        return tuple(PLANE_COLORS[i % len(PLANE_COLORS)] for i in range(self.channels))

    def kept(self, observation: NDArray[np.float32]) -> NDArray[Any]:
        """An observation [D] as it is kept: in bytes where they hold it."""
        return observation.astype(np.uint8) if self.is_whole else observation

    def planes(self, observations: NDArray[Any]) -> NDArray[Any]:
        """``observations`` [N, ...], flat or in their own shape, as [N, C, H, W]; the numbers stay as they are."""
        shaped = observations.reshape(len(observations), *self.shape)
        return shaped if self.channels_first else np.moveaxis(shaped, -1, 1)

    def tiles(self, observation: NDArray[Any]) -> NDArray[np.uint8]:
        """One observation as tiles side by side [H, W * tiles, 3]."""
        planes = self.planes(np.asarray(observation, np.float32)[None])[0] * np.float32(_MOST_BYTE / self.most)
        shares = np.clip(planes, 0.0, _MOST_BYTE)
        if self.kind == "colour":
            return np.ascontiguousarray(np.moveaxis(shares, 0, -1).astype(np.uint8))
        if self.kind == "frames":
            row = np.concatenate(shares.astype(np.uint8), axis=1)
            return np.repeat(row[..., None], 3, axis=-1)
        largest = max(float(shares.max()), 1.0)
        shares = shares / largest if largest < _MOST_BYTE else shares / _MOST_BYTE  # codes are far below 255
        back, front = np.array(BACK, np.float32), np.array([_rgb(each) for each in self.colors], np.float32)
        mixed = back + shares[..., None] * (front[:, None, None] - back)
        return np.concatenate(np.rint(mixed).astype(np.uint8), axis=1)

    def drawn(self, tiles: NDArray[np.uint8]) -> bytes:
        """Tiles [H, W * tiles, 3] as a file: PNG where each point is to be seen, else JPEG."""
        return as_png(tiles) if self.is_small else as_jpeg(tiles, _JPEG_QUALITY)

    def drawn_importance(self, gradients: NDArray[np.float32]) -> list[bytes]:
        """Files of ``gradients`` [N, ...] in the places of the tiles: the redder a point, the larger they are."""
        red = (self.importance(gradients)[..., None] * (np.array(RED) / _MOST_BYTE)).astype(np.uint8)
        return [self.drawn(each) for each in red]

    def importance(self, gradients: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Sizes of ``gradients`` [N, ...] tile by tile, side by side: [N, H, W * tiles], 255 for the largest of each.

        Of a picture in colour, a point's three numbers are taken together.
        """
        sizes = np.abs(self.planes(gradients))
        if self.kind == "colour":
            sizes = sizes.sum(axis=1, keepdims=True)
        largest = sizes.max(axis=(1, 2, 3), keepdims=True)
        shares = np.divide(sizes, largest, out=np.zeros_like(sizes), where=largest > 0.0)
        return np.concatenate(np.moveaxis(np.rint(shares * _MOST_BYTE).astype(np.uint8), 1, 0), axis=2)


def picture_layout(space: Space[Any], names: Sequence[str] = ()) -> PictureLayout | None:
    """How observations of ``space`` are pictures; None where they are none.

    ``names`` are those of its channels; where there are not as many, or none, the space says what they are.
    """
    if not isinstance(space, Box) or len(space.shape) != _AXES or not _is_brightness(space):
        return None
    is_first = space.shape[0] < min(space.shape[1:])
    channels, height, width = space.shape if is_first else (space.shape[2], *space.shape[:2])
    if channels > _MOST_CHANNELS:
        return None
    most = _MOST_BYTE if float(space.high.max()) > 1.0 else 1.0
    if len(names) == channels:
        kind, own = ("frames" if is_first else "planes"), tuple(names)
    elif channels == _RGB:
        kind, own = "colour", (_COLOUR,)
    elif channels == 1:
        kind, own = "frames", (_GREY,)
    elif is_first and channels <= len(FRAME_NAMES):
        kind, own = "frames", frame_names(channels)
    else:
        kind, own = "planes", tuple(str(i) for i in range(channels))
    return PictureLayout(
        height=height,
        width=width,
        channels=channels,
        channels_first=is_first,
        names=own,
        kind=kind,
        most=most,
        is_whole=space.dtype in _WHOLE,
    )


def frame_names(count: int) -> tuple[str, ...]:
    """Of a stack of frames, the newest last; of more than have names, none."""
    return tuple(reversed(FRAME_NAMES[:count])) if count <= len(FRAME_NAMES) else ()


def _is_brightness(space: Box) -> bool:
    return space.dtype in _WHOLE or bool((space.low >= 0.0).all() and (space.high <= 1.0).all())


def coloured(state: NDArray[np.bool_], cell: int) -> NDArray[np.uint8]:
    """Planes [H, W, C] in one picture, the first on top, ``cell`` points a side of each cell: for people."""
    picture = np.empty((*state.shape[:2], 3), np.uint8)
    picture[:] = BACK
    for channel in reversed(range(state.shape[2])):
        picture[state[..., channel]] = _rgb(PLANE_COLORS[channel % len(PLANE_COLORS)])
    return picture.repeat(cell, axis=0).repeat(cell, axis=1)


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels [H, W] or [H, W, 3 or 4] as PNG: every point as it is."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
