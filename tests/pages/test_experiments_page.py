from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import to_page
from browser_sources import data_of
from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from dqn_core.runs.manager import RunManager
from live_tab import heard
from pages.experiments.topic import experiment_topic
from pages.experiments.wire import card
from scripted_trainer import wait_until

Opened = Callable[..., AppTest]
NAVIGATION = Path(pages.__file__).with_name("navigation.py")
SPEC = ExperimentSpec.sweep(TrainingConfig(max_episodes=10), "gamma", [0.9, 0.99], range(2))


@pytest.fixture
def open_experiments(manager: RunManager) -> Opened:
    def opened(locale: str = "en-US", **query: str) -> AppTest:
        app = AppTest.from_file(str(NAVIGATION), default_timeout=30)
        app.context = {"locale": locale}
        for name, value in query.items():
            app.query_params[name] = value
        to_page(app, "experiments/page.py").run()
        assert not app.exception
        return app

    return opened


def cards(app: AppTest) -> list[dict[str, Any]]:
    """What the page handed to the list."""
    (proto,) = (each.proto for each in app.get("bidi_component") if each.proto.component_name == "dqn_lab_experiments")
    values: list[dict[str, Any]] = data_of(proto)["experiments"]
    return values


def test_without_experiments_the_page_says_what_they_are_for(open_experiments: Opened) -> None:
    app = open_experiments()
    assert "No experiment yet" in [each.value for each in app.header]
    assert not app.button(key="experiment:start").disabled


def test_the_form_says_how_many_runs_it_makes(open_experiments: Opened) -> None:
    app = open_experiments()
    app.selectbox(key="experiment:field").set_value("gamma").run()
    app.text_input(key="experiment:values:gamma").set_value("0.9, 0.99").run()
    app.number_input(key="experiment:seeds").set_value(1).run()
    assert [each.value for each in app.caption if "=" in each.value] == [
        "2 values × 1 seed = 2 runs. Runs that cannot train at once wait for their turn."
    ]


def test_start_begins_every_run_of_the_form(open_experiments: Opened, manager: RunManager) -> None:
    app = open_experiments()
    app.text_input(key="experiment:name").set_value("Far or near").run()
    app.selectbox(key="experiment:field").set_value("gamma").run()
    app.text_input(key="experiment:values:gamma").set_value(" 0.9, 0.99").run()
    app.number_input(key="experiment:seeds").set_value(2).run()
    app.number_input(key="experiment:first-seed").set_value(5).run()
    app.button(key="experiment:start").click().run()
    assert not app.exception
    (status,) = Experiments(manager).latest()
    assert status.record.name == "Far or near"
    assert [(each.initial_config.gamma, each.initial_config.seed) for each in status.runs] == [
        (0.9, 5),
        (0.99, 5),
        (0.9, 6),
        (0.99, 6),
    ]
    (shown,) = cards(app)
    assert shown["name"] == "Far or near"
    assert shown["progress"] == "0 of 4 runs done"
    assert "Discount factor γ: 0.9, 0.99" in shown["facts"]
    assert "seeds 5, 6" in shown["facts"]
    assert shown["runs"].split(",") == [each.run_id for each in status.runs]


def test_words_and_widths_are_varied_too(open_experiments: Opened, manager: RunManager) -> None:
    app = open_experiments()
    app.selectbox(key="experiment:field").set_value("loss").run()
    assert app.multiselect(key="experiment:values:loss").value == ["mse", "huber"]
    app.selectbox(key="experiment:field").set_value("hidden_sizes").run()
    app.text_input(key="experiment:values:hidden_sizes").set_value("8; 16, 16").run()
    app.number_input(key="experiment:seeds").set_value(1).run()
    app.button(key="experiment:start").click().run()
    (status,) = Experiments(manager).latest()
    assert [each.initial_config.hidden_sizes for each in status.runs] == [(8,), (16, 16)]


@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ("gamma", "0.9, much", "Discount factor γ"),
        ("gamma", "0.9, 2", "Discount factor γ"),
        ("gamma", "", "needs at least one value"),
        ("gamma", "0.9, 0.9", "twice"),
        ("batch_size", "1.5", "must be a whole number"),
    ],
)
def test_values_that_cannot_be_are_named(open_experiments: Opened, field: str, values: str, said: str) -> None:
    app = open_experiments()
    app.selectbox(key="experiment:field").set_value(field).run()
    app.text_input(key=f"experiment:values:{field}").set_value(values).run()
    assert said in app.error[0].value
    assert app.button(key="experiment:start").disabled


def test_the_form_begins_with_the_run_in_the_address(open_experiments: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig(batch_size=77, max_episodes=123), "mine")
    app = open_experiments(run=run_id)
    assert app.selectbox(key="experiment:base").value == run_id
    assert app.number_input(key=f"experiment:episodes:{run_id}").value == 123
    app.selectbox(key="experiment:field").set_value("").run()
    app.number_input(key="experiment:seeds").set_value(1).run()
    app.button(key="experiment:start").click().run()
    (status,) = Experiments(manager).latest()
    assert status.runs[0].initial_config.batch_size == 77


def test_the_form_may_begin_with_the_train_pages_settings(open_app: Opened, manager: RunManager) -> None:
    app = open_app()
    app.number_input(key="new:max_episodes").set_value(77).run()
    to_page(app, "experiments/page.py").run()
    assert app.selectbox(key="experiment:base").value == "draft"
    assert app.number_input(key="experiment:episodes:draft").value == 77


def test_a_tab_hears_where_experiments_stand(manager: RunManager) -> None:
    topic = experiment_topic(lambda: manager)
    experiments = Experiments(manager)
    experiment_id = experiments.start(SPEC, "mine")
    wait_until(lambda: experiments.status(experiment_id).states[RunState.RUNNING] > 0)
    (message,) = heard(topic, most=1, experiments=[experiment_id, "nonsense"])
    (card,) = message["data"]
    assert (card["id"], card["active"], message["over"]) == (experiment_id, True, False)
    experiments.stop(experiment_id)
    wait_until(lambda: not experiments.status(experiment_id).is_active)
    (message,) = heard(topic, experiments=[experiment_id], language="ko")
    (card,) = message["data"]
    assert message["over"]  # nothing of them goes on
    assert (card["active"], card["can_resume"], card["states"]) == (False, True, "정지됨: 4")
    assert heard(topic, experiments=[])[0]["data"] == []
    for wrong in ("x", [1], list(map(str, range(21)))):
        (message,) = heard(topic, experiments=wrong)
        assert "experiments" in message["error"]


def test_the_page_is_there_in_korean(open_experiments: Opened, manager: RunManager) -> None:
    Experiments(manager).start(SPEC, "")
    app = open_experiments("ko-KR")
    assert app.title[0].value == "실험"
    assert "할인율 γ: 0.9, 0.99" in cards(app)[0]["facts"]


def test_a_card_says_what_came_of_the_runs_that_are_over(manager: RunManager) -> None:
    experiments = Experiments(manager)
    status = experiments.status(experiments.start(SPEC, "Far or near"))
    assert card(status, "en")["result"] == ""
    evals = {0.9: [100.0, 140.0], 0.99: [480.5]}
    runs = []
    for run in status.runs:
        of_variant = evals[run.initial_config.gamma]
        over = {"state": RunState.FINISHED, "best_eval": of_variant.pop()} if of_variant else {}
        runs.append(replace(run, **over))
    said = card(replace(status, runs=tuple(runs)), "en")["result"]
    assert said == "Best evaluation, mean over seeds: 0.9: 120 (n = 2) · 0.99: 480.5 (n = 1)"


def test_runs_that_end_before_epsilon_has_decayed_are_said_before_the_start(open_experiments: Opened) -> None:
    app = open_experiments()
    app.selectbox(key="experiment:base").set_value("CartPole-v1:fast").run()
    assert not app.warning
    app.number_input(key="experiment:episodes:CartPole-v1:fast").set_value(5).run()
    assert [each.value.partition(" before epsilon has decayed")[0] for each in app.warning] == ["The run ends"]
    app.selectbox(key="experiment:field").set_value("epsilon_decay_steps").run()
    app.text_input(key="experiment:values:epsilon_decay_steps").set_value("1000, 20000").run()
    (told,) = (each.value for each in app.warning)
    assert told.startswith("**Epsilon decay steps 20,000**: The run ends before epsilon has decayed")
    assert not app.button(key="experiment:start").disabled
