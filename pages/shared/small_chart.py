"""A chart that needs no script: a drawing with numbers and words around it in the page's own letters.

An image would have letters of its own, which grow and shrink with its width.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["small_chart_html"]


def small_chart_html(drawing: str, *, x: Sequence[str], y: Sequence[str], spoken: str, title: str = "") -> str:
    """The HTML of a chart, for ``st.html``.

    Parameters
    ----------
    drawing
        HTML that fills the place between the axes.
    x
        What stands below, from left to right.
    y
        What stands beside it, from top to bottom.
    spoken
        What it shows, for somebody who does not see it.
    title
        What is counted upwards; stands above.
    """
    head = f'<div class="small-chart-title">{escape(title)}</div>' if title else ""
    return (
        f'<div class="small-chart" role="img" aria-label="{escape(spoken)}">{head}'
        f'<div class="small-chart-y">{_spans(y)}</div><div class="small-chart-plot">{drawing}</div>'
        f'<div class="small-chart-x">{_spans(x)}</div></div>'
    )


def _spans(texts: Sequence[str]) -> str:
    return "".join(f"<span>{escape(text)}</span>" for text in texts)
