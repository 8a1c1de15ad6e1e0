"""The epsilon schedule drawn beside its sliders, with the one number to read from it in words."""

from __future__ import annotations

import base64
import functools

import streamlit as st

from dqn_core.algorithm.exploration import episode_exponential, linear_steps
from pages.shared.form_state import FormState
from pages.shared.small_chart import small_chart_html
from pages.shared.texts.i18n import _
from pages.train.epsilon_schedule import epsilon_schedule_svg, first_below

__all__ = ["epsilon_preview"]

_THRESHOLD = 0.1


def epsilon_preview(form: FormState) -> None:
    """Draw the schedule that the form's values describe."""
    values = form.values
    start, end = values["epsilon_start"], values["epsilon_end"]
    if values["epsilon_schedule"] == "linear_steps":
        decay_steps = values["epsilon_decay_steps"]
        last, unit = decay_steps + decay_steps // 4, _("env steps")
        from_there = _("Below {threshold} from env step {n} on.")
        epsilon = functools.partial(linear_steps, start=start, end=end, decay_steps=decay_steps)
    else:
        last, unit, rate = values["max_episodes"], _("episodes"), values["epsilon_decay_rate"]
        from_there = _("Below {threshold} from episode {n} on.")
        epsilon = functools.partial(episode_exponential, max_episodes=last, start=start, end=end, rate=rate)
    below = first_below(epsilon, _THRESHOLD, last)
    text = (
        _("Epsilon stays above {threshold} throughout.").format(threshold=_THRESHOLD)
        if below is None
        else from_there.format(threshold=_THRESHOLD, n=f"{below:,}")
    )
    svg = epsilon_schedule_svg(epsilon, last, ground=st.context.theme.type or "light")
    image = f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'
    chart = small_chart_html(
        image, x=("0", f"{last:,} {unit}"), y=("1", "ε", "0"), spoken=f"{_('Epsilon schedule')}. {text}"
    )
    with st.container(gap=None, key="epsilon-preview"):
        st.html(chart)
        st.caption(text)
