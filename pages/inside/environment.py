"""The environment: what is observed, what can be done, what it pays; and a step of it by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from dqn_core.environments.planes import PictureLayout
from dqn_core.episodes.episode import LARGEST_SEED
from dqn_core.episodes.human import HandEpisode, play_by_hand
from pages.inside.states import observation_table, value_text
from pages.inside.study import Study
from pages.shared.episode.jpeg import jpeg_address
from pages.shared.episode.seen import observation_size_text, picture_text, show_seen
from pages.shared.headings import heading
from pages.shared.long_lists import MOST_ROWS, say_what_is_left_out
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["environment"]

_HISTORY = 12
"""Newest steps listed."""


def environment(study: Study) -> None:
    """Draw the part."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        _observations(study)
    with right:
        _actions_and_rewards(study)
    st.header(_("Take one step yourself"), anchor=False)
    st.caption(_("Choose an action and see how the environment responds. The agent learns nothing from it."))
    _by_hand(study)


def _observations(study: Study) -> None:
    report, seen = study.report, study.seen
    heading(_("State s: what the agent observes"), observation_size_text(report.observation_size))
    if report.layout is not None:
        _picture_observed(study, report.layout)
        return
    shown = slice(MOST_ROWS)
    table = {
        _("Number"): [f"s[{i}]" for i in range(report.observation_size)[shown]],
        _("Meaning and unit"): study.observation_names[shown],
        _("From"): [value_text(value) for value in report.low[shown]],
        _("To"): [value_text(value) for value in report.high[shown]],
    }
    if len(seen):
        ends = zip(seen[:, shown].min(axis=0), seen[:, shown].max(axis=0), strict=True)
        table[_("Range in memory")] = [f"{value_text(float(low))} … {value_text(float(high))}" for low, high in ends]
    st.table(table, border="horizontal", alt=_("State s: what the agent observes"))
    say_what_is_left_out(report.observation_size)


def _picture_observed(study: Study, layout: PictureLayout) -> None:
    st.markdown(picture_text(layout))
    if len(study.seen):
        show_seen(layout, study.seen[len(study.seen) // 2], None)
        st.caption(_("A state from the replay memory."))


def _actions_and_rewards(study: Study) -> None:
    report = study.report
    heading(_("Action a: what it can do"))
    st.markdown("\n".join(f"- `{i}` {name}" for i, name in enumerate(study.action_names[:MOST_ROWS])))
    say_what_is_left_out(report.n_actions)
    heading(_("Reward r: what is rewarded"))
    st.markdown(_(report.reward_rule) if report.reward_rule else _("Only the environment knows: try it out below."))
    heading(_("End of an episode"))
    st.markdown(
        _(
            "*Terminated*: the task itself is over, and no more reward follows. *Truncated*: cut off at "
            "step {steps}; more reward would follow, but nobody watches it."
        ).format(steps=number_text(report.max_episode_steps))
    )


def _by_hand(study: Study) -> None:
    key = f"{study.run_id}:by-hand"
    actions: list[int] = st.session_state.setdefault(key, [])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="by-hand"):
        seed = st.number_input(
            _("Episode seed"), 0, LARGEST_SEED, key=f"{key}-seed", width=130, on_change=actions.clear
        )
        episode = play_by_hand(study.config, int(seed), tuple(actions))
        now = episode.observations[-1]
        for action, name in enumerate(study.action_names[:MOST_ROWS]):
            st.button(
                f"{action} · {name}",
                key=f"{key}-{action}",
                disabled=episode.is_over,
                on_click=actions.append,
                args=(action,),
            )
        greedy = int(np.argmax(study.learner.q_values(now[None])[0]))
        st.button(
            _("Let the agent choose"),
            icon=":material/smart_toy:",
            key=f"{key}-agent",
            disabled=episode.is_over,
            on_click=actions.append,
            args=(greedy,),
            help=_("Takes the action with the highest Q-value."),
        )
        st.button(
            _("Start over"),
            icon=":material/restart_alt:",
            key=f"{key}-reset",
            disabled=not actions,
            on_click=actions.clear,
        )
    _answer(study, episode)


def _answer(study: Study, episode: HandEpisode) -> None:
    steps = len(episode.actions)
    left, middle, right = st.columns([1, 1, 1.3], gap="medium")
    with left:
        _picture(episode.picture_before, _("Before: s"), study)
    with middle:
        _picture(episode.picture, _("After: s'") if steps else _("The start: s"), study)
    with right:
        if not steps:
            observation_table(study, {"s": episode.observations[0]})
            return
        _outcome(study, episode)
        observation_table(study, {"s": episode.observations[-2], "s'": episode.observations[-1]})
    _history(study, episode)


def _picture(jpeg: bytes | None, caption: str, study: Study) -> None:
    st.markdown(f"**{caption}**")
    if jpeg is not None:
        st.image(jpeg_address(jpeg), alt=f"{study.config.env_id}: {caption}", width="stretch")
    else:
        st.caption(_("Choose an action first."))


def _outcome(study: Study, episode: HandEpisode) -> None:
    values = (
        (_("Action a"), f"{episode.actions[-1]} · {study.action_names[episode.actions[-1]]}"),
        (_("Reward r"), number_text(float(f"{episode.rewards[-1]:.4g}"))),
        (_("Terminated"), _yes_or_no(episode.terminated)),
        (_("Truncated"), _yes_or_no(episode.truncated)),
        (_("Return so far"), number_text(float(f"{sum(episode.rewards):.6g}"))),
    )
    st.table(dict(values), border="horizontal", alt=_("What the step led to"))
    if episode.is_over:
        reason = _("The task is over.") if episode.terminated else _("The episode was cut off at its step limit.")
        st.info(reason + " " + _("Start over to play another."), icon=":material/flag:")


def _yes_or_no(is_so: bool) -> str:
    return _("yes (1)") if is_so else _("no (0)")


def _history(study: Study, episode: HandEpisode) -> None:
    with st.expander(_("Steps so far ({count})").format(count=len(episode.actions))):
        first = max(0, len(episode.actions) - _HISTORY)
        steps = range(len(episode.actions) - 1, first - 1, -1)
        q_values = study.learner.q_values(episode.observations[first:-1])
        columns: dict[str, Callable[[int], str]] = {
            _("Step"): lambda step: str(step + 1),
            "a": lambda step: study.action_names[episode.actions[step]],
            "r": lambda step: f"{episode.rewards[step]:.4g}",
            "Q(s, ·)": lambda step: "  ".join(f"{value:.3f}" for value in q_values[step - first]),
        }
        st.table({title: [text(step) for step in steps] for title, text in columns.items()}, border="horizontal")
