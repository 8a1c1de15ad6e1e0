"""A plotly figure as a card: heading, CSV and PNG to download, and a player where it has frames.

Streamlit's own chart is made anew at each change, which loses zoom and flashes; this one is redrawn in place, plays its
frames in the browser without a script run, and saves what it shows as a table and as a picture.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pages.shared.browser.component import Component
from pages.shared.browser.plot_theme import PALETTE, SCALES, SERIES
from pages.shared.texts.i18n import _, current_language

__all__ = ["COMPONENT_NAME", "frame_names", "show_figure"]

COMPONENT_NAME = "dqn_lab_figure"
_STYLES = ("shared/browser/base.css", "shared/figure/figure.css")


_draw = Component(COMPONENT_NAME, "shared/figure/figure.js", _STYLES)


def show_figure(  # noqa: PLR0913  each is one plain fact about the figure
    figure: Any,
    name: str,
    *,
    title: str,
    file_stem: str,
    hint: str = "",
    summary: str = "",
    height: int = 300,
    group: str = "",
    key: str | None = None,
) -> None:
    """Draw ``figure``; a rerun with the same ``key`` keeps its zoom and its frame.

    Parameters
    ----------
    figure
        A plotly figure, one of :mod:`pages.charts`. Its traces name their colours' roles in ``meta`` (``color``,
        ``colors``, ``scale``) and, in ``meta["columns"]``, the columns of their table: ``{"x": "env_step"}``. Its
        frames, if any, are played; each has a name and what differs in the traces. Where its card is narrower than the
        pixels of its layout's ``meta["least_width"]``, it is scrolled sideways.
    name
        Of the figure on its page, in test ids and in files.
    file_stem
        What the names of files begin with.
    hint
        One sentence under the heading: how to read it.
    summary
        The same for somebody who does not see it: what it shows.
    group
        Figures of one group show the same frame: the player of each moves all of them.
    """
    values = json.loads(figure.to_json())
    data = {
        "id": name,
        "title": title,
        "hint": hint,
        "summary": summary,
        "figure": {"data": values["data"], "layout": values["layout"]},
        "frames": [{"name": each["name"], "data": each["data"]} for each in values.get("frames", ())],
        "height": height,
        "group": group,
        "file_name": f"{file_stem}-{name}",
        "locale": current_language(),
    }
    constants = {"labels": _labels(), "palette": PALETTE, "series": SERIES, "scales": SCALES}
    _draw(key=key or f"figure-{name}", data=data, constants=constants)


def frame_names(names: Sequence[str]) -> list[str]:
    """``names``, each different: a figure's frames are told apart by them."""
    return [name if names.count(name) == 1 else f"{name} ({names[:i].count(name) + 1})" for i, name in enumerate(names)]


def _labels() -> dict[str, Any]:
    return {
        "csv": "CSV",
        "csv_help": _("Save the data of this figure as a table"),
        "png": "PNG",
        "png_help": _("Save this figure as a picture"),
        "play": _("Play"),
        "pause": _("Pause"),
        "snapshot": _("Snapshot"),
        "series": "series",
        "zoom": _("Zoom: drag over a part of the chart"),
        "pan": _("Move the chart"),
        "zoom_in": _("Zoom in"),
        "zoom_out": _("Zoom out"),
        "reset_axes": _("Show everything"),
        "zoom_out_hint": _("Double-click to zoom out"),
    }
