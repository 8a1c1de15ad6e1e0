"""What the agent sees, does and is paid for, and the network and device that learn it."""

from __future__ import annotations

import streamlit as st

from dqn_core.algorithm.devices import cuda_device_name, is_torch_loaded
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import EnvironmentReport
from dqn_core.errors import ConfigError, mark_plural
from dqn_core.training.budget import replay_memory
from dqn_core.training.report import layer_reports
from pages.shared.episode.seen import observation_size_text, picture_text
from pages.shared.headings import heading
from pages.shared.long_lists import MOST_ROWS, say_what_is_left_out
from pages.shared.texts.i18n import _, name_text, problem_text
from pages.shared.texts.layers import layer_names
from pages.shared.texts.numbers import number_text, size_text
from pages.shared.texts.words import CHOICE_LABELS

__all__ = ["about"]

_WITHOUT_BOUND = 1e30
"""Gymnasium says "no bound" as infinity or as the largest float32."""


def about(
    report: EnvironmentReport, config: TrainingConfig | None, compute: tuple[str, str] | None, *, is_open: bool
) -> None:
    """Draw the description; ``compute`` is what a run's updates use and why, None before it is known."""
    with st.expander(_("About this environment and network"), icon=":material/info:", expanded=is_open):
        left, right = st.columns(2, gap="large")
        with left:
            _observations(report)
            _actions(report)
        with right:
            _rewards(report)
            if config is not None:
                _network(report, config)
            _compute(compute)


def _observations(report: EnvironmentReport) -> None:
    heading(_("What the agent observes"), observation_size_text(report.observation_size))
    if report.layout is not None:
        st.markdown(picture_text(report.layout))
        if report.layout.kind == "planes":
            st.markdown("\n".join(f"- {_(name)}" for name in report.layout.names))
        return
    shown = slice(MOST_ROWS)
    st.table(
        {
            _("Number"): [str(i) for i in range(report.observation_size)[shown]],
            _("Meaning"): [name_text(name) for name in report.observation_names[shown]],
            _("From"): [_bound(value) for value in report.low[shown]],
            _("To"): [_bound(value) for value in report.high[shown]],
        },
        border="horizontal",
        alt=_("What the agent observes"),
    )
    say_what_is_left_out(report.observation_size)


def _actions(report: EnvironmentReport) -> None:
    heading(
        _("What it can do"),
        _(mark_plural("{count} action", "{count} actions", report.n_actions)).format(count=report.n_actions),
    )
    st.markdown("\n".join(f"- `{i}` {_(name)}" for i, name in enumerate(report.action_names[:MOST_ROWS])))
    say_what_is_left_out(report.n_actions)


def _rewards(report: EnvironmentReport) -> None:
    if report.reward_rule:
        heading(_("What it is rewarded for"))
        st.markdown(_(report.reward_rule))
    st.caption(
        _("An episode is cut off at step {steps}; real time is {rate} steps/s.").format(
            steps=number_text(report.max_episode_steps), rate=number_text(report.frames_per_s)
        )
    )


def _network(report: EnvironmentReport, config: TrainingConfig) -> None:
    try:
        layers = layer_reports(config, report.observation_size, report.n_actions, report.picture)
    except ConfigError as error:
        heading(_("Q-network"))
        st.caption(" ".join(problem_text(each) for each in error.problems))
        return
    total = sum(layer.parameters for layer in layers)
    heading(_("Q-network"), _("{count} parameters").format(count=f"{total:,}"))
    st.table(
        {
            _("Layer"): layer_names(len(layers), sum(layer.kernel > 0 for layer in layers)),
            _("Shape"): [layer.shape for layer in layers],
            _("Parameters"): [f"{layer.parameters:,}" for layer in layers],
        },
        border="horizontal",
        alt=_("Q-network"),
    )
    st.caption(
        _(
            mark_plural(
                "Replay memory: {count} transition, {size}.",
                "Replay memory: {count} transitions, {size}.",
                config.buffer_size,
            )
        ).format(count=f"{config.buffer_size:,}", size=size_text(replay_memory(config)))
    )


def _compute(compute: tuple[str, str] | None) -> None:
    heading(_("Device"))
    found = _found_device()
    if compute is None:
        st.markdown(f"{found} " + _("The fastest compute is picked when a run starts, and named here."))
        return
    if found:
        st.markdown(found)
    name, reason = compute
    st.markdown(_(CHOICE_LABELS[name]) if name in CHOICE_LABELS else name)
    st.caption(reason)


def _found_device() -> str:
    """Which device there is; empty before torch is loaded, for which no page waits."""
    if not is_torch_loaded():
        return ""
    device = cuda_device_name()
    return _("CUDA device found: {name}.").format(name=device) if device else _("No CUDA device found: the CPU trains.")


def _bound(value: float) -> str:
    if abs(value) >= _WITHOUT_BOUND:
        return "∞" if value > 0 else "-∞"
    return number_text(round(value, 3))
