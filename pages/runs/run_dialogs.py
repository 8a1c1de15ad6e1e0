"""The questions that the list of all runs asks: a name, tags, and whether something shall really go."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dqn_core.runs.run_list import RunLine
from dqn_core.runs.storage.records import MOST_TAGS, NAME_LENGTH, TAG_LENGTH
from pages.runs.run_selection import do_to_runs
from pages.server.process import get_manager, get_run_list
from pages.shared.texts.i18n import _
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.run_names import run_name

__all__ = ["ask_name", "ask_tags", "confirm_deletion"]

_NAMES_SHOWN = 8


def ask_name(line: RunLine) -> None:
    """Ask what a run shall be called."""
    key = f"name-{line.run_id}"

    def rename() -> None:
        name = str(st.session_state.get(key) or "")
        do_to_runs([line], lambda run_id: get_manager().rename(run_id, name), _("Renamed."))

    @st.dialog(_("Rename the run"))
    def ask() -> None:
        with st.form("rename", border=False):
            st.text_input(_("Name"), line.name, max_chars=NAME_LENGTH, key=key)
            if st.form_submit_button(_("Rename"), type="primary", icon=":material/check:", on_click=rename):
                st.rerun()

    ask()


def ask_tags(lines: Sequence[RunLine]) -> None:
    """Ask for the tags of one run, or for those that several shall have in common."""
    common = [tag for tag in lines[0].tags if all(tag in line.tags for line in lines)]
    known = sorted({tag for line in get_run_list().lines() for tag in line.tags})
    which = "-".join(line.run_id for line in lines)
    known_key, new_key = f"tags-{which}", f"new-tags-{which}"

    def save() -> None:
        chosen = [*st.session_state.get(known_key, ()), *str(st.session_state.get(new_key) or "").split(",")]
        wanted = {line.run_id: _with_common(line.tags, common, chosen) for line in lines}
        manager = get_manager()
        do_to_runs(lines, lambda run_id: manager.tag(run_id, wanted[run_id]), _("Tags saved: {n}"))

    @st.dialog(_("Tags"))
    def ask() -> None:
        if len(lines) > 1:
            st.caption(
                _("Tags that all {n} runs share. Tags of only some of them stay as they are.").format(n=len(lines))
            )
        with st.form("tags", border=False):
            if known:
                st.pills(
                    _("Tags in use"),
                    known,
                    selection_mode="multi",
                    default=common,
                    format_func=escape_markdown,
                    key=known_key,
                )
            st.text_input(
                _("New tags, separated by commas"),
                help=_("At most {length} characters per tag and {n} tags per run.").format(
                    length=TAG_LENGTH, n=MOST_TAGS
                ),
                key=new_key,
            )
            if st.form_submit_button(_("Save"), type="primary", icon=":material/check:", on_click=save):
                st.rerun()

    ask()


def _with_common(own: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str]:
    """A run's tags after those that it has in common with others became others."""
    kept = [tag for tag in own if tag not in before]
    return [*kept, *(tag for tag in after if tag not in kept)]


def confirm_deletion(lines: Sequence[RunLine]) -> None:
    """Ask whether runs shall be deleted; those that are not over are not."""
    over = [line for line in lines if not line.state.is_active]

    def delete() -> None:
        do_to_runs(over, get_manager().delete, _("Deleted: {n}"))

    @st.dialog(_("Delete runs permanently?"))
    def ask() -> None:
        if over:
            st.markdown(_names(over))
            st.warning(
                _("Their logs, weights and checkpoints are deleted as well. This cannot be undone."),
                icon=":material/warning:",
            )
        if len(over) < len(lines):
            st.info(
                _("Chosen but not over yet: {n}. These stay; stop them first.").format(n=len(lines) - len(over)),
                icon=":material/info:",
            )
        with st.container(horizontal=True):
            label, can = _("Delete permanently ({n})").format(n=len(over)), bool(over)
            icon = ":material/delete:"
            if st.button(label, type="primary", icon=icon, disabled=not can, key="really-delete", on_click=delete):
                st.rerun()
            if st.button(_("Keep them"), key="keep"):
                st.rerun()

    ask()


def _names(lines: Sequence[RunLine]) -> str:
    """The runs as a list in Markdown, the first of them by name."""
    shown = [
        f"- {escape_markdown(run_name(line))} · {_('seed {seed}').format(seed=line.seed)}"
        for line in lines[:_NAMES_SHOWN]
    ]
    more = len(lines) - len(shown)
    return "\n".join([*shown, _("- and {n} more").format(n=more)] if more else shown)
