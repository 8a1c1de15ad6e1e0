"""What came of a class: collected as files and shown in figures, by its teachers alone."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from app_pages import to_page
from asgi_client import Client
from dqn_core.config import TrainingConfig
from dqn_core.events import Event
from dqn_core.lessons.catalog import LESSONS
from dqn_core.runs.classes.results import class_results
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.predictions import PredictionStore
from pages.classroom.charts import curves, parallel, scatter
from pages.classroom.report import best_of, best_text, prediction_lines
from pages.classroom.routes import class_routes
from pages.shared.visitor.identity import signer
from scripted_trainer import Mailbox, ended, episode, following, started, wait_for_end
from workbooks import formulas, read_workbook

_CONFIG = TrainingConfig(max_episodes=50)
_LESSON = next(iter(LESSONS))


def _measured(config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    """Three episodes; the smaller gamma, the better."""
    best = 100.0 * (1.0 - config.gamma)
    yield started()
    for number in range(1, 4):
        yield episode(number, eval_return=best)
    yield ended(episodes=3, best_eval=best)


class Taught:
    """A class with two members who trained and one who did not, and what its teacher asks for."""

    def __init__(self, manager: RunManager) -> None:
        self.manager = manager
        self.client = Client(Starlette(routes=class_routes(lambda: manager)))
        classroom = manager.classes.open("<b>Thursday</b>", "teacher")
        self.class_id = classroom.class_id
        for visitor, nickname in (("one", "미나"), ("two", "=1+1"), ("three", "<i>Ben")):
            manager.classes.join(classroom.code, visitor, nickname)
        self.runs = []
        for owner, gamma in (("one", 0.9), ("two", 0.5)):
            self.runs.append(manager.start(_CONFIG.replace(gamma=gamma), owner=owner))
            wait_for_end(manager, self.runs[-1])
        PredictionStore(manager.store.database).predict("three", _LESSON, 0)

    def get(self, name: str, ticket: str | None = None, more: str = "") -> tuple[int, bytes]:
        given = signer().collect_ticket(self.class_id) if ticket is None else ticket
        answer = self.client.get(f"/live/class/{name}?ticket={given}{more}")
        return answer.status_code, answer.content


@pytest.fixture
def taught(manager: RunManager) -> Taught:
    manager._scheduler._executors._trainer_factory = following(_measured)
    return Taught(manager)


@pytest.mark.parametrize("name", ["class.csv", "class.xlsx", "report.html", "class.zip"])
@pytest.mark.parametrize("ticket", ["", "20260401-143501-x7k2", "20260401-143501-x7k2.c2lnbmVk"])
def test_nobody_but_a_teacher_gets_anything(taught: Taught, name: str, ticket: str) -> None:
    status, content = taught.get(name, ticket)
    assert status == 403
    assert "Only a teacher" in json.loads(content)["error"]
    assert "미나".encode() not in content


def test_a_ticket_of_the_live_socket_collects_nothing(taught: Taught) -> None:
    assert taught.get("class.csv", signer().class_ticket(taught.class_id))[0] == 403
    assert signer().class_in(signer().collect_ticket(taught.class_id)) is None


@pytest.mark.parametrize(
    ("language", "said"), [("en", "held for 4 hours: reload the page of the class"), ("ko", "4시간 동안만")]
)
def test_a_link_ends_after_some_hours_and_says_what_to_do(
    taught: Taught, monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    ticket = signer().collect_ticket(taught.class_id)
    now += 4 * 3_600 - 1
    for name in ("class.csv", "class.xlsx", "report.html", "class.zip"):
        assert taught.get(name, ticket)[0] == 200
    now += 2
    for name in ("class.csv", "class.xlsx", "report.html", "class.zip"):
        status, content = taught.get(name, ticket, more=f"&lang={language}")
        assert status == 403
        assert said in json.loads(content)["error"]
        assert "미나".encode() not in content
    assert taught.get("class.csv")[0] == 200  # by a link of the page as it is drawn now


def test_the_table_names_everybody_and_holds_no_formula(taught: Taught) -> None:
    status, content = taught.get("class.csv")
    assert (status, content[:3]) == (200, b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["nickname"] for row in rows] == ["미나", "'=1+1", "<i>Ben"]
    assert [row["best_evaluation"] for row in rows] == ["10.0", "50.0", ""]
    assert [row["gamma"] for row in rows] == ["0.9", "0.5", ""]
    assert [row[f"prediction {_LESSON}"] for row in rows] == ["", "", "1"]


def test_the_table_with_decimal_commas(taught: Taught) -> None:
    content = taught.get("class.csv", more="&decimal=comma")[1].decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content), delimiter=";"))
    assert [row["gamma"] for row in rows] == ["0,9", "0,5", ""]


def test_the_workbook_holds_the_same(taught: Taught) -> None:
    content = taught.get("class.xlsx")[1]
    head, *rows = read_workbook(content)["class"]
    found = [dict(zip(head, row, strict=False)) for row in rows]
    assert [row["nickname"] for row in found] == ["미나", "=1+1", "<i>Ben"]
    assert [row.get("best_evaluation") for row in found] == [10.0, 50.0, None]
    assert formulas(content) == 0


def test_the_archive_holds_tables_report_and_runs(taught: Taught) -> None:
    with zipfile.ZipFile(io.BytesIO(taught.get("class.zip")[1])) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        assert names[:3] == ["class.csv", "class.xlsx", "report.html"]
        assert not [name for name in names if ".." in name or name.startswith("/") or "<" in name]
        assert len(names) == 3 + 2 * 2
        folder = f"runs/미나-{taught.runs[0]}"
        config = json.loads(opened.read(f"{folder}/config.json"))
        assert TrainingConfig.from_dict(config) == _CONFIG.replace(gamma=0.9)
        assert len(opened.read(f"{folder}/episodes.csv").splitlines()) == 4
        assert opened.read("class.csv") == taught.get("class.csv")[1]


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_report_can_be_printed_and_runs_nothing(taught: Taught, language: str) -> None:
    status, content = taught.get("report.html", more=f"&lang={language}")
    page = _Page(content.decode())
    assert status == 200
    assert {"미나", "=1+1", "<i>Ben", "<b>Thursday</b>"} <= set(page.texts)
    assert not {"script", "link", "img", "i", "b"} & set(page.tags)
    assert "@media print" in content.decode()


def test_what_is_not_there_is_said(taught: Taught) -> None:
    status, content = taught.get("class.exe")
    assert (status, "choose class.csv" in content.decode()) == (404, True)
    taught.manager.classes.remove_class(taught.class_id)
    assert taught.get("class.csv")[0] == 409


# ------------------------------------------------------------------------------------------------------------- figures


def test_the_figures_hold_every_run_by_nickname(taught: Taught) -> None:
    runs = class_results(taught.manager, taught.class_id).runs
    points = scatter(runs, "gamma", x_title="γ", y_title="evaluation", is_log=False).data[0]
    assert (list(points.x), [round(each, 6) for each in points.y]) == ([0.9, 0.5], [10.0, 50.0])
    assert [each[0] for each in points.customdata] == ["미나", "=1+1"]
    lines = parallel(runs, {"gamma": "γ", "hidden_sizes": "layers"}, value_label="evaluation").data[0]
    assert [each.label for each in lines.dimensions] == ["γ", "layers", "evaluation"]
    assert list(lines.dimensions[0]["values"]) == [0.9, 0.5]
    means = dict.fromkeys(taught.runs, (1.0, 2.0))
    drawn = curves(runs, means, taught.runs[0], x_title="", y_title="").data
    assert [each.name for each in drawn] == ["=1+1", "미나"]  # the best on top
    assert drawn[1].line.width > drawn[0].line.width
    assert list(drawn[0].x) == [50.0, 100.0]
    many = curves(runs * 4, means, taught.runs[0], x_title="", y_title="")
    assert {each.name for each in many.data if each.showlegend} == {"미나"}
    assert many.layout.showlegend


def test_what_the_best_did_otherwise_and_what_was_predicted_is_said(taught: Taught) -> None:
    results = class_results(taught.manager, taught.class_id)
    best = best_of(results.runs)
    assert best is not None
    assert best.member.nickname == "=1+1"
    text = best_text(best, results.runs, str)
    assert "=1+1" in text
    assert "0.5 (most often 0.9)" in text
    (line,) = prediction_lines(results, str)
    assert "1 of 1 said" in line
    assert LESSONS[_LESSON].labels[0] in line


def tab(opened: Callable[..., AppTest], visitor: str) -> AppTest:
    """The class's page as this visitor's browser shows it."""
    app = opened(page="start/page.py")
    app.session_state["visitor_id"] = visitor
    to_page(app, "classroom/page.py").run()
    assert not app.exception
    return app


def test_the_teachers_page_shows_the_class_as_one_experiment(taught: Taught, open_app: Callable[..., AppTest]) -> None:
    app = tab(open_app, "teacher")
    app.toggle(key=f"class-figures-{taught.class_id}").set_value(True).run()
    assert not app.exception
    shown = "\n".join(str(each.value) for each in app.get("markdown"))
    assert "Best run" in shown
    assert "1 of 1 said" in shown
    links = "".join(each.proto.body for each in app.get("html"))
    for name in ("class.csv", "class.xlsx", "class.zip", "report.html"):
        assert f'"live/class/{name}?ticket=' in links
    student = tab(open_app, "one")
    links = "".join(each.proto.body for each in student.get("html"))
    assert "live/class/" not in links
