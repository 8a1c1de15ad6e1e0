"""The figure and tables of the Compare page: a Streamlit component whose browser side asks the compare routes.

Python says which runs and which curves; numbers never pass through a script run, so that runs that still train are
followed without one.
"""

from __future__ import annotations

from urllib.parse import urlencode

from dqn_core.analysis.comparison import Choices
from pages.shared.browser.component import Component
from pages.shared.browser.plot_theme import SERIES
from pages.shared.texts.i18n import _, current_language

__all__ = ["COMPONENT_NAME", "compare_view"]

COMPONENT_NAME = "dqn_lab_compare"
_STYLES = ("shared/browser/base.css", "shared/browser/panel_charts.css", "compare/compare.css")

_draw = Component(COMPONENT_NAME, "compare/compare.js", _STYLES)


def compare_view(run_ids: tuple[str, ...], choices: Choices, *, log_y: bool) -> None:
    """Show ``run_ids`` over each other; zoom and legend stay while the choices change."""
    query = {
        "runs": ",".join(run_ids),
        "x": choices.x,
        "y": choices.y,
        "window": choices.window,
        "groups": int(choices.shows_groups),
        "singles": int(choices.shows_runs),
        "beyond": int(choices.beyond_shortest),
        "lang": current_language(),
    }
    data = {
        "query": urlencode(query, safe=","),
        "x": choices.x,
        "y": choices.y,
        "log": log_y,
        "locale": current_language(),
    }
    _draw(key="compare", data=data, constants={"series": SERIES, "labels": _labels()})


def _labels() -> dict[str, str]:
    return {
        "figure": _("Curves of the chosen runs"),
        "legend": _("Groups shown"),
        "loading": _("Reading the runs…"),
        "nothing": _("The chosen runs have no values of this kind yet."),
        "still_training": _("Some of these runs are still training: the figure updates as they go."),
        "missing": _("Chosen runs that no longer exist: {count}."),
        "connection_lost": _("Connection lost, trying again…"),
        "results": _("Results"),
        "differences": _("Settings that differ"),
        "group": _("Group"),
        "each_run": _("Show each run of the group"),
        "download": _("Download"),
        "picture": _("Picture ({format})"),
        "figure_csv": _("Data of the figure (CSV)"),
        "figure_xlsx": _("Data of the figure (XLSX)"),
        "figure_parquet": _("Data of the figure (Parquet)"),
        "figure_html": _("Page that works offline (HTML)"),
        "metrics_csv": _("Results of each run (CSV)"),
        "metrics_xlsx": _("Results of each run (XLSX)"),
        "decimal_comma": _("CSV with a decimal comma (0,5)"),
        "episodes_csv": _("All episodes (CSV)"),
        "episodes_parquet": _("All episodes (Parquet)"),
        "zoom": _("Zoom: drag over a part of the chart"),
        "pan": _("Move the chart"),
        "zoom_in": _("Zoom in"),
        "zoom_out": _("Zoom out"),
        "reset_axes": _("Show everything"),
        "zoom_out_hint": _("Double-click to zoom out"),
    }
