"""Which two numbers of the observation make the plane of a figure."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.inside.study import Study
from pages.shared.texts.i18n import _

__all__ = ["axes_choice", "first_axes"]

_WIDTH = 250


def first_axes(study: Study, usual: tuple[int, int]) -> tuple[int, int]:
    """The axes to begin with: ``usual``; of a picture, whose corners hardly change, the two pixels that vary most."""
    if study.report.layout is None:
        return usual
    x, y = np.argsort(-study.seen.var(axis=0), kind="stable")[:2]
    return int(x), int(y)


def axes_choice(study: Study, figure: str, first: tuple[int, int]) -> tuple[int, int]:
    """Two selectboxes, ``first`` their first choice; one number is never both sides of the plane of ``figure``."""
    names = study.observation_names
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        x, y = (
            st.selectbox(
                label,
                range(len(names)),
                index=start,
                format_func=lambda i: f"s[{i}] {names[i]}",
                key=f"{study.run_id}:{figure}-{axis}",
                width=_WIDTH,
            )
            for label, start, axis in ((_("Along x"), first[0], "x"), (_("Along y"), first[1], "y"))
        )
    if x == y and len(names) > 1:
        y = (x + 1) % len(names)
        st.caption(_("One number cannot vary along both axes: {name} is used for y.").format(name=names[y]))
    return x, y
