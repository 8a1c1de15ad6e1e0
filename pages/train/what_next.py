"""What to do after a run: look at what it learned, or try something else, by what its curves show."""

from __future__ import annotations

import streamlit as st

from dqn_core.analysis.advice import RunFacts, advice_for
from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.events import EndReason
from dqn_core.runs.storage.records import RunRecord
from pages.server.process import get_manager
from pages.shared.links import INSIDE_PAGE, PLAY_PAGE, REPLAY_PAGE, page_query
from pages.shared.texts.i18n import _, message_text

__all__ = ["what_next"]

_MOST_ROWS = 2_000
"""Of a longer run, every so many-th episode says as much."""


def what_next(record: RunRecord) -> None:
    """Draw the ways on from a run that is over."""
    with st.container(border=True, key="what-next", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("**" + _("What next?") + "**", width="content")
            query = page_query(run=record.run_id)
            st.page_link(REPLAY_PAGE, label=_("Watch it"), icon=":material/slow_motion_video:", query_params=query)
            st.page_link(PLAY_PAGE, label=_("Beat it"), icon=":material/sports_esports:", query_params=query)
            st.page_link(INSIDE_PAGE, label=_("Look inside"), icon=":material/neurology:", query_params=query)
            st.caption(_("Or change one setting and press Start again."), width="content")
        for line in _hints(record):
            st.markdown(f":material/lightbulb: {line}")


def _hints(record: RunRecord) -> list[str]:
    if record.reason is None or record.reason in (EndReason.FAILED, EndReason.SOLVED):
        return []
    store = get_manager().store
    every = max(1, record.episodes // _MOST_ROWS)
    columns = store.episode_columns(record.run_id, COLUMNS, every=every)
    table = EpisodeTable.from_columns(dict(zip(COLUMNS, columns, strict=True)))
    facts = RunFacts(
        config=record.config,
        reason=record.reason,
        episodes=table,
        env_steps=record.env_steps,
        updates=record.updates,
    )
    return [message_text(_, each.template, each.parameters) for each in advice_for(facts)]
