from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from dqn_core.config import TrainingConfig
from dqn_core.events import Event
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.searches import SearchStatus, SearchTrial
from dqn_core.runs.manager import RunManager
from pages.search.charts import parallel
from scripted_trainer import Mailbox, ended, episode, following, started, wait_until

Opened = Callable[..., AppTest]
SPEC = SearchSpec(
    base=TrainingConfig(max_env_steps=200, warmup_steps=0),
    ranges=(SearchRange(field="gamma", low=0.5, high=1.0), SearchRange(field="loss", choices=("mse", "huber"))),
    trials=5,
)


def better_with_gamma(config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    yield started()
    for number in range(1, 11):
        yield episode(number, eval_return=100.0 * config.gamma)
    yield ended(episodes=10)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    pages.server.process.close_manager()
    own = RunManager(tmp_path, trainer_factory=following(better_with_gamma))
    pages.server.process._managers.append(own)
    yield own
    pages.server.process.close_manager()


@pytest.fixture
def opened(open_app: Opened) -> Callable[..., AppTest]:
    return lambda **query: open_app(page="search/page.py", **query)


def button(app: AppTest, start: str) -> object:
    return next(each for each in app.button if each.label.startswith(start))


def test_without_a_search_the_page_says_what_one_is(opened: Opened) -> None:
    app = opened()
    assert "No search yet" in [each.value for each in app.header]


def test_the_form_starts_a_search(opened: Opened) -> None:
    app = opened()
    app.number_input(key="search:trials").set_value(3).run()
    button(app, "Start search").click().run()
    assert not app.exception
    searches = pages.server.process.get_searches()
    ((search_id, name),) = searches.listed()
    assert name == "CartPole-v1"
    spec = searches.status(search_id).spec
    assert (spec.trials, [each.field for each in spec.ranges]) == (3, ["learning_rate", "gamma"])
    wait_until(lambda: not searches.status(search_id).is_active)


def test_a_wrong_range_is_named_and_keeps_the_search_from_starting(opened: Opened) -> None:
    app = opened()
    app.text_input(key="search:low:gamma").set_value("2").run()
    assert button(app, "Start search").disabled
    assert any("Discount factor γ" in each.value for each in app.error)
    app.text_input(key="search:low:gamma").set_value("much").run()
    assert any("must be a number" in each.value for each in app.error)


def test_the_best_is_opened_on_the_train_page(opened: Opened) -> None:
    searches = pages.server.process.get_searches()
    search_id = searches.start(SPEC, "a search")
    wait_until(lambda: not searches.status(search_id).is_active)
    best = searches.status(search_id).best_config()
    app = opened()
    (table,) = app.dataframe
    assert len(table.value) == 5
    button(app, "Open the best").click().run()
    assert not app.exception
    assert app.session_state["new:draft"] == best.to_dict()
    assert app.title[0].value == "Train an agent"


def test_ranges_that_exclude_each_other_are_refused_in_the_form(opened: Opened) -> None:
    app = opened()
    app.multiselect(key="search:fields").set_value(["epsilon_start", "epsilon_end"]).run()
    ends = {
        "low:epsilon_start": "0.01",
        "high:epsilon_start": "0.02",
        "low:epsilon_end": "0.5",
        "high:epsilon_end": "0.9",
    }
    for name, value in ends.items():
        app.text_input(key=f"search:{name}").set_value(value)
    app.run()
    assert not app.exception
    assert "compatible with" in app.error[0].value
    assert button(app, "Start search").disabled  # type: ignore[attr-defined]
    app.text_input(key="search:low:epsilon_end").set_value("0.001").run()
    assert not app.error
    assert not button(app, "Start search").disabled  # type: ignore[attr-defined]


def value_words(_field: str, value: object) -> str:
    return f"{value}!"


def by_factors(low: float, high: float) -> SearchRange:
    return SearchRange(field="learning_rate", low=low, high=high, is_log=True)


@pytest.mark.parametrize(
    ("searched", "values", "ticks"),
    [
        (by_factors(5e-5, 1e-3), (6e-5, 9e-4), ["5e-5", "1e-4", "2e-4", "5e-4", "0.001"]),
        (by_factors(3e-7, 2e-2), (6e-5, 9e-4), ["1e-6", "1e-5", "1e-4", "0.001", "0.01"]),
        (SearchRange(field="loss", choices=("mse", "huber")), ("mse", "huber"), ["mse!", "huber!"]),
    ],
)
def test_an_axis_of_all_settings_reaches_as_far_as_was_searched_with_round_numbers(
    searched: SearchRange, values: tuple[object, ...], ticks: list[str]
) -> None:
    spec = SearchSpec(base=SPEC.base, ranges=(searched, SPEC.ranges[0]))
    trials = tuple(
        SearchTrial(
            number=number,
            run_id=f"run-{number}",
            state="complete",
            value=float(number),
            changes={searched.field: value, "gamma": 0.9},
        )
        for number, value in enumerate(values)
    )
    status = SearchStatus(
        search_id="s", name="s", owner="", spec=spec, trials=trials, importances={}, is_active=False, error=None
    )
    axes = (
        parallel(status, {searched.field: "One", "gamma": "Two"}, value_label="Three", text=value_words)
        .data[0]
        .dimensions
    )
    assert list(axes[0].ticktext) == ticks
    assert axes[1].range == (0.5, 1.0)
    for axis in axes:
        low, high = axis.range or (min(axis["values"]), max(axis["values"]))
        assert all(low <= each <= high for each in (*axis["values"], *(axis.tickvals or ())))


def test_trials_that_end_before_epsilon_has_decayed_are_said_before_the_start(opened: Opened) -> None:
    app = opened()
    app.selectbox(key="search:base").set_value("CartPole-v1:fast").run()
    assert not app.warning
    app.number_input(key="search:steps:CartPole-v1:fast").set_value(4_000).run()
    assert "before epsilon has decayed" in app.warning[0].value
    assert not button(app, "Start search").disabled
    app.multiselect(key="search:fields").set_value(["gamma", "epsilon_decay_steps"]).run()
    assert not app.warning
