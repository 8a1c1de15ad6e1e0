"""The table of all runs: a Streamlit component that filters, sorts and picks in the browser.

    runs_table() ── data: texts, what is picked ──> list_table.js ── the tab's live socket, topic "runs"
                 <─ triggers "picked" and "open" ──────────┘

Lines never pass through a script run: what is new comes each two seconds, while the table is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pages.shared.component import Component, component_value
from pages.shared.i18n import _, current_language
from pages.shared.links import base_path, page_query
from pages.shared.words import PRESET_LABELS, REASON_LABELS, STATE_LABELS

__all__ = ["COMPONENT_NAME", "runs_table"]

COMPONENT_NAME = "dqn_lab_runs_table"
_KEY = "runs-table"
_STYLES = ("shared/base.css", "shared/badge.css", "shared/panel_charts.css", "runs/list_table.css")

_draw = Component(COMPONENT_NAME, "runs/list_table.js", _STYLES)


def runs_table(
    picked: Sequence[str],
    *,
    own_mark: str,
    stamp: int,
    on_picked: Callable[[tuple[str, ...]], None],
    on_open: Callable[[str], None],
) -> None:
    """Show the table.

    Parameters
    ----------
    picked
        Ids of the runs whose boxes are ticked.
    own_mark
        How the server marks the reader's own runs.
    stamp
        Another number than before tells that something was done to the runs, and the table looks at once.
    on_picked, on_open
        Called with the ids when others are picked, and with the id of a run whose name was pressed.
    """

    def tell_picked() -> None:
        on_picked(tuple(component_value(_KEY, "picked") or ()))

    def tell_open() -> None:
        if opened := component_value(_KEY, "open"):
            on_open(str(opened))

    address = "&".join(f"{name}={value}" for name, value in page_query(run="RUN").items())
    data = {
        "locale": current_language(),
        "base_path": base_path(),
        "address": f"{base_path()}/?{address}",
        "own_mark": own_mark,
        "picked": list(picked),
        "stamp": stamp,
    }
    _draw(key=_KEY, data=data, constants={"labels": _labels()}, on_picked_change=tell_picked, on_open_change=tell_open)


def _labels() -> dict[str, str]:
    return (
        {f"state_{state}": _(label) for state, label in STATE_LABELS.items()}
        | {f"reason_{reason}": _(label) for reason, label in REASON_LABELS.items()}
        | {f"preset_{preset}": _(label) for preset, label in PRESET_LABELS.items()}
        | _column_labels()
        | {
            "title": _("All runs"),
            "filter": _("Filter: name, environment, seed, tag …"),
            "any_env": _("All environments"),
            "any_state": _("All states"),
            "any_tag": _("All tags"),
            "active": _("Not over yet"),
            "mine": _("Only mine"),
            "you": _("you"),
            "visitor": _("visitor {mark}"),
            "pick": _("Choose {name}, seed {seed}"),
            "pick_all": _("Choose all shown"),
            "count": _("Runs: {count}"),
            "count_of": _("Runs: {shown} of {count}"),
            "picked": _("chosen: {picked}"),
            "show_more": _("Show {n} more"),
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
