"""The Q-table in "Inside the agent": every state of a small world, beside what value iteration says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pages.server.process
from dqn_core.events import RunState
from dqn_core.inside.table import state_table
from dqn_core.presets import preset_config
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from inside_page import figures, numbers, opened
from scripted_trainer import wait_for_end


def trained(lab: RunManager, env_id: str, **settings: Any) -> str:
    """A run of the preset that is over, solved or not."""
    config = preset_config(env_id, "fast").replace(compute="fused", **settings)
    run_id = lab.start(config)
    wait_for_end(lab, run_id)
    assert lab.snapshot(run_id).record.state is RunState.FINISHED
    return run_id


@pytest.fixture(scope="module")
def cliff(lab: RunManager) -> str:
    return trained(lab, "CliffWalking-v1")


def heat(app: Any, name: str) -> dict[str, Any]:
    trace: dict[str, Any] = figures(app)[name]["figure"]["data"][0]
    return trace


def test_the_table_shows_what_the_agent_expects_in_every_state(lab: RunManager, cliff: str) -> None:
    app = opened(run=cliff, part="table")
    assert not app.error
    shown = heat(app, "table")
    agent = pages.server.process.get_library().checkpoint(RunFolder.open(lab.run_folder(cliff))).agent
    learned = agent.learner().q_values(np.eye(48, dtype=np.float32))
    values = numbers(shown["z"]).astype(float)
    assert values.shape == (4, 12)
    assert values[3, 0] == pytest.approx(learned[36].max(), rel=1e-5)
    assert np.isnan(values[3, 1:]).all()  # nobody stands in the cliff, or goes on from the goal
    assert shown["text"][3][0].startswith("S ↑<br>-")
    assert shown["text"][3][5] == "C"
    assert "row 3, column 0" in shown["customdata"][3][0]
    assert "go up" in shown["customdata"][3][0]


def test_the_optimal_values_and_the_difference_are_beside_it(lab: RunManager, cliff: str) -> None:
    app = opened(run=cliff, part="table")
    best = state_table(lab.snapshot(cliff).record.config)
    assert best is not None
    assert best.optimal is not None
    optimal = numbers(heat(app, "table-optimal")["z"]).astype(float)
    assert optimal[3, 0] == pytest.approx(best.optimal[36].max())
    assert any("The greedy action is optimal in" in each.value for each in app.markdown)
    app.segmented_control(key=f"{cliff}:table-view").set_value("difference").run()
    difference = numbers(heat(app, "table-difference")["z"]).astype(float)
    learned = numbers(heat(app, "table")["z"]).astype(float)
    assert difference[2, 3] == pytest.approx(learned[2, 3] - optimal[2, 3], abs=1e-5)


def test_passenger_and_destination_are_chosen(lab: RunManager) -> None:
    run_id = trained(lab, "Taxi-v4", max_env_steps=2_100, goal_score=None, evaluate_every=0)
    app = opened(run=run_id, part="table")
    first = numbers(heat(app, "table")["z"]).astype(float)
    assert first.shape == (5, 5)
    assert len(figures(app)["table"]["figure"]["layout"]["shapes"]) == 6
    app.selectbox(key=f"{run_id}:table-0").set_value(4).run()
    assert "passenger in the taxi" in heat(app, "table")["customdata"][0][0]


def test_blackjack_is_shown_without_optimal_values(lab: RunManager) -> None:
    run_id = trained(lab, "Blackjack-v1", max_env_steps=2_100, evaluate_every=0)
    app = opened(run=run_id, part="table")
    assert numbers(heat(app, "table")["z"]).shape == (18, 10)
    assert any("does not give its transitions" in each.value for each in app.caption)
    assert "table-optimal" not in figures(app)
    app.selectbox(key=f"{run_id}:table-0").set_value(1).run()
    assert numbers(heat(app, "table")["z"]).shape == (10, 10)


def test_values_of_a_formula_are_not_compared(lab: RunManager) -> None:
    run_id = trained(lab, "CliffWalking-v1", max_env_steps=1_500, reward_formula="reward / 10", goal_score=None)
    app = opened(run=run_id, part="table")
    assert any("learns from a reward formula" in each.value for each in app.caption)
    assert "table-optimal" not in figures(app)


@pytest.mark.parametrize("part", ["table", "landscape"])
def test_it_is_drawn_in_korean_too(cliff: str, part: str) -> None:
    app = opened("ko-KR", run=cliff, part=part)
    assert not app.error
    assert not app.exception
