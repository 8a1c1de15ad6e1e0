from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

import fake_environments as fake
from asgi_client import Client
from dqn_core.algorithm.saliency import saliency
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.episodes.episode import policy_with, roll_out
from dqn_core.runs import replays
from dqn_core.runs.manager import RunManager
from dqn_core.runs.replays import Replays
from dqn_core.training.run_folder import RunFolder
from pages.replay import wire
from pages.replay.routes import replay_routes
from policies import some_weights
from scripted_trainer import a_run_of, following, wait_for_end
from trainer_runs import short_config, snapshot_of

_UNKNOWN = "20260401-143501-zzzz"


class Lab:
    """The routes of replays over runs that trained nothing but have weights."""

    def __init__(self, path: Path) -> None:
        self.manager = RunManager(path, trainer_factory=following(a_run_of(1)))
        self.replays = Replays(max_active=2)
        self.client = Client(Starlette(routes=replay_routes(lambda: self.manager, lambda: self.replays)))

    def run(self, config: TrainingConfig, weights: dict[str, np.ndarray] | None = None) -> str:
        run_id = self.manager.start(config)
        wait_for_end(self.manager, run_id)
        if weights is not None:
            RunFolder.open(self.manager.run_folder(run_id)).write_snapshot(snapshot_of(weights))
        return run_id

    def numbers(self, run_id: str, query: str = "") -> dict[str, Any]:
        response = self.client.get(f"/live/runs/{run_id}/replay?{query}")
        while response.status_code == 202:  # it is not played yet: the viewer asks again too
            response = self.client.get(f"/live/runs/{run_id}/replay?{query}")
        assert response.status_code == 200, response.text
        values: dict[str, Any] = response.json()
        return values

    def frames(self, replay_id: str, name: str = "frames") -> list[bytes]:
        """All pictures, asked for pack by pack as the viewer does."""
        pictures: list[bytes] = []
        while True:
            response = self.client.get(f"/live/replays/{replay_id}/{name}?from={len(pictures)}")
            assert response.status_code == 200, response.text
            first, count, drawn, is_over = struct.unpack_from("<4I", response.content)
            assert first == len(pictures)
            at = 16 + 4 * count
            for length in struct.unpack_from(f"<{count}I", response.content, 16):
                pictures.append(response.content[at : at + length])
                at += length
            assert at == len(response.content)
            assert len(pictures) <= drawn
            if is_over and len(pictures) == drawn:
                return pictures


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    fake.register()
    lab = Lab(tmp_path)
    yield lab
    lab.replays.close()
    lab.manager.close()


def test_the_numbers_are_those_that_the_core_computes(lab: Lab) -> None:
    config = short_config(gamma=0.9)
    weights = some_weights(config)
    run_id = lab.run(config, weights)
    sent = lab.numbers(run_id, "seed=4")
    length = sent["length"]
    assert (sent["seed"], sent["epsilon"], sent["gamma"], sent["frames_per_s"]) == (4, 0.0, 0.9, 50.0)
    assert len(sent["observations"]) == length + 1
    states = np.array(sent["observations"][:-1], np.float32)
    q_values = policy_with(config, weights).q_values(states)
    assert np.abs(np.array(sent["q_values"]) - q_values).max() < 1e-5
    assert sent["actions"] == q_values.argmax(axis=1).tolist()
    assert sent["is_greedy"] == [True] * length
    assert sent["rewards"] == [1.0] * length
    assert sent["episode_return"] == length
    assert sent["discounted_returns"][-2:] == pytest.approx([1.9, 1.0])
    assert (sent["terminated"], sent["truncated"]) == (True, False)
    assert lab.numbers(run_id, "seed=4") == sent


def test_an_episode_in_an_environment_with_other_arguments(lab: Lab) -> None:
    config = short_config(
        env_kwargs={"pole_length": 9.0}, evaluation_env_kwargs={"gravity": 1.6}, reward_formula="-reward"
    )
    run_id = lab.run(config, some_weights(config))
    as_evaluated, otherwise = lab.numbers(run_id, "seed=4"), lab.numbers(run_id, "seed=4&with=gravity%3D24.8")
    for sent, env_kwargs in (
        (as_evaluated, {"pole_length": 9.0, "gravity": 1.6}),
        (otherwise, {"pole_length": 9.0, "gravity": 24.8}),
    ):
        expected = roll_out(config.replace(env_kwargs=env_kwargs), some_weights(config), 4)
        assert sent["observations"] == expected.observations.tolist()
        assert sent["rewards"] == [1.0] * expected.length
        assert sent["discounted_returns"][-1] == -1.0  # of what was learned from
    assert as_evaluated["observations"] != otherwise["observations"]
    assert len(lab.frames(otherwise["id"])) == otherwise["length"] + 1


def test_every_state_has_its_picture(lab: Lab) -> None:
    config = short_config()
    sent = lab.numbers(lab.run(config, some_weights(config)))
    pictures = lab.frames(sent["id"])
    assert len(pictures) == sent["length"] + 1
    assert {Image.open(io.BytesIO(each)).size for each in pictures} == {(600, 400)}


def test_an_episode_with_chance_in_it(lab: Lab) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    sent = lab.numbers(lab.run(config, some_weights(config)), "epsilon=1.0&seed=3")
    assert sent["epsilon"] == 1.0
    assert not any(sent["is_greedy"])


def test_what_is_not_finite_is_sent_as_nothing(lab: Lab) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    weights = {name: np.full_like(array, np.nan) for name, array in some_weights(config).items()}
    sent = lab.numbers(lab.run(config, weights))
    assert sent["q_values"][0] == [None, None]


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("seed=-1", 400, "seed"),
        ("seed=2147483648", 400, "from 0 to 2,147,483,647"),
        ("seed=x", 400, "seed"),
        ("seed=1.5", 400, "seed"),
        ("epsilon=1.5", 400, "Epsilon"),
        ("epsilon=nan", 400, "epsilon"),
        ("epsilon=-1", 400, "epsilon"),
        ("checkpoint=worst", 404, "worst"),
        ("checkpoint=../../secrets", 404, "no snapshot"),
        ("checkpoint=", 404, "no snapshot"),
        ("checkpoint=last", 404, "There are no weights"),
    ],
)
def test_what_is_wrong_is_said_in_json(lab: Lab, query: str, status: int, says: str) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    run_id = lab.run(config, some_weights(config))
    response = lab.client.get(f"/live/runs/{run_id}/replay?{query}")
    assert response.status_code == status
    assert says in response.json()["error"]


def test_an_unknown_run_or_replay_is_404_in_json(lab: Lab) -> None:
    for path in (f"/live/runs/{_UNKNOWN}/replay", "/live/runs/no-id/replay", "/live/replays/gone/frames"):
        response = lab.client.get(path)
        assert response.status_code == 404
        assert "error" in response.json()


def test_foreign_weights_and_a_missing_environment_are_told(lab: Lab) -> None:
    foreign = lab.run(short_config(), some_weights(short_config(env_id="LunarLander-v3")))
    response = lab.client.get(f"/live/runs/{foreign}/replay")
    assert response.status_code == 404
    assert "layers.0.weight" in response.json()["error"]
    korean = lab.client.get(f"/live/runs/{foreign}/replay?lang=ko")
    assert korean.json()["error"] != response.json()["error"]
    assert "layers.0.weight" in korean.json()["error"]
    browser = lab.client.get(f"/live/runs/{foreign}/replay", headers={"Accept-Language": "fr, ko-KR;q=0.8, en;q=0.5"})
    assert browser.json() == korean.json()
    gone = lab.run(short_config(env_id="Gone-v0"), some_weights(short_config()))
    response = lab.client.get(f"/live/runs/{gone}/replay")
    assert response.status_code == 409
    assert "Gone-v0" in response.json()["error"]


def test_a_busy_server_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    run_id = lab.run(config, some_weights(config))
    monkeypatch.setattr(lab.replays, "_max_active", 0)
    response = lab.client.get(f"/live/runs/{run_id}/replay")
    assert response.status_code == 503
    assert "busy" in response.json()["error"]


def test_an_episode_that_takes_long_is_waited_for_in_portions(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.replay import routes

    monkeypatch.setattr(routes, "_MOST_TICKS", 0)
    config = short_config(env_id=fake.CORRIDOR)
    run_id = lab.run(config, some_weights(config))
    stages = set()
    while (response := lab.client.get(f"/live/runs/{run_id}/replay")).status_code == 202:
        stages.add(response.json()["stage"])
    assert response.status_code == 200
    assert stages <= {"waiting", "playing"}
    lab.frames(response.json()["id"])


def test_a_long_episode_comes_in_portions_that_are_the_whole(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    config = short_config(env_id=fake.CORRIDOR, max_episode_steps=25)
    still = {name: np.zeros_like(array) for name, array in some_weights(config).items()}
    whole = lab.numbers(lab.run(config, still))
    assert (whole["length"], whole["from"], len(whole["observations"])) == (25, 0, 26)
    monkeypatch.setattr(wire, "_STEPS_A_PORTION", 10)
    run_id = lab.run(config, still)
    portions = [lab.numbers(run_id, f"from={first}") for first in (0, 10, 20)]
    assert [each["from"] for each in portions] == [0, 10, 20]
    assert {each["length"] for each in portions} == {25}
    for name in ("actions", "is_greedy", "rewards", "q_values", "observations", "discounted_returns"):
        assert [*itertools.chain.from_iterable(each[name] for each in portions)] == whole[name], name
    assert lab.numbers(run_id, "from=999999") == portions[-1]


MINATAR = {"env_id": "MinAtar/Breakout-v1", "hidden_sizes": (16,)}


def test_what_the_network_sees_comes_as_pictures_in_the_place_of_numbers(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_TILE_POINTS_A_PACK", 3 * 400)
    config = short_config(**MINATAR)
    weights = some_weights(config)
    sent = lab.numbers(lab.run(config, weights), "seed=4")
    expected = roll_out(config, weights, 4)
    assert expected.observations.dtype == np.uint8
    assert sent["observations"] == [[]] * (expected.length + 1)
    layout = inspect_environment(config.env_id).layout
    assert layout is not None
    tiles = [np.asarray(Image.open(io.BytesIO(each))) for each in lab.frames(sent["id"], "seen")]
    assert len(tiles) == expected.length + 1
    for tile, observation in zip(tiles, expected.observations, strict=True):
        assert np.array_equal(tile, layout.tiles(observation))


def test_what_matters_is_the_gradient_of_the_action_taken(lab: Lab) -> None:
    config = short_config(**MINATAR)
    weights = some_weights(config)
    sent = lab.numbers(lab.run(config, weights), "seed=4&epsilon=0.5")
    states = roll_out(config, weights, 4, 0.5).observations.astype(np.float32)
    learner = policy_with(config, weights, compute="torch-cpu")
    actions = np.append(sent["actions"], learner.q_values(states[-1:]).argmax())
    layout = inspect_environment(config.env_id).layout
    assert layout is not None
    expected = layout.importance(saliency(learner, states, actions))
    pictures = lab.frames(sent["id"], "important")
    assert len(pictures) == len(states)
    for picture, shares in zip(pictures, expected, strict=True):
        red = np.asarray(Image.open(io.BytesIO(picture)))[..., 0]
        assert np.abs(red.astype(int) - shares).max() <= 1


@pytest.mark.parametrize("name", ["seen", "important"])
def test_an_episode_of_numbers_has_no_pictures_that_a_network_sees(lab: Lab, name: str) -> None:
    config = short_config()
    sent = lab.numbers(lab.run(config, some_weights(config)))
    assert lab.client.get(f"/live/replays/{sent['id']}/{name}").status_code == 404
    assert lab.client.get(f"/live/replays/unknown/{name}").status_code == 404


def test_pictures_that_a_browser_could_not_hold_end_earlier(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_MOST_TILE_POINTS", 5 * 400)
    config = short_config(**MINATAR)
    sent = lab.numbers(lab.run(config, some_weights(config)), "seed=4")
    assert sent["length"] > 5
    assert len(lab.frames(sent["id"], "seen")) == 5


def test_an_episode_of_pictures_ends_where_memory_does(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "_MOST_OBSERVED_BYTES", 4 * 400)
    config = short_config(**MINATAR)
    sent = lab.numbers(lab.run(config, some_weights(config)), "seed=4")
    assert (sent["length"], sent["truncated"]) == (4, True)
