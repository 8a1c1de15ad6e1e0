"""Every odd environment trains, or is refused before anything is written, and wherever it is met nothing breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import odd_environments as odd
from dqn_core.cli.main import main
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import environment_picture, inspect_environment
from dqn_core.episodes.episode import policy_with, roll_out
from dqn_core.episodes.frames import draw_episode
from dqn_core.episodes.human import HumanEpisode
from dqn_core.errors import EnvironmentFailedError, UnsupportedEnvironmentError
from dqn_core.events import EndReason, EpisodeEnded, Frame, RunEnded, RunStarted, Watch
from dqn_core.training.evaluation import evaluate
from dqn_core.training.trainer import Trainer
from policies import some_weights
from trainer_runs import of_kind, run_with_reactions, short_config

_SHORT = ["--max-episodes", "3", "--warmup-steps", "40", "--batch-size", "16", "--buffer-size", "200"]
_SHORT += ["--hidden-sizes", "8", "--compute", "torch-cpu", "--evaluate-every", "1", "--evaluation-episodes", "1"]
_SHORT += ["--max-episode-steps", "20", "--quiet"]


@pytest.fixture(autouse=True)
def _odd_environments() -> Iterator[None]:
    odd.register()
    odd.Alone.is_open = False
    yield
    assert not odd.Alone.is_open  # whoever opens one closes it


def config_for(name: str) -> TrainingConfig:
    return short_config(env_id=odd.env_id(name), max_episodes=3, buffer_size=200, max_episode_steps=20)


@pytest.mark.parametrize("name", odd.TRAINS)
def test_it_trains_and_is_evaluated_and_recorded(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, video = tmp_path / "run", tmp_path / "video.gif"
    assert main(["train", "--env", odd.env_id(name), "--out", str(out), *_SHORT]) == 0
    assert main(["evaluate", str(out), "--episodes", "2"]) == 0
    assert main(["record", str(out), "--out", str(video), "--quiet"]) == 0
    said = capsys.readouterr()
    trained, evaluated, recorded = (json.loads(line) for line in said.out.splitlines())
    assert (trained["env"], trained["reason"], trained["episodes"]) == (odd.env_id(name), "max_episodes", 3)
    assert len(evaluated["returns"]) == 2
    with Image.open(video) as opened:
        assert getattr(opened, "n_frames", 1) == recorded["frames"] == recorded["steps"] + 1
    assert "Traceback" not in said.err


@pytest.mark.parametrize("name", odd.TRAINS)
def test_it_is_watched_replayed_and_played(name: str) -> None:
    config = config_for(name)
    events = run_with_reactions(
        config, lambda event: [Watch(60.0, 1e6)] * isinstance(event, (RunStarted, EpisodeEnded)), [Watch(60.0, 1e6)]
    )
    assert isinstance(events[-1], RunEnded)
    assert (events[-1].reason, events[-1].template) == (EndReason.MAX_EPISODES, "")
    assert {each.jpeg[:2] for each in of_kind(events, Frame)} == {b"\xff\xd8"}
    rollout = roll_out(config, some_weights(config), seed=1)
    pictures = [each.pixels for each in draw_episode(config, rollout)]
    assert len(pictures) == rollout.length + 1
    assert len({each.shape for each in pictures}) == 1
    assert environment_picture(config.env_id).jpeg.startswith(b"\xff\xd8")
    game = HumanEpisode(config.environment, seed=1)
    for _ in range(3):
        if not game.is_over:
            game.step(game.n_actions - 1)
        assert game.picture().startswith(b"\xff\xd8")
    game.close()


@pytest.mark.parametrize("name", odd.REFUSED)
def test_it_is_refused_before_anything_is_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, says = odd.REFUSED[name]
    out = tmp_path / "run"
    assert main(["train", "--env", odd.env_id(name), "--out", str(out), *_SHORT]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert re.search(says, said.err, re.DOTALL), said.err
    assert odd.env_id(name) in said.err
    assert not out.exists()
    with pytest.raises(UnsupportedEnvironmentError) as refused:
        inspect_environment(odd.env_id(name))
    assert re.search(says, str(refused.value), re.DOTALL)


@pytest.mark.parametrize("name", odd.FAILS_LATER)
def test_it_fails_in_its_run_with_the_environment_named(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never as a divergence: the agent's settings are not the cause."""
    _, says = odd.FAILS_LATER[name]
    out = tmp_path / "run"
    main(["train", "--env", odd.env_id(name), "--out", str(out), *_SHORT, "--max-episodes", "100"])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert re.search(says, said.err, re.DOTALL), said.err
    assert json.loads(said.out)["reason"] == "failed"
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert summary["reason"] == "failed"
    assert summary["message"].startswith(f"{odd.env_id(name)} fails in ")


def test_an_environment_that_changes_its_observations_in_place_learns_as_one_that_copies() -> None:
    runs = {}
    for env_id in (odd.IN_PLACE_CARTPOLE, odd.CARTPOLE):
        config = short_config(env_id=env_id, max_episodes=40, evaluate_every=10, n_step=2, learning_rate=1e-3)
        trainer = Trainer(config)
        rows = [(each.episode_return, each.eval_return) for each in of_kind(trainer.events(), EpisodeEnded)]
        runs[env_id] = (repr(rows), trainer.state.learner.weights())
    first, second = runs.values()
    assert first[0] == second[0]
    for name, array in first[1].items():
        np.testing.assert_array_equal(array, second[1][name])


@pytest.mark.parametrize("name", odd.FAILS_LATER)
def test_a_failure_is_the_same_error_in_an_evaluation(name: str) -> None:
    config = config_for(name)
    learner = policy_with(config, some_weights(config))
    with pytest.raises(EnvironmentFailedError, match=odd.env_id(name)):
        evaluate(learner, config.env_id, episodes=200, seed=0)
