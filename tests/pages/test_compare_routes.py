from __future__ import annotations

import base64
import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.applications import Starlette

from asgi_client import Client
from dqn_core.analysis.bands import band, common_grid
from dqn_core.analysis.episode_table import EpisodeTable
from dqn_core.config import TrainingConfig
from dqn_core.events import EPISODE_COLUMNS
from dqn_core.runs.manager import RunManager
from learning_runs import as_told, episodes_of
from pages.compare.exports import csv_lines
from pages.compare.routes import compare_routes
from scripted_trainer import Script, a_run_of, changed, ended, episode, following, obedient, started, wait_for_end
from workbooks import formulas, read_workbook

_UNKNOWN = "20260401-143501-zzzz"


class Lab:
    """The routes over runs that went as their configs say."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.manager = RunManager(path, trainer_factory=following(as_told))
        self.client = Client(Starlette(routes=compare_routes(lambda: self.manager)))

    def follow(self, script: Script) -> None:
        self.manager.close()
        self.manager = RunManager(self._path, trainer_factory=following(script))

    def run(self, name: str = "", **config: Any) -> str:
        run_id = self.manager.start(TrainingConfig(**({"max_episodes": 40} | config)), name)
        wait_for_end(self.manager, run_id)
        return run_id

    def two_groups(self) -> list[str]:
        """Two discounts, three seeds each."""
        return [self.run(gamma=gamma, seed=seed) for gamma in (0.9, 0.99) for seed in range(3)]

    def text(self, file: str, run_ids: list[str], query: str = "") -> bytes:
        response = self.client.get(f"/live/compare/{file}?runs={','.join(run_ids)}&{query}")
        assert response.status_code == 200, response.text
        return response.content

    def figure(self, run_ids: list[str], query: str = "") -> dict[str, Any]:
        response = self.client.get(f"/live/compare/figure.json?runs={','.join(run_ids)}&{query}")
        assert response.status_code == 200, response.text
        values: dict[str, Any] = response.json()
        return values


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.manager.close()


def numbers(array: Any) -> np.ndarray:
    """An array of a figure's JSON."""
    if not isinstance(array, dict):
        return np.array(array, dtype=float)
    kinds = {"f4": np.float32, "f8": np.float64, "i4": np.int32, "i2": np.int16, "i1": np.int8, "u1": np.uint8}
    flat = np.frombuffer(base64.b64decode(array["bdata"]), kinds[array["dtype"]])
    return flat.reshape([int(each) for each in array["shape"].split(",")]) if "shape" in array else flat


def traces(answer: dict[str, Any], part: str) -> list[dict[str, Any]]:
    return [trace for trace in answer["figure"]["data"] if trace["meta"]["part"] == part]


def frame(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content))


def test_two_discounts_and_three_seeds_are_two_bands_of_three(lab: Lab) -> None:
    run_ids = lab.two_groups()
    answer = lab.figure(run_ids)
    assert [group["name"] for group in answer["groups"]] == [
        "Discount factor γ 0.9 (n = 3)",
        "Discount factor γ 0.99 (n = 3)",
    ]
    assert answer["fields"] == ["Discount factor γ"]
    assert [group["settings"] for group in answer["groups"]] == [["0.9"], ["0.99"]]
    assert len(traces(answer, "band")) == len(traces(answer, "mean")) == 2
    assert not traces(answer, "run")
    assert answer["active"] is False
    tables = [EpisodeTable.of(episodes_of(TrainingConfig(seed=seed, gamma=0.9, max_episodes=40))) for seed in range(3)]
    curves = [table.curve("env_step", "episode_return") for table in tables]
    expected = band(curves, common_grid(curves))
    mean = traces(answer, "mean")[0]
    np.testing.assert_allclose(numbers(mean["x"]), expected.x)
    np.testing.assert_allclose(numbers(mean["y"]), expected.mean, rtol=1e-6)
    low, high, count = numbers(mean["customdata"]).T
    np.testing.assert_allclose(low, expected.low, rtol=1e-6)
    np.testing.assert_allclose(high, expected.high, rtol=1e-6)
    assert set(count) == {3}


def test_the_order_of_the_ids_changes_nothing(lab: Lab) -> None:
    run_ids = lab.two_groups()
    assert lab.figure(run_ids) == lab.figure([*reversed(run_ids), run_ids[0]])


def test_the_csv_holds_what_the_figure_shows(lab: Lab) -> None:
    run_ids = lab.two_groups()
    answer = lab.figure(run_ids, "window=5")
    table = frame(lab.text("figure.csv", run_ids, "window=5"))
    for mean, raw in zip(traces(answer, "mean"), traces(answer, "raw"), strict=True):
        rows = table[table["group"] == mean["name"]]
        np.testing.assert_allclose(rows["env_step"], numbers(mean["x"]))
        np.testing.assert_allclose(rows["smoothed"], numbers(mean["y"]), rtol=1e-6)
        np.testing.assert_allclose(rows["return"], numbers(raw["y"]), rtol=1e-6)
        np.testing.assert_allclose(rows[["low", "high", "n"]], numbers(mean["customdata"]), rtol=1e-6)
    assert table["run_id"].isna().all()
    parquet = pd.read_parquet(io.BytesIO(lab.text("figure.parquet", run_ids, "window=5")))
    np.testing.assert_allclose(parquet["smoothed"], table["smoothed"])


@pytest.mark.parametrize("file", ["figure.csv", "metrics.csv", "episodes.csv"])
def test_a_csv_with_names_opens_right_in_a_spreadsheet(lab: Lab, file: str) -> None:
    run_ids = [lab.run("환경 하나", gamma=0.9), lab.run("=1+1", gamma=0.95)]
    content = lab.text(file, run_ids)
    assert content.startswith("\ufeff".encode())
    assert not content.startswith("\ufeff\ufeff".encode())
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows[0][0] == "group"
    if file == "metrics.csv":
        assert [row[rows[0].index("name")] for row in rows[1:]] == ["환경 하나", "'=1+1"]
        assert list(pd.read_csv(io.BytesIO(content))["name"]) == ["환경 하나", "'=1+1"]


@pytest.mark.parametrize("file", ["figure", "metrics", "episodes"])
def test_a_csv_with_decimal_commas_holds_the_same(lab: Lab, file: str) -> None:
    run_ids = [lab.run("환경 하나", gamma=0.9), lab.run("=1+1", gamma=0.95)]
    points, commas = lab.text(f"{file}.csv", run_ids), lab.text(f"{file}.csv", run_ids, "decimal=comma")
    assert commas.startswith("\ufeff".encode())
    expected, found = frame(points), pd.read_csv(io.BytesIO(commas), sep=";", decimal=",", encoding="utf-8-sig")
    pd.testing.assert_frame_equal(expected, found, check_exact=True)
    assert found.select_dtypes("float64").shape[1] > 1


@pytest.mark.parametrize("file", ["figure", "metrics"])
def test_a_workbook_holds_what_the_csv_does_and_no_formula(lab: Lab, file: str) -> None:
    run_ids = [lab.run("환경 하나", gamma=0.9), lab.run("=1+1", gamma=0.95)]
    content = lab.text(f"{file}.xlsx", run_ids)
    head, *rows = read_workbook(content)[file]
    table = frame(lab.text(f"{file}.csv", run_ids))
    assert head == list(table.columns)
    assert len(rows) == len(table)
    name = "name" if file == "metrics" else "group"
    texts = [text.removeprefix("'") for text in table[name]]
    assert [row[head.index(name)] for row in rows] == texts
    numbers = table.columns[table.dtypes == "float64"]
    for number, row in enumerate(rows):
        cells = row + [None] * (len(head) - len(row))
        for column in numbers:
            value, cell = table[column][number], cells[head.index(column)]
            assert (math.isnan(value) and cell is None) or cell == pytest.approx(value, rel=1e-14)
    assert formulas(content) == 0


def test_a_group_whose_name_would_be_a_formula_is_a_text() -> None:
    table = pd.DataFrame({"group": ["=1+1", "plain"], "smoothed": [1.0 + (0.05 - 1.0), np.nan], "n": [1, 2]})
    text = "".join(csv_lines([table, table]))
    assert text == "\ufeffgroup,smoothed,n\n" + "'=1+1,0.05,1\nplain,,2\n" * 2


@pytest.mark.parametrize("x", ["episode", "wall_time_s"])
def test_over_other_axes_than_env_steps_each_run_is_drawn(lab: Lab, x: str) -> None:
    run_ids = lab.two_groups()
    answer = lab.figure(run_ids, f"x={x}")
    assert not traces(answer, "mean")
    assert [trace["meta"]["run"] for trace in traces(answer, "run")] == run_ids
    table = frame(lab.text("figure.csv", run_ids, f"x={x}"))
    assert table.groupby("run_id").size().to_dict() == dict.fromkeys(run_ids, 40)
    assert list(table.columns) == ["group", "run_id", "seed", "n", x, "return", "smoothed", "low", "high"]


def test_every_episode_can_be_downloaded_whole(lab: Lab) -> None:
    run_ids = lab.two_groups()
    table = frame(lab.text("episodes.csv", run_ids))
    assert list(table.columns) == ["group", "run_id", "seed", *EPISODE_COLUMNS]
    assert len(table) == 6 * 40
    own = frame(lab.text("episodes.csv", run_ids[4:5]))
    assert own["seed"].unique().tolist() == [1]
    assert own["return"].tolist() == [100 * 0.99 + 10 + number for number in range(1, 41)]
    assert own["episode"].dtype == "int64"
    assert own["terminated"].dtype == "bool"
    parquet = pd.read_parquet(io.BytesIO(lab.text("episodes.parquet", run_ids)))
    pd.testing.assert_frame_equal(parquet, table, check_dtype=False, rtol=1e-12)


def test_the_screen_gets_fewer_points_and_the_file_every_one(lab: Lab) -> None:
    run_id = lab.run(max_episodes=5_000)
    (line,) = traces(lab.figure([run_id], "points=1000&singles=1"), "run")
    assert len(numbers(line["x"])) <= 1_002
    assert len(frame(lab.text("figure.csv", [run_id]))) == 5_000
    (part,) = traces(lab.figure([run_id], "points=1000&from=100&to=300"), "run")
    assert 20 < len(numbers(part["x"])) < 50
    assert numbers(part["x"])[0] <= 100
    assert numbers(part["x"])[-1] >= 300


def test_the_page_of_a_comparison_needs_nothing_else(lab: Lab) -> None:
    run_ids = lab.two_groups()
    page = lab.text("figure.html", run_ids, "lang=ko").decode()
    assert '<html lang="ko">' in page
    assert "Plotly.newPlot" in page
    assert "<script src=" not in page
    assert "0.99 (n = 3)" in page


def test_where_runs_end_early_the_number_of_those_left_is_written(lab: Lab) -> None:
    run_ids = [lab.run(seed=seed, max_episodes=40) for seed in range(2)]
    lab.follow(a_run_of(60))  # the same settings, but it went on for longer
    run_ids.append(lab.run(seed=2, max_episodes=40))
    (mean,) = traces(lab.figure(run_ids), "mean")
    (longer,) = traces(lab.figure(run_ids, "beyond=1"), "mean")
    (count,) = traces(lab.figure(run_ids, "beyond=1"), "count")
    assert numbers(longer["x"])[-1] == 1_200 > numbers(mean["x"])[-1]
    assert count["text"] == ["n = 2", "n = 1"]
    assert not traces(lab.figure(run_ids), "count")


def test_each_run_may_be_drawn_beside_its_groups_mean(lab: Lab) -> None:
    run_ids = lab.two_groups()
    answer = lab.figure(run_ids, "singles=1&window=5")
    assert len(traces(answer, "mean")) == 2
    assert sorted(trace["meta"]["run"] for trace in traces(answer, "run")) == sorted(run_ids)
    table = frame(lab.text("figure.csv", run_ids, "singles=1&window=5"))
    assert set(table["run_id"].dropna()) == set(run_ids)
    assert table["run_id"].isna().sum() == sum(len(numbers(trace["x"])) for trace in traces(answer, "mean"))


def test_the_offline_page_names_each_group_once(lab: Lab) -> None:
    page = lab.text("figure.html", lab.two_groups()).decode()
    data = page.split("Plotly.newPlot")[-1]
    assert len(re.findall(r'"showlegend":\s*true', data)) == 2 + 1  # a mean each, and the figure's own switch
    assert "Discount factor γ" in page.split("<table>")[-1]


def test_names_are_no_markup(lab: Lab) -> None:
    run_ids = [lab.run(name) for name in ("<b>bold</b>",)]
    run_ids += [lab.run("<img src=x onerror=alert(1)>", gamma=0.5, batch_size=8, learning_rate=0.1)]
    page = lab.text("figure.html", run_ids).decode()
    assert "<img src=x" not in page
    assert "<b>bold</b>" not in page.split("Plotly.newPlot")[-1].split("<table>")[-1]
    names = [trace["name"] for trace in traces(lab.figure(run_ids), "run")]
    assert names[0].startswith("&lt;b&gt;bold&lt;/b&gt;")


def test_a_changed_run_is_marked_and_stands_apart(lab: Lab) -> None:
    steady = [lab.run(seed=seed, max_episodes=3) for seed in range(2)]

    def changing(_config: TrainingConfig, _mailbox: object) -> Iterator[Any]:
        yield started()
        yield episode(1)
        yield changed("learning_rate", 2e-4, 5e-4, env_step=30)
        yield episode(2)
        yield ended(episodes=2)

    lab.follow(changing)
    altered = lab.run(seed=2, max_episodes=3)
    answer = lab.figure([*steady, altered])
    assert [group["name"] for group in answer["groups"]] == [
        "CartPole-v1 · Custom (n = 2)",
        "CartPole-v1 · Custom, changed (n = 1)",
    ]
    (mark,) = traces(answer, "mark")
    assert mark["meta"]["run"] == altered
    assert mark["text"] == ["Learning rate 2e-4 → 5e-4 at env step 30"]
    assert numbers(mark["x"]).tolist() == [30]
    np.testing.assert_allclose(numbers(mark["y"]), [20 + 0.5 / 3 * (1 + 2)], rtol=1e-6)
    assert answer["groups"][1]["notes"] == ["Learning rate 2e-4 → 5e-4 at env step 30"]


def test_the_same_seed_again_is_told_and_not_counted(lab: Lab) -> None:
    answer = lab.figure([lab.run(seed=1), lab.run(seed=1), lab.run(seed=2)])
    (group,) = answer["groups"]
    assert group["name"].endswith("(n = 2)")
    assert "1 more run uses a seed" in group["notes"][0]
    assert len(group["runs"]) == 3


def test_results_are_means_over_seeds_with_their_intervals(lab: Lab) -> None:
    answer = lab.figure([lab.run(seed=seed, goal_score=1.0) for seed in range(3)])
    labels = [each["label"] for each in answer["metrics"]]
    (group,) = answer["groups"]
    shown = dict(zip(labels, group["metrics"], strict=True))
    assert shown["Best evaluation"] == ["149", "[139, 159]"]
    assert [run["metrics"][labels.index("Final evaluation")] for run in group["runs"]] == ["139", "149", "159"]
    steps = [episodes_of(TrainingConfig(seed=seed, max_episodes=40))[-1].env_step for seed in range(3)]
    assert shown["Steps to goal"][0] == f"{np.mean(steps):,.0f}"
    unsolved = lab.figure([lab.run()])["groups"][0]["metrics"][labels.index("Steps to goal")]
    assert unsolved == ["–", ""]


def test_what_the_browser_knows_is_not_sent_again(lab: Lab) -> None:
    run_ids = lab.two_groups()
    answer = lab.figure(run_ids)
    again = lab.figure(run_ids, f"known={answer['version']}")
    assert again == {"version": answer["version"], "active": False, "unchanged": True}
    assert "figure" in lab.figure(run_ids[:3], f"known={answer['version']}")


def test_a_run_that_trains_is_followed(lab: Lab) -> None:
    lab.follow(obedient(3))
    run_id = lab.manager.start(TrainingConfig())
    first = lab.figure([run_id])
    assert first["active"] is True
    lab.manager.stop(run_id)
    wait_for_end(lab.manager, run_id)
    last = lab.figure([run_id], f"known={first['version']}")
    assert last["active"] is False
    assert last["groups"][0]["runs"][0]["state"] == "Stopped"
    assert len(numbers(traces(last, "run")[0]["x"])) == 3


def test_runs_that_are_gone_or_have_no_episode_leave_the_others(lab: Lab) -> None:
    run_id = lab.run()
    answer = lab.figure([_UNKNOWN, run_id, "nonsense"])
    assert answer["missing"] == [_UNKNOWN, "nonsense"]
    assert len(traces(answer, "run")) == 1
    lab.follow(a_run_of(0))
    empty = lab.figure([lab.run()])
    assert empty["figure"]["data"] == []
    assert len(empty["groups"]) == 1
    for file in (
        "figure.csv",
        "figure.xlsx",
        "figure.parquet",
        "metrics.csv",
        "metrics.xlsx",
        "episodes.csv",
        "episodes.parquet",
        "figure.html",
    ):
        lab.text(file, [])
        lab.text(file, [_UNKNOWN])


@pytest.mark.parametrize(
    "query",
    [
        "x=loss",
        "y=x",
        "window=7",
        "groups=2",
        "lang=xx",
        "from=x",
        "points=-",
        "to=nan",
        "runs=" + ",".join(map(str, range(101))),
    ],
)
def test_a_wrong_query_is_told_so(lab: Lab, query: str) -> None:
    response = lab.client.get(f"/live/compare/figure.json?{query}")
    assert response.status_code == 400
    assert response.json()["error"].startswith(query.partition("=")[0])
