from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import to_page
from browser_sources import data_of
from dqn_core.config import TrainingConfig
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunRecord
from pages.shared.links import MOST_COMPARED

Opened = Callable[..., AppTest]
NAVIGATION = Path(pages.__file__).with_name("navigation.py")


@pytest.fixture
def open_compare(manager: RunManager) -> Opened:
    """Open the Compare page in a new tab, with an address."""

    def opened(locale: str = "en-US", **query: str) -> AppTest:
        app = AppTest.from_file(str(NAVIGATION), default_timeout=30)
        app.context = {"locale": locale}
        for name, value in query.items():
            app.query_params[name] = value
        to_page(app, "compare/page.py").run()
        assert not app.exception
        return app

    return opened


def component(app: AppTest, name: str) -> dict[str, Any]:
    """What the page handed to one of its components."""
    (proto,) = (each.proto for each in app.get("bidi_component") if each.proto.component_name == name)
    return data_of(proto)


def started(manager: RunManager, spec: ExperimentSpec) -> Sequence[RunRecord]:
    """The runs of a new experiment."""
    experiments = Experiments(manager)
    return experiments.status(experiments.start(spec, "")).runs


def query(app: AppTest) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(component(app, "dqn_lab_compare")["query"]).items()}


def test_without_runs_the_page_says_what_to_do(open_compare: Opened) -> None:
    app = open_compare()
    assert app.title[0].value == "Compare runs"
    assert "Choose runs in the list" in [each.value for each in app.header]
    assert component(app, "dqn_lab_run_table")["selected"] == []


def test_the_runs_in_the_address_are_compared(open_compare: Opened, manager: RunManager) -> None:
    first, second = manager.start(TrainingConfig(seed=1)), manager.start(TrainingConfig(seed=2), "second")
    app = open_compare(runs=f"{second},{first},{second}")
    table = component(app, "dqn_lab_run_table")
    assert table["selected"] == [second, first]
    assert table["most"] == MOST_COMPARED
    assert query(app)["runs"] == f"{second},{first}"


def test_choices_stand_in_the_address_and_come_from_it(open_compare: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig())
    app = open_compare(runs=run_id, y="loss_mean", window="50", log="1", groups="0", x="nonsense")
    assert query(app) == {
        "runs": run_id,
        "x": "env_step",
        "y": "loss_mean",
        "window": "50",
        "groups": "0",
        "singles": "0",
        "beyond": "0",
        "lang": "en",
    }
    assert component(app, "dqn_lab_compare")["log"] is True
    app.selectbox(key="address:y").set_value("epsilon").run()
    app.toggle(key="address:log").set_value(False).run()
    app.select_slider(key="address:window").set_value("1").run()
    assert app.query_params["y"] == "epsilon"
    assert not {"log", "window"} & set(app.query_params)
    assert query(app)["y"] == "epsilon"


def test_bands_are_offered_over_env_steps_alone(open_compare: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig())
    app = open_compare(runs=run_id)
    assert not app.toggle(key="address:groups").disabled
    app = open_compare(runs=run_id, x="episode")
    assert app.toggle(key="address:groups").disabled


def test_the_page_is_there_in_korean(open_compare: Opened, manager: RunManager) -> None:
    app = open_compare("ko-KR", runs=manager.start(TrainingConfig()))
    assert app.title[0].value == "실행 비교"
    assert query(app)["lang"] == "ko"


def test_without_an_address_the_run_last_shown_is_there_until_it_is_taken_out(
    open_app: Opened, manager: RunManager
) -> None:
    run_id = manager.start(TrainingConfig())
    app = open_app(run=run_id)
    app.query_params.clear()
    to_page(app, "compare/page.py").run()
    assert query(app)["runs"] == run_id
    assert app.query_params["runs"] == run_id
    app.query_params["runs"] = ""
    app.run()
    assert "Choose runs in the list" in [each.value for each in app.header]


def test_the_train_page_links_to_the_comparison_with_the_experiment(open_app: Opened, manager: RunManager) -> None:
    alone = manager.start(TrainingConfig())
    spec = ExperimentSpec(base=TrainingConfig(), seeds=(0, 1))
    together = [run.run_id for run in started(manager, spec)]
    for shown, runs in ((alone, [alone]), (together[1], together)):
        (link,) = (each for each in open_app(run=shown).get("page_link") if each.proto.label == "Compare")
        assert parse_qs(link.proto.query_string)["runs"] == [",".join(runs)]
