"""The table of all runs: a Streamlit component that filters, sorts and selects in the browser.

    run_table() ── data: texts, columns, what is selected ──> run_table.js ── the tab's live socket, topic "runs"
                <─ triggers "selected" and "open" ─────────────────┘

Lines never pass through a script run: what is new comes each two seconds, while the table is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pages.shared.browser.component import Component, component_value
from pages.shared.links import page_query
from pages.shared.texts.i18n import _, current_language
from pages.shared.texts.words import PRESET_LABELS, REASON_LABELS, STATE_LABELS
from pages.shared.visitor.identity import owner_mark, visitor

__all__ = ["COLUMNS", "COMPONENT_NAME", "run_table"]

COMPONENT_NAME = "dqn_lab_run_table"
COLUMNS = (
    "name",
    "env",
    "preset",
    "seed",
    "state",
    "episodes",
    "best",
    "rate",
    "started",
    "seconds",
    "size",
    "owner",
)
_STYLES = (
    "shared/browser/base.css",
    "shared/browser/badge.css",
    "shared/browser/panel_charts.css",
    "shared/run_table/run_table.css",
)

_draw = Component(COMPONENT_NAME, "shared/run_table/run_table.js", _STYLES)


def run_table(  # noqa: PLR0913  each is one plain fact about the table
    selected: Sequence[str],
    on_selected: Callable[[tuple[str, ...]], None],
    *,
    key: str,
    title: str,
    columns: Sequence[str] = COLUMNS,
    most: int | None = None,
    on_open: Callable[[str], None] | None = None,
    stamp: int = 0,
) -> None:
    """Show the table.

    Parameters
    ----------
    selected
        Ids of the runs whose boxes are ticked; there may be no such run any more.
    on_selected
        Called with the ids when others are selected, or one of them is gone.
    title
        What the table is called, in the reader's language.
    columns
        Some of :data:`COLUMNS`, in their order.
    most
        Runs that can be selected at a time; None for any number.
    on_open
        Called with the id of a run whose name was pressed; None where names lead nowhere.
    stamp
        Another number than before tells that something was done to the runs, and the table looks at once.
    """

    def tell_selected() -> None:
        on_selected(tuple(component_value(key, "selected") or ()))

    def tell_open() -> None:
        if on_open is not None and (opened := component_value(key, "open")):
            on_open(str(opened))

    address = "&".join(f"{name}={value}" for name, value in page_query(run="RUN").items())
    data = {
        "locale": current_language(),
        "columns": list(columns),
        "address": f"./?{address}" if on_open is not None else None,
        "own_mark": owner_mark(visitor().visitor_id),
        "selected": list(selected),
        "most": most,
        "stamp": stamp,
    }
    constants = {"labels": {**_labels(), "title": title}}
    _draw(key=key, data=data, constants=constants, on_selected_change=tell_selected, on_open_change=tell_open)


def _labels() -> dict[str, str]:
    return (
        {f"state_{state}": _(label) for state, label in STATE_LABELS.items()}
        | {f"reason_{reason}": _(label) for reason, label in REASON_LABELS.items()}
        | {f"preset_{preset}": _(label) for preset, label in PRESET_LABELS.items()}
        | _column_labels()
        | {
            "filter": _("Filter: name, environment, seed, tag …"),
            "any_env": _("All environments"),
            "any_state": _("All states"),
            "any_tag": _("All tags"),
            "active": _("Not over yet"),
            "sort": _("Sort by"),
            "turn": _("Reverse the order"),
            "mine": _("Only mine"),
            "only_selected": _("Only chosen"),
            "you": _("you"),
            "visitor": _("visitor {mark}"),
            "select": _("Choose {name}, seed {seed}"),
            "select_all": _("Choose all shown"),
            "select_none": _("Clear selection"),
            "count": _("Runs: {count}"),
            "count_of": _("Runs: {shown} of {count}"),
            "selected": _("chosen: {n}"),
            "selected_of": _("chosen: {n} of at most {most}"),
            "show_more": _("Show {n} more"),
            "no_runs": _("Runs appear here once you have started one."),
            "no_match": _("No run matches. Change the filter above."),
            "connection_lost": _("Connection lost, trying again…"),
        }
    )


def _column_labels() -> dict[str, str]:
    return {
        "column_name": _("Name"),
        "column_env": _("Environment"),
        "column_preset": _("Preset"),
        "column_seed": _("Seed"),
        "column_state": _("State"),
        "column_episodes": _("Episodes"),
        "column_best": _("Best evaluation"),
        "column_rate": _("Steps/s"),
        "column_started": _("Started"),
        "column_seconds": _("Duration"),
        "column_size": _("On disk"),
        "column_owner": _("Owner"),
        "column_tag": _("Tag"),
    }
