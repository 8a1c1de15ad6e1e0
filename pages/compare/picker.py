"""The list of runs to choose from, beside a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dqn_core.runs.records import RunRecord
from pages.shared.component import Component, component_value
from pages.shared.i18n import _, current_language
from pages.shared.run_picker import run_facts, run_title

__all__ = ["run_choice"]

_KEY = "run-picker"
_STYLES = ("shared/base.css", "shared/panel_charts.css", "compare/picker.css")

_draw = Component("dqn_lab_run_picker", "compare/picker.js", _STYLES)


def run_choice(
    records: Sequence[RunRecord], chosen: Sequence[str], most: int, on_chosen: Callable[[tuple[str, ...]], None]
) -> None:
    """A list of ``records`` with boxes; ``on_chosen`` is called with the ids when the choice becomes another.

    At most ``most`` runs can be chosen.
    """

    def tell() -> None:
        on_chosen(tuple(component_value(_KEY, "chosen") or ()))

    data = {
        "runs": [_row(record) for record in records],
        "chosen": list(chosen),
        "most": most,
        "locale": current_language(),
    }
    _draw(key=_KEY, data=data, constants={"labels": _labels()}, on_chosen_change=tell)


def _labels() -> dict[str, str]:
    return {
        "title": _("Runs to compare"),
        "filter": _("Filter: name, environment, seed, state …"),
        "choose_shown": _("Choose all shown"),
        "choose_none": _("Clear selection"),
        "count": _("{chosen} of {count} runs chosen"),
        "no_runs": _("Runs appear here once you have started one."),
        "no_match": _("No run matches all of these words."),
    }


def _row(record: RunRecord) -> dict[str, str]:
    title, facts = run_title(record), " · ".join(run_facts(record))
    known = (title, facts, record.config.env_id, record.run_id, record.experiment_id or "", *record.tags)
    return {"id": record.run_id, "title": title, "facts": facts, "words": " ".join(known).lower()}
