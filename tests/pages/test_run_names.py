"""Names of runs: the examples' are said in the reader's language, those that people gave are never translated."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from asgi_client import Client
from dqn_core.config import TrainingConfig
from dqn_core.runs.examples import EXAMPLE_NAMES, EXAMPLES_OWNER
from dqn_core.runs.manager import RunManager
from dqn_core.runs.run_list import RunList
from live_tab import heard
from pages.compare.routes import compare_routes
from pages.shared.run_table.topic import run_list_topic
from scripted_trainer import wait_for_end

NAME, KOREAN = EXAMPLE_NAMES["CartPole-v1"], "예시: CartPole"


def run(manager: RunManager, owner: str, name: str = NAME, seed: int = 0) -> str:
    run_id = manager.start(TrainingConfig(seed=seed), name, owner=owner)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    return run_id


@pytest.mark.parametrize(
    ("owner", "name", "shown"),
    [(EXAMPLES_OWNER, NAME, KOREAN), (EXAMPLES_OWNER, "Pause", "Pause"), ("somebody", NAME, NAME)],
)
def test_only_an_examples_own_name_is_translated(
    open_app: Callable[..., AppTest], manager: RunManager, owner: str, name: str, shown: str
) -> None:
    run_id = run(manager, owner, name)
    assert open_app(run=run_id, locale="ko-KR").title[0].value == shown
    assert open_app(run=run_id, locale="en-US").title[0].value == name


def test_the_list_of_runs_is_in_each_tabs_language(manager: RunManager) -> None:
    ids = [run(manager, owner) for owner in (EXAMPLES_OWNER, "somebody")]
    topic = run_list_topic(lambda: RunList(manager))
    for language, shown in (("ko", [KOREAN, NAME]), ("en", [NAME, NAME])):
        (message,) = heard(topic, most=1, language=language)
        names = {each["id"]: each["name"] for each in message["data"]["runs"]}
        assert [names[run_id] for run_id in ids] == shown


def test_a_comparison_names_them_in_the_readers_language(manager: RunManager) -> None:
    ids = ",".join([run(manager, EXAMPLES_OWNER), run(manager, "somebody", seed=1)])
    answer = Client(Starlette(routes=compare_routes(lambda: manager))).get(
        f"/live/compare/figure.json?runs={ids}&lang=ko"
    )
    (group,) = answer.json()["groups"]
    assert {each["name"] for each in group["runs"]} == {KOREAN, NAME}
