"""The first page: where it leads, and that addresses of earlier versions lead on from it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

from streamlit.testing.v1 import AppTest

from dqn_core.config import TrainingConfig
from dqn_core.runs.examples import EXAMPLES_OWNER
from dqn_core.runs.manager import RunManager
from scripted_trainer import wait_for_end

Opened = Callable[..., AppTest]


def links(app: AppTest) -> dict[str, tuple[str, dict[str, list[str]]]]:
    """The page and the query of each link, by label; of several that are called the same, the first."""
    found = {}
    for each in app.get("page_link"):
        query = parse_qs(each.proto.query_string, keep_blank_values=True)
        found.setdefault(each.proto.label, (each.proto.page, query))
    return found


def test_the_first_visit_offers_three_ways(open_app: Opened) -> None:
    found = links(open_app(page="start/page.py"))
    assert found["Train your own"][1]["run"] == [""]
    assert found["Beat it"][1]["run"] == ["LunarLander-v3"]
    assert "lesson" in found["First lesson"][1]


def test_runs_are_shown_and_the_example_is_the_one_to_beat(open_app: Opened, manager: RunManager) -> None:
    example = manager.start(TrainingConfig(env_id="LunarLander-v3"), owner=EXAMPLES_OWNER)
    manager.rename(example, "*The* example")
    manager.start(TrainingConfig(), owner="somebody-else-000")
    app = open_app(page="start/page.py")
    assert links(app)["Beat it"][1]["run"] == [example]
    assert [each.value for each in app.header] == ["Trained agents to explore"]
    assert any("The" in each.value and "<em>" not in each.value for each in app.markdown)
    manager.start(TrainingConfig())
    app = open_app(page="start/page.py")
    assert [each.value for each in app.header] == ["Your last runs", "Trained agents to explore"]


def test_an_agent_of_an_environment_with_presets_can_be_played_against(open_app: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig(env_id="MinAtar/Breakout-v1"))
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    found = [
        parse_qs(each.proto.query_string)["run"]
        for each in open_app(page="start/page.py").get("page_link")
        if each.proto.label == "Beat it"
    ]
    assert [run_id] in found


def test_the_address_of_a_run_of_an_earlier_version_leads_on_to_it(open_app: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig())
    app = open_app(page="start/page.py", run=run_id, lang="ko")
    assert app.title[0].value == manager.snapshot(run_id).record.name
    assert dict(app.query_params) == {"run": run_id, "lang": "ko"}
