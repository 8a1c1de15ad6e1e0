"""The page "Inside the agent" on a run that has really trained: what it shows is what the core computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pages.server.process
from dqn_core.episodes.human import play_by_hand
from dqn_core.inside.agent import AgentCheckpoint
from dqn_core.inside.landscape import Plane, landscape
from dqn_core.runs.jobs.orders import overestimation_order
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from inside_page import PARTS, figures, finished, formulas, numbers, opened
from scripted_trainer import wait_until


@pytest.fixture(scope="module")
def run_id(lab: RunManager) -> str:
    """A short CartPole run that is over."""
    return finished(lab, compute="fused", max_episodes=6, gradient_clip_value=0.05, hidden_sizes=(12, 10))


@pytest.fixture(scope="module")
def checkpoint(lab: RunManager, run_id: str) -> AgentCheckpoint:
    return pages.server.process.get_library().checkpoint(RunFolder.open(lab.run_folder(run_id)))


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_drawn_in_both_languages(run_id: str, part: str, locale: str) -> None:
    app = opened(locale, run=run_id, part=part)
    assert not app.error


def test_only_the_part_in_the_address_is_drawn(run_id: str) -> None:
    assert set(figures(opened(run=run_id, part="network"))) == {"network", "weights", "gradients"}
    assert set(figures(opened(run=run_id, part="update"))) == {"update"}
    assert figures(opened(run=run_id)) == {}


def test_the_newest_run_is_looked_into_where_the_address_names_none(run_id: str) -> None:
    app = opened()
    assert app.query_params["run"] == run_id
    app = opened(run="20260101-000000-abcd")
    assert "There is no run" in app.warning[0].value


# ---------------------------------------------------------------------------------------------- environment


def test_the_environment_is_described_and_stepped_by_hand(run_id: str, checkpoint: AgentCheckpoint) -> None:
    app = opened(run=run_id)
    table = app.table[0].value
    assert list(table["Meaning and unit"])[2] == "pole angle (rad)"
    assert list(table["To"]) == ["4.8", "∞", "0.4189", "∞"]
    low, high = checkpoint.replay.observations[:, 0].min(), checkpoint.replay.observations[:, 0].max()
    assert next(iter(table["Range in memory"])) == f"{float(f'{low:.4g}'):g} … {float(f'{high:.4g}'):g}"

    for _ in range(2):
        app.button(key=f"{run_id}:by-hand-1").click().run()
    episode = play_by_hand(checkpoint.agent.config, 0, (1, 1))
    outcome, states = app.table[1].value, app.table[2].value
    assert list(outcome.iloc[:, -1]) == ["1 · push right", "1", "no (0)", "no (0)", "2"]
    assert list(states["s'"].astype(float)) == pytest.approx(episode.observations[2], abs=1e-4)
    assert list(states["s"].astype(float)) == pytest.approx(episode.observations[1], abs=1e-4)

    app.button(key=f"{run_id}:by-hand-agent").click().run()
    chosen = int(checkpoint.agent.learner().act(episode.observations[2]))
    assert app.session_state[f"{run_id}:by-hand"] == [1, 1, chosen]
    for _ in range(12):
        app.button(key=f"{run_id}:by-hand-1").click().run()
        if app.button(key=f"{run_id}:by-hand-1").disabled:
            break
    assert "The task is over." in app.info[0].value
    app.button(key=f"{run_id}:by-hand-reset").click().run()
    assert app.session_state[f"{run_id}:by-hand"] == []


# -------------------------------------------------------------------------------------------------- network


def test_the_layers_are_counted(lab: RunManager, run_id: str) -> None:
    table = opened(run=run_id, part="network").table[0].value
    assert list(table["Shape"]) == ["4 → 12", "12 → 10", "10 → 2", ""]
    assert list(table["Weights and biases"]) == ["60", "130", "22", "**212**"]


@pytest.mark.parametrize(("env_id", "total"), [("CartPole-v1", "1,282"), ("LunarLander-v3", "1,476")])
def test_the_class_labs_networks_have_their_sizes(lab: RunManager, env_id: str, total: str) -> None:
    lab8 = finished(lab, env_id=env_id, hidden_sizes=(32, 32), max_episodes=1, max_episode_steps=30)
    table = opened(run=lab8, part="network").table[0].value
    assert list(table["Weights and biases"])[-1] == f"**{total}**"


def test_the_drawing_shows_what_the_network_answers(run_id: str, checkpoint: AgentCheckpoint) -> None:
    app = opened(run=run_id, part="network")
    app.number_input(key=f"{run_id}:network-memory").set_value(7).run()
    state = checkpoint.replay.observations[7]
    columns = [trace for trace in figures(app)["network"]["figure"]["data"] if "columns" in trace["meta"]]
    assert [float(row[1]) for row in columns[0]["customdata"]] == pytest.approx(state.tolist())
    q_values = checkpoint.agent.learner().q_values(state[None])[0]
    assert [float(row[1]) for row in columns[-1]["customdata"]] == pytest.approx(q_values.tolist(), rel=1e-4)
    assert len(columns) == 4


def test_histograms_cover_the_whole_training(lab: RunManager, run_id: str) -> None:
    figure = figures(opened(run=run_id, part="network"))["weights"]["figure"]["data"][0]
    steps = [info.env_step for info in RunFolder.open(lab.run_folder(run_id)).snapshots() if info.kind == "kept"]
    assert figure["x"] == sorted(set(steps))
    assert numbers(figure["z"]).sum(axis=0) == pytest.approx(1.0)


# --------------------------------------------------------------------------------------------------- update


def test_the_update_shown_is_the_one_that_the_learner_makes(run_id: str, checkpoint: AgentCheckpoint) -> None:
    app = opened(run=run_id, part="update")
    key = f"{run_id}:update"
    app.number_input(key=f"{key}-row").set_value(3).run()
    told = checkpoint.explain(checkpoint.draw(0))
    known_from = {
        f"{told.terms.next_values[3]:.4f}": 2,
        f"{told.terms.targets[3]:.4f}": 3,
        f"{told.terms.td_errors[3]:.4f}": 3,
        f"{told.terms.losses[3]:.5g}": 4,
    }
    for step in range(5):
        assert app.session_state[f"{key}-step"] == step
        assert [each.value.partition(" · ")[0] for each in app.header if " · " in each.value] == [str(step + 1)]
        assert {value for value in known_from if value in formulas(app)} == {
            value for value, first in known_from.items() if step >= first
        }
        if step == 4:
            assert rf"\rVert = {told.gradient_norm:.5g}" in formulas(app)
            assert any(f"norm of {told.clipped_norm:.5g}" in each.value for each in app.caption)
        app.button(key=f"{key}-step-next").click().run()
    assert app.button(key=f"{key}-step-next").disabled

    indices = checkpoint.draw(0).indices
    learner = checkpoint.agent.learner()
    learner.take_statistics()
    terms = learner.terms(checkpoint.replay, indices)
    learner.update(checkpoint.replay, indices)
    after = learner.q_values(checkpoint.replay.observations[indices])
    taken = np.arange(len(indices)), checkpoint.replay.actions[indices].astype(int)
    table = app.dataframe[0].value
    assert list(table["in memory"]) == indices.tolist()
    expected = {
        "r": checkpoint.replay.rewards[indices],
        "d": checkpoint.replay.terminated[indices],
        "Q(s, a)": terms.q_values[taken],
        "Q_target(s', a')": terms.next_values,
        "y": terms.targets,
        "δ": terms.td_errors,
        "loss": terms.losses,
        "Q(s, a) after": after[taken],
    }
    for name, values in expected.items():
        assert np.array_equal(table[name].to_numpy(), values), name

    text = formulas(app)
    for value in (
        terms.q_values[taken][3],
        terms.next_values[3],
        terms.targets[3],
        terms.td_errors[3],
        after[taken][3],
    ):
        assert f"{value:.4f}" in text
    assert f"{learner.take_statistics().loss_mean:.5g}" in text
    assert f"{terms.losses[3]:.5g}" in text
    before, now = (numbers(trace["y"]) for trace in _by_meta(figures(app)["update"], "td_error"))
    assert np.array_equal(before, terms.td_errors)
    assert np.array_equal(now, terms.targets - after[taken])


def _by_meta(figure: dict[str, Any], column: str) -> list[dict[str, Any]]:
    traces = figure["figure"]["data"]
    return [trace for trace in traces if trace["meta"].get("columns", {}).get("y") == column]


def test_gamma_and_learning_rate_recompute_the_update(run_id: str, checkpoint: AgentCheckpoint) -> None:
    app = opened(run=run_id, part="update")
    app.select_slider(key=f"{run_id}:update-gamma").set_value(0.5).run()
    app.select_slider(key=f"{run_id}:update-learning_rate").set_value(0.05).run()
    told = checkpoint.explain(checkpoint.draw(0), gamma=0.5, learning_rate=0.05)
    table = app.dataframe[0].value
    assert np.array_equal(table["y"].to_numpy(), told.terms.targets)
    taken = np.arange(len(table)), checkpoint.replay.actions[checkpoint.draw(0).indices].astype(int)
    assert np.array_equal(table["Q(s, a) after"].to_numpy(), told.q_after[taken])
    app.button(key=f"{run_id}:update-reset").click().run()
    assert app.select_slider(key=f"{run_id}:update-gamma").value == 0.99
    assert np.array_equal(app.dataframe[0].value["y"].to_numpy(), checkpoint.explain(checkpoint.draw(0)).terms.targets)


def test_another_batch_is_another_draw(run_id: str, checkpoint: AgentCheckpoint) -> None:
    app = opened(run=run_id, part="update")
    app.button(key=f"{run_id}:update-draw").click().run()
    assert list(app.dataframe[0].value["in memory"]) == checkpoint.draw(1).indices.tolist()


@pytest.mark.parametrize(
    ("settings", "formula", "sentence"),
    [
        ({"double_dqn": True, "loss": "huber"}, r"arg\,max", "Double DQN"),
        ({"n_step": 3}, r"\gamma^{n}", "3-step returns"),
        ({"prioritized_replay": True}, r"w_i \ell_i", "Prioritized replay"),
        ({"dueling": True}, r"\max_{a'}", "Dueling heads"),
        ({"distribution": "quantile", "quantiles": 5}, r"\tau_i", "Quantiles of the return"),
        ({"mixed_precision": True}, r"delta}^2", "Mixed precision"),
        ({"noisy_nets": True, "mistake_cut_at_truncation": True}, r"delta}^2", "The network is noisy"),
    ],
)
def test_every_variant_shows_its_own_formulas(
    lab: RunManager, settings: dict[str, Any], formula: str, sentence: str
) -> None:
    variant = finished(lab, compute="auto", **settings)
    app = opened(run=variant, part="update")
    app.session_state[f"{variant}:update-step"] = 5
    app.run()
    assert not app.exception
    checkpoint = pages.server.process.get_library().checkpoint(RunFolder.open(lab.run_folder(variant)))
    told = checkpoint.explain(checkpoint.draw(0))
    assert f"{told.terms.targets[0]:.4f}" in formulas(app)
    assert f"{told.loss:.5g}" in formulas(app)
    assert any(formula in each.value for each in app.latex)
    assert any(sentence in each.value for each in app.markdown)
    for part in ("network", "memory"):
        assert not opened(run=variant, part=part).error


# ------------------------------------------------------------------------------------- landscape and memory


def test_the_landscape_is_what_the_agents_of_the_training_say(
    lab: RunManager, run_id: str, checkpoint: AgentCheckpoint
) -> None:
    app = opened(run=run_id, part="landscape")
    shown = figures(app)
    heat = shown["landscape"]["figure"]["data"][0]
    x, y = numbers(heat["x"]), numbers(heat["y"])
    plane = Plane(x=0, y=2, x_values=x, y_values=y, base=checkpoint.replay.observations[0])
    agents = pages.server.process.get_library().agents(RunFolder.open(lab.run_folder(run_id)), 24, now=checkpoint.agent)
    frames = shown["landscape"]["frames"]
    assert len(frames) == len(agents) == 7
    for frame, greedy, agent in zip(frames, shown["policy"]["frames"], agents, strict=True):
        expected = landscape(agent.learner(), plane)
        assert np.array_equal(numbers(frame["data"][0]["z"]), expected.max_q)
        assert np.array_equal(numbers(greedy["data"][0]["z"]), expected.greedy)
    assert frames[0]["name"] == "before training"
    assert frames[-1]["name"] == f"episode {checkpoint.agent.episode}, step {checkpoint.agent.env_step}"
    visits = shown["landscape"]["figure"]["data"][1]
    assert np.array_equal(numbers(visits["x"]), checkpoint.replay.observations[:, 0])


def test_the_memory_is_counted_and_can_be_resized_on_trial(run_id: str, checkpoint: AgentCheckpoint) -> None:
    app = opened(run=run_id, part="memory")
    replay = checkpoint.replay
    count = len(replay)
    metrics = {each.label: each.value for each in app.metric}
    assert metrics["Transitions"] == f"{count:,}"
    assert metrics["Capacity"] == "500"
    assert metrics["Oldest"] == f"{count - 1} steps ago"
    ends = int(replay.terminated.sum())
    assert metrics["Terminal rows"] == f"{ends} ({ends / count:.1%})"
    actions = figures(app)["actions"]["figure"]["data"][0]
    counts = np.bincount(replay.actions.astype(int), minlength=2) / count
    assert numbers(actions["y"]) == pytest.approx(counts)
    coverage = figures(app)["coverage"]["figure"]["data"][0]
    assert np.array_equal(numbers(coverage["customdata"])[:, 0], replay.ages)

    app.select_slider(key=f"{run_id}:memory-size-500").set_value(100).run()
    metrics = {each.label: each.value for each in app.metric}
    assert (metrics["Transitions"], metrics["Oldest"]) == ("100", "99 steps ago")
    assert len(replay) == count


# ------------------------------------------------------------------------------------- overestimation and checks


def test_overestimation_is_measured_on_request(lab: RunManager, run_id: str) -> None:
    app = opened(run=run_id, part="overestimation")
    assert set(figures(app)) == {"td-errors", "epsilon"}
    assert "Not measured yet" in app.info[0].value
    app.select_slider(key=f"{run_id}:overestimation-episodes").set_value(1).run()
    app.button(key=f"{run_id}:overestimation-measure").click().run()
    job = overestimation_order(lab, run_id, episodes=1, snapshots=24).job(pages.server.process.get_jobs())
    assert job is not None
    wait_until(lambda: job.state.is_over)
    assert job.result == 7
    shown = figures(app.run())["overestimation"]["figure"]["data"]
    assert len(shown[0]["x"]) == 7
    lines = [trace["name"] for trace in shown if trace["mode"] == "lines"]
    assert lines == ["predicted: max Q(s₀, a)", "actual return"]


def test_addresses_of_earlier_versions_open_the_same_part(run_id: str) -> None:
    assert set(figures(opened(run=run_id, part="honesty"))) == set(figures(opened(run=run_id, part="overestimation")))


def test_td_errors_over_the_training_are_the_learners_own(
    lab: RunManager, run_id: str, checkpoint: AgentCheckpoint
) -> None:
    figure = figures(opened(run=run_id, part="overestimation"))["td-errors"]["figure"]
    median = next(trace for trace in figure["data"] if trace["name"] == "median")
    every = np.arange(len(checkpoint.replay))
    agents = pages.server.process.get_library().agents(RunFolder.open(lab.run_folder(run_id)), 24, now=checkpoint.agent)
    expected = [np.median(agent.learner().terms(checkpoint.replay, every).td_errors) for agent in agents]
    assert numbers(median["y"]) == pytest.approx(expected, rel=1e-5)


def test_the_checks_run_and_pass(run_id: str) -> None:
    app = opened(run=run_id, part="checks")
    assert not app.success
    app.button(key="run-checks").click().run()
    assert "agree" in app.success[0].value
    assert len(app.table) == 8
    assert not app.error
