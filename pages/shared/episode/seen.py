"""An observation that is a picture, tile by tile, as the network sees it: each with the name of its channel."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dqn_core.environments.planes import RED, PictureLayout, as_png
from dqn_core.errors import mark_plural
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["layout_data", "observation_size_text", "picture_text", "show_seen", "show_tiles"]

_DIMMED = 0.6
"""What is seen, below what matters."""


def layout_data(layout: PictureLayout | None) -> dict[str, Any] | None:
    """What ``seen_tiles.js`` has to know of it, in the reader's language."""
    if layout is None:
        return None
    colors = layout.colors or ("",) * len(layout.names)
    tiles = [{"name": _(name), "color": color} for name, color in zip(layout.names, colors, strict=True)]
    return {"height": layout.height, "width": layout.width, "tiles": tiles, "is_small": layout.is_small}


def observation_size_text(size: int) -> str:
    """Of how many numbers an observation consists."""
    return _(mark_plural("{count} number", "{count} numbers", size)).format(count=size)


def picture_text(layout: PictureLayout) -> str:
    """What kind of picture is observed, in two sentences."""
    texts = {
        "colour": _("A picture in colour of {width} x {height} pixels."),
        "frames": _(
            mark_plural(
                "The last frame in grey, {width} x {height} pixels.",
                "The last {channels} frames in grey, {width} x {height} pixels each: a channel for each.",
                layout.channels,
            )
        ),
        "planes": _(
            mark_plural(
                "A picture of {width} x {height} pixels in one channel.",
                "A picture of {width} x {height} pixels in {channels} channels, one for each kind of thing.",
                layout.channels,
            )
        ),
    }
    kind = texts[layout.kind].format(width=layout.width, height=layout.height, channels=layout.channels)
    return f"{kind} " + _("Each pixel is a number from 0 to {most}.").format(most=number_text(layout.most))


def show_seen(layout: PictureLayout, observation: NDArray[np.float32], important: NDArray[np.float32] | None) -> None:
    """Show ``observation`` [D]; with gradients ``important`` [D], the redder a point, the larger they are."""
    pixels = layout.tiles(observation)
    if important is not None:
        shares = layout.importance(important[None])[0, ..., None] / 255.0
        pixels = np.clip(_DIMMED * pixels + shares * np.array(RED), 0.0, 255.0).astype(np.uint8)
    tiles = np.split(pixels, len(layout.names), axis=1)
    show_tiles(tiles, [_(name) for name in layout.names], layout.colors, is_small=layout.is_small)


def show_tiles(
    tiles: list[NDArray[np.uint8]], names: list[str], colors: tuple[str, ...] = (), *, is_small: bool
) -> None:
    """Show pictures [H, W] or [H, W, 3] side by side, each above its name, which its color stands beside."""
    parts = []
    for i, (tile, name) in enumerate(zip(tiles, names, strict=True)):
        address = f"data:image/png;base64,{base64.b64encode(as_png(tile)).decode()}"
        chip = f'<span style="background: {colors[i]}"></span>' if colors else ""
        parts.append(
            f'<figure><img src="{address}" alt="{escape(name)}"><figcaption>{chip}{escape(name)}</figcaption></figure>'
        )
    st.html(f'<div class="seen-tiles" data-small="{str(is_small).lower()}">{"".join(parts)}</div>')
