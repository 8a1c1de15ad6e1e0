"""The first page: a trained lander flies, and from there it goes to a run of one's own, a game or a lesson."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dqn_core.environments.make import comes_with_gymnasium
from dqn_core.errors import UnsupportedEnvironmentError
from dqn_core.lessons.catalog import LESSONS
from dqn_core.presets import find_preset
from dqn_core.runs.examples import EXAMPLES_OWNER
from dqn_core.runs.storage.records import RunRecord
from pages.server.process import get_manager
from pages.shared.browser.component import Component
from pages.shared.errors import show_errors
from pages.shared.links import (
    INSIDE_PAGE,
    LESSONS_PAGE,
    PLAY_PAGE,
    REPLAY_PAGE,
    START_PAGE,
    TRAIN_PAGE,
    new_run_query,
    page_query,
)
from pages.shared.page_header import page_header
from pages.shared.run_picker import run_facts, run_title
from pages.shared.texts.i18n import _, current_language
from pages.shared.texts.markdown import escape_markdown
from pages.shared.visitor.identity import visitor

_RUNS = 200
_OWN_SHOWN = 4
_FLIGHTS = json.loads(Path(__file__).with_name("flights.json").read_text("utf-8"))
_LANDER = "LunarLander-v3"

_draw_flight = Component("dqn_lab_flight", "start/flight.js", ("shared/browser/base.css", "start/flight.css"))


def start_page() -> None:
    """Draw the page; an address of a run, as earlier versions gave it, leads on to the run."""
    if st.query_params.get("run") is not None:
        st.switch_page(TRAIN_PAGE, query_params=st.query_params.to_dict())
    page_header(START_PAGE, _("Watch an agent learn"))
    records = get_manager().list_runs(_RUNS)
    examples = [each for each in records if each.owner == EXAMPLES_OWNER]
    mine = visitor().visitor_id
    own = [each for each in records if each.owner in ("", mine)][:_OWN_SHOWN]
    picture, words = st.columns([7, 5], gap="large", vertical_alignment="center")
    with picture:
        labels = {
            "description": _("A trained agent lands on the moon"),
            "play": _("Play the flight"),
            "pause": _("Pause the flight"),
        }
        constants = {"flights": _FLIGHTS, "labels": labels}
        _draw_flight(key="flight", data={"locale": current_language()}, constants=constants)
    with words, st.container(key="start-ways"):
        _ways(examples)
    if own:
        _runs(_("Your last runs"), own)
    if examples:
        _runs(_("Trained agents to explore"), examples)


def _ways(examples: Sequence[RunRecord]) -> None:
    st.markdown(
        _(
            "This lander learned by trial and error: it was told its score, never how to land. Train an agent of your "
            "own, watch it fail and then succeed, and change its settings while it learns."
        )
    )
    lander = next((each.run_id for each in examples if each.config.env_id == _LANDER), _LANDER)
    ways = (
        (TRAIN_PAGE, _("Train your own"), ":material/play_arrow:", new_run_query()),
        (PLAY_PAGE, _("Beat it"), ":material/sports_esports:", page_query(run=lander)),
        (LESSONS_PAGE, _("First lesson"), ":material/school:", page_query() | {"lesson": next(iter(LESSONS))}),
    )
    for page, label, icon, query in ways:
        st.page_link(page, label=label, icon=icon, query_params=query, width="stretch")


def _runs(title: str, records: Sequence[RunRecord]) -> None:
    st.header(title, anchor=False)
    for column, record in zip(st.columns(_OWN_SHOWN), records, strict=False):
        with column, st.container(border=True, gap="small", height="stretch"):
            st.markdown(f"**{escape_markdown(run_title(record))}**")
            st.caption(" · ".join(run_facts(record)))
            with st.container(horizontal=True, gap="small"):
                _run_links(record)


def _run_links(record: RunRecord) -> None:
    query = page_query(run=record.run_id)
    if record.state.is_active:
        st.page_link(TRAIN_PAGE, label=_("Open"), icon=":material/open_in_new:", query_params=query)
        return
    st.page_link(REPLAY_PAGE, label=_("Watch"), icon=":material/slow_motion_video:", query_params=query)
    if _is_playable(record.config.env_id):
        st.page_link(PLAY_PAGE, label=_("Beat it"), icon=":material/sports_esports:", query_params=query)
    st.page_link(INSIDE_PAGE, label=_("Look inside"), icon=":material/neurology:", query_params=query)


def _is_playable(env_id: str) -> bool:
    """Whether the environment is sure to be played by hand: other people's are not looked at for this page."""
    try:
        return find_preset(env_id) is not None or comes_with_gymnasium(env_id)
    except UnsupportedEnvironmentError:
        return False


show_errors(start_page)
