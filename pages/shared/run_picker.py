"""Earlier runs, to open again."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from dqn_core.errors import mark_plural
from dqn_core.presets import preset_name
from dqn_core.runs.storage.records import RunRecord, is_run_id
from pages.server.process import get_manager
from pages.shared.errors import fragment
from pages.shared.links import TRAIN_PAGE, new_run_query, page_query
from pages.shared.texts.i18n import _
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.numbers import number_text
from pages.shared.texts.run_names import run_name
from pages.shared.texts.times import time_text
from pages.shared.texts.words import PRESET_LABELS, REASON_LABELS, STATE_LABELS

__all__ = ["run_facts", "run_picker", "run_title"]

_SHOWN = 20


def run_picker(shown: str | None, page: str = TRAIN_PAGE) -> None:
    """A menu of the latest runs, links to ``page``, and a link to begin anew; ``shown`` is the address's run."""
    with st.container(width="content"):
        _past_runs(shown, page)
    if shown is not None:
        st.page_link(TRAIN_PAGE, label=_("New run"), icon=":material/add:", query_params=new_run_query())


@fragment
def _past_runs(shown: str | None, page: str) -> None:
    """Drawn when it is opened: on a busy server, the links were a third of each page's work."""
    key = f"past-runs:{shown}" if shown and is_run_id(shown) else "past-runs"  # one for each run: a new one is closed
    menu = st.popover(_("Past runs"), icon=":material/history:", key=key, on_change="rerun")
    if not menu.open:
        return
    with menu, st.container(key="earlier-runs-list"):
        runs = get_manager().list_runs(_SHOWN)
        if not runs:
            st.caption(_("Runs appear here once you have started one."))
        for record in runs:
            _run_link(record, page, is_shown=record.run_id == shown)


def _run_link(record: RunRecord, page: str, *, is_shown: bool) -> None:
    with st.container(gap=None):
        st.page_link(
            page,
            label=escape_markdown(run_title(record)),
            icon=":material/radio_button_checked:" if is_shown else ":material/radio_button_unchecked:",
            query_params=page_query(run=record.run_id),
            width="stretch",
        )
        st.caption(" · ".join(run_facts(record)))


def run_title(record: RunRecord) -> str:
    """What tells a run from others in a list; plain text."""
    return _("{name} · {preset} · seed {seed}").format(
        name=run_name(record), preset=_preset_text(record), seed=record.initial_config.seed
    )


def run_facts(record: RunRecord) -> Iterator[str]:
    """How a run stands, when it was started, how far it came."""
    yield _state_text(record)
    yield time_text(record.started_at)
    yield _(mark_plural("{count} episode", "{count} episodes", record.episodes)).format(count=f"{record.episodes:,}")
    if record.best_eval is not None:
        yield _("best evaluation {score}").format(score=number_text(round(record.best_eval, 1)))


def _state_text(record: RunRecord) -> str:
    """Where the run stands, or how it ended."""
    return _(REASON_LABELS[record.reason]) if record.reason else _(STATE_LABELS[record.state])


def _preset_text(record: RunRecord) -> str:
    name = preset_name(record.initial_config)
    return _(PRESET_LABELS[name]) if name in PRESET_LABELS else name
