"""The replay memory: what it holds, how old that is, and what another size would keep."""

from __future__ import annotations

import copy

import numpy as np
import streamlit as st

from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.errors import mark_plural
from dqn_core.inside.distributions import histogram, shares_of
from dqn_core.inside.library import evenly
from pages.inside import charts
from pages.inside.axes import axes_choice, first_axes
from pages.inside.study import Study
from pages.shared.figure.figure import show_figure
from pages.shared.texts.fields import FIELDS
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["memory"]

_BINS = 40
_POINTS = 1_500
_EPISODES = 1_500


def memory(study: Study) -> None:
    """Draw the part."""
    st.caption(
        _(
            "Every step is stored, and each update learns from a random sample: neighbouring steps, which are much "
            "alike, are mixed with older ones. When the memory is full, the oldest go first."
        )
    )
    own = study.checkpoint.replay
    size = _size(study, own)
    replay = own if size == own.capacity else _resized(own, size)
    _numbers(study, replay)
    if len(replay) == 0:
        st.info(_("The replay memory is still empty."), icon=":material/hourglass:")
        return
    x, y = axes_choice(study, "coverage", first_axes(study, (0, study.report.observation_size // 2)))
    left, right = st.columns(2, gap="medium")
    with left:
        _coverage(study, replay, x, y)
    with right:
        _ages(study, replay)
    left, right = st.columns(2, gap="medium")
    with left:
        _actions(study, replay)
    with right:
        _rewards(study, replay)
    if study.config.prioritized_replay:
        _sampling_probabilities(study)
    _fill(study)


def _size(study: Study, replay: ReplayBuffer) -> int:
    """The memory's own size, or another to try."""
    stops = sorted({*(int(stop) for stop in FIELDS["buffer_size"].stops), replay.capacity})
    key = f"{study.run_id}:memory-size-{replay.capacity}"
    st.session_state.setdefault(key, replay.capacity)
    size = int(
        st.select_slider(
            _("What if the memory were resized now?"),
            stops,
            format_func=number_text,
            key=key,
            persist_state="page",
            width=460,
            help=_("The newest transitions are kept, as in a live change of the size. The run is not changed."),
        )
    )
    if size != replay.capacity:
        st.caption(
            _("A copy of the memory with room for {size} instead of {own}; the run is not changed.").format(
                size=number_text(size), own=number_text(replay.capacity)
            )
        )
    return size


def _resized(replay: ReplayBuffer, size: int) -> ReplayBuffer:
    """A copy, resized as a live change does it."""
    resized = copy.copy(replay)  # resize makes rows of its own
    resized.resize(size)
    return resized


def _numbers(study: Study, replay: ReplayBuffer) -> None:
    count = len(replay)
    ends = int(replay.terminated.sum())
    oldest = int(replay.ages.max()) if count else 0
    values = {
        _("Transitions"): f"{count:,}",
        _("Capacity"): f"{replay.capacity:,}",
        _("Full"): f"{count / replay.capacity:.0%}",
        _("Oldest"): _(mark_plural("{count} step ago", "{count} steps ago", oldest)).format(count=f"{oldest:,}"),
        _("Terminal rows"): f"{ends:,} ({ends / max(1, count):.1%})",
        _("Draws per update"): f"{study.config.batch_size / max(1, count):.2g}",
    }
    helps = {
        _("Terminal rows"): _("Rows whose step ended the task: their target is the reward alone, which anchors Q."),
        _("Draws per update"): _("How often a transition is drawn in one update, on average."),
    }
    with st.container(horizontal=True, gap="large", key="memory-numbers"):
        for label, value in values.items():
            st.metric(label, value, help=helps.get(label), width="content")


def _coverage(study: Study, replay: ReplayBuffer, x: int, y: int) -> None:
    names = study.observation_names
    rows = np.array(evenly(range(len(replay)), _POINTS), np.int64)
    states = replay.observations[rows]
    labels = {
        "x": names[x],
        "y": names[y],
        "x_column": f"s{x}",
        "y_column": f"s{y}",
        "age": _("steps ago"),
        "states": _("stored states"),
        "last": _("last of an episode"),
    }
    drawn = charts.coverage_figure(states[:, x], states[:, y], replay.ages[rows], replay.terminated[rows] > 0, labels)
    show_figure(
        drawn,
        "coverage",
        title=_("Visited states"),
        hint=_("An agent that does well visits few states, and forgets what failing looks like."),
        file_stem=study.run_id,
        height=330,
    )


def _ages(study: Study, replay: ReplayBuffer) -> None:
    labels = {"value": _("steps ago"), "share": _("share")}
    drawn = charts.bars_figure(
        histogram(replay.ages.astype(np.float32), _BINS), labels, value_column="age", role="length"
    )
    show_figure(
        drawn,
        "ages",
        title=_("Age of the transitions"),
        hint=_("Flat: a ring buffer holds one transition of each age, and each is equally likely to be drawn."),
        file_stem=study.run_id,
        height=330,
    )


def _actions(study: Study, replay: ReplayBuffer) -> None:
    counts = np.arange(study.report.n_actions)
    labels = {"value": _("action"), "share": _("share")}
    drawn = charts.bars_figure(
        shares_of(replay.actions, study.report.n_actions),
        labels,
        value_column="action",
        role="evaluation",
        ticks=(counts.tolist(), study.action_names),
    )
    show_figure(
        drawn,
        "actions",
        title=_("Stored actions"),
        hint=_("Q of an action that is rarely stored is rarely corrected."),
        file_stem=study.run_id,
        height=260,
    )


def _rewards(study: Study, replay: ReplayBuffer) -> None:
    labels = {"value": _("reward"), "share": _("share")}
    drawn = charts.bars_figure(histogram(replay.rewards, _BINS), labels, value_column="reward", role="goal")
    show_figure(
        drawn,
        "rewards",
        title=_("Stored rewards"),
        hint=_("When the reward is nearly always the same, only the ends of episodes tell good from bad."),
        file_stem=study.run_id,
        height=260,
    )


def _sampling_probabilities(study: Study) -> None:
    probabilities = study.checkpoint.sampling_probabilities
    labels = {"value": _("sampling probability relative to uniform"), "share": _("share")}
    drawn = charts.bars_figure(
        histogram((probabilities * len(probabilities)).astype(np.float32), _BINS),
        labels,
        value_column="relative_probability",
        role="loss",
    )
    show_figure(
        drawn,
        "probabilities",
        title=_("Sampling probability"),
        hint=_("1 is uniform sampling. Rows that had a large TD error when last sampled lie to the right."),
        file_stem=study.run_id,
        height=260,
    )


def _fill(study: Study) -> None:
    env_steps, fill, capacity = study.episode_columns("env_step", "buffer_fill", "buffer_size", most=_EPISODES)
    if len(env_steps) == 0:
        return
    labels = {"x": _("env steps"), "y": _("transitions"), "fill": _("stored"), "capacity": _("capacity")}
    drawn = charts.fill_figure(env_steps, fill, capacity, labels)
    show_figure(
        drawn,
        "fill",
        title=_("Fill level over time"),
        hint=_("Change the memory size on the Train page while the agent learns: the line has a step there."),
        file_stem=study.run_id,
        height=240,
    )
