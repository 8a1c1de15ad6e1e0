from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pages.shared.browser.plot_theme import PALETTE
from pages.train.charts import live_figures
from pages.train.wire import _COLUMNS

BACKGROUNDS = {"light": ["#ffffff", "#fcfcfa"], "dark": ["#0e1117", "#11191c"]}


class EchoLabels(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def templates() -> list[dict[str, Any]]:
    return [json.loads(figure.to_json()) for figure in live_figures(EchoLabels())]


def traces() -> Iterator[tuple[str, dict[str, Any]]]:
    for values in templates():
        for trace in values["data"]:
            yield values["layout"]["meta"]["id"], trace


def test_each_live_chart_has_its_name_and_heading() -> None:
    headings = [(meta["id"], meta["title"]) for meta in (each["layout"]["meta"] for each in templates())]
    assert headings == [(name, f"<chart_{name}>") for name in ("return", "shaped_return", "loss", "length", "epsilon")]


def test_a_constant_uirevision_keeps_what_a_reader_chose() -> None:
    assert {each["layout"]["uirevision"] for each in templates()} == {"live"}


def test_templates_are_empty_and_told_what_to_show_from_columns_on_the_wire() -> None:
    columns = {*_COLUMNS, "goal"}
    for chart_id, trace in traces():
        assert (trace["x"], trace["y"]) == ([], []), chart_id
        assert trace["meta"]["x"] in columns, chart_id
        assert trace["meta"]["y"] in columns, chart_id


def test_the_return_chart_shows_episodes_means_evaluations_and_the_goal() -> None:
    shown = {
        trace["meta"]["key"]: (trace["meta"]["y"], trace["meta"].get("window"), trace["mode"])
        for chart_id, trace in traces()
        if chart_id == "return"
    }
    assert shown == {
        "raw": ("return", None, "lines"),
        "mean_20": ("return", 20, "lines"),
        "mean_100": ("return", 100, "lines"),
        "evaluation": ("eval_return", None, "markers"),
        "goal": ("goal", None, "lines"),
    }


def test_only_the_loss_has_a_switch_for_a_logarithmic_axis() -> None:
    metas = [each["layout"]["meta"] for each in templates()]
    assert [meta["id"] for meta in metas if meta.get("log_switch")] == ["loss"]


def test_only_the_shaped_return_is_shown_to_runs_alone_that_have_it() -> None:
    metas = [each["layout"]["meta"] for each in templates()]
    assert [meta["id"] for meta in metas if meta.get("is_optional")] == ["shaped_return"]


def test_colours_are_roles_that_both_palettes_know() -> None:
    assert PALETTE["light"].keys() == PALETTE["dark"].keys()
    for chart_id, trace in traces():
        assert trace["meta"]["color"] in PALETTE["light"], chart_id
        assert "color" not in trace.get("line", {}), chart_id


def luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_every_colour_reads_on_its_page(tone: str) -> None:
    for background in BACKGROUNDS[tone]:
        for role, color in PALETTE[tone].items():
            darker, lighter = sorted([luminance(color), luminance(background)])
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (role, background)
