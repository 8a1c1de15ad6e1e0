"""The class as one experiment, and what came of it to take along, on its teacher's page."""

from __future__ import annotations

import math
from html import escape
from urllib.parse import urlencode

import streamlit as st

from dqn_core.errors import AccessError
from dqn_core.runs.classes.results import ClassResults, class_results, varied
from dqn_core.runs.classes.wall import Curve
from dqn_core.runs.manager import RunManager
from pages.classroom.charts import curves, parallel, scatter
from pages.classroom.report import best_of, best_text, prediction_lines
from pages.server.process import get_manager
from pages.shared.errors import fragment
from pages.shared.export.downloads import download_link
from pages.shared.figure.figure import show_figure
from pages.shared.texts.fields import FIELDS, Widget, label_of
from pages.shared.texts.i18n import _, current_language, translate_error
from pages.shared.texts.markdown import escape_markdown
from pages.shared.visitor.identity import require_teacher, signer

__all__ = ["class_collection", "class_experiment"]

_FEWEST = 2
"""Runs that make a figure."""
_MOST_PARALLEL = 6
_KEPT_CURVES = 2_000


@fragment
def class_experiment(class_id: str) -> None:
    """All runs of the class in one figure."""
    try:
        require_teacher(class_id)
    except AccessError as error:  # somebody who has left instructor mode since
        st.error(translate_error(error))
        return
    if not st.toggle(_("Show the figures"), key=f"class-figures-{class_id}"):  # reading all runs takes its time
        return
    st.button(_("Refresh"), icon=":material/refresh:", key=f"class-results-{class_id}")
    results = class_results(get_manager(), class_id)
    measured = [env_id for env_id in results.env_ids if _measured(results, env_id) >= _FEWEST]
    if measured:
        env_id = measured[0] if len(measured) == 1 else st.selectbox(_("Environment"), measured, key="class:env")
        _figures(results, env_id, class_id)
    else:
        st.caption(_("The figures appear when two runs of the class have been evaluated."))
    lines = list(prediction_lines(results, _))
    if lines:
        st.markdown("**" + _("Predictions of the lessons") + "**")
        for line in lines:
            st.markdown(escape_markdown(line))


def _measured(results: ClassResults, env_id: str) -> int:
    return sum(math.isfinite(each.score) for each in results.of(env_id))


def _figures(results: ClassResults, env_id: str, class_id: str) -> None:
    runs = results.of(env_id)
    best, fields = best_of(runs), varied(runs)
    if best is not None:
        st.markdown(escape_markdown(best_text(best, runs, _)))
    stem = f"class-{class_id}"
    if fields:
        labels = {name: label_of(name, _) for name in fields}
        field = st.selectbox(_("Setting"), fields, format_func=lambda name: labels[name], key="class:setting")
        shown = scatter(runs, field, x_title=labels[field], y_title=_("Best evaluation"), is_log=_is_log(field))
        title = _("{setting} and the result").format(setting=labels[field])
        show_figure(shown, "setting", title=title, file_stem=stem, hint=_("Each point is a run."))
        if len(fields) > 1:
            some = dict(list(labels.items())[:_MOST_PARALLEL])
            title = _("All settings that differ")
            hint = _("Each line is a run, from setting to setting to its result; drag along an axis to choose some.")
            drawn = parallel(runs, some, value_label=_("Best evaluation"))
            show_figure(drawn, "settings", title=title, file_stem=stem, hint=hint, height=340)
    else:
        st.caption(_("All runs have the same settings."))
    points = {each.run.run_id: _curve(get_manager(), each.run.run_id, each.run.episodes) for each in runs}
    drawn = curves(
        runs,
        points,
        "" if best is None else best.run.run_id,
        x_title=_("Share of the run"),
        y_title=_("Return per episode"),
    )
    hint = _("Each line is a run, from its beginning to its end; the best one is thick.")
    show_figure(drawn, "curves", title=_("All curves"), file_stem=stem, hint=hint, height=400)  # names take their part


def _is_log(field: str) -> bool:
    return field in FIELDS and FIELDS[field].widget is Widget.STOPS


@st.cache_data(max_entries=_KEPT_CURVES, show_spinner=False)
def _curve(_manager: RunManager, run_id: str, _episodes_so_far: int) -> tuple[float, ...]:
    curve = Curve()
    for rows in _manager.view(run_id).episodes():
        for row in rows:
            curve.add(row.episode_return)
    return curve.points


@fragment(run_every="1h")  # the links end after some hours: those of a page that is open never do
def class_collection(class_id: str) -> None:
    """Links to what came of the class as files."""
    require_teacher(class_id)
    has_comma = st.toggle(_("CSV with a decimal comma (0,5)"), key="class:decimal_comma")
    query = {"ticket": signer().collect_ticket(class_id), "lang": current_language()}
    style = {"decimal": "comma"} if has_comma else {}

    def address(name: str, **more: str) -> str:
        return f"live/class/{name}?{urlencode(query | more)}"

    table = _("One row per run: nickname, settings, changes, scores, times, and answers to the lessons.")
    download_link(_("Table (XLSX)"), address("class.xlsx"), "class.xlsx", table)
    download_link(_("Table (CSV)"), address("class.csv", **style), "class.csv", _("The same table as text."))
    download_link(
        _("Everything (ZIP)"),
        address("class.zip", **style),
        "class.zip",
        _("Both tables, the report, and the settings and episodes of each run."),
    )
    st.html(f'<a href="{escape(address("report.html"))}" target="_blank">{escape(_("Report to print"))}</a>')
