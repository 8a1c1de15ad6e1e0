from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

import fake_environments as fake
from dqn_core.cli.main import main
from dqn_core.environments.check import EnvironmentCheck, Verdict, checked
from fake_environments import Corridor

ENV_ID = "DqnLabTest/Checked-v0"


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    fake.register()
    yield
    gym.registry.pop(ENV_ID, None)


class Plain(Corridor):
    """Everything is in order; a random episode pays."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)


class Global(Plain):
    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation, _, *rest = super().step(action)
        return observation, float(np.random.random() + random.random()), *rest  # noqa: NPY002, S311


class Forgetful(Plain):
    """Goes on where the episode before ended."""

    met = 0

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.met += 1
        observation, _, *rest = super().step(action)
        return observation, float(self.met), *rest


class Outside(Plain):
    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__()
        self.observation_space = Box(0.0, 2.0, (2,), np.float32)


class Large(Plain):
    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__()
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float32)

    def _observe(self) -> np.ndarray:
        return 1_000 * super()._observe()


class Still(Plain):
    """Nothing happens, for ever."""

    def _observe(self) -> np.ndarray:
        return np.ones(2, np.float32)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        return self._observe(), 0.0, False, False, {}


class Rich(Plain):
    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation, reward, *rest = super().step(action)
        return observation, 1_000.0 * reward, *rest


class Undrawn(Plain):
    def render(self) -> Any:
        return None


class OneAction(Plain):
    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__()
        self.action_space = Discrete(1)


def check_of(kind: type[gym.Env[Any, Any]], *, limit: int | None = 20, **options: Any) -> EnvironmentCheck:
    gym.register(ENV_ID, kind, max_episode_steps=limit)  # type: ignore[arg-type]
    return checked(ENV_ID, **options)


def told(check: EnvironmentCheck, verdict: Verdict) -> dict[str, str]:
    return {each.about: str(each) for each in check.findings if each.verdict is verdict}


def test_an_environment_in_order_is_described() -> None:
    check = check_of(Plain, limit=500)
    assert check.is_usable
    good = told(check, Verdict.GOOD)
    assert set(good) == {
        "spaces",
        "actions",
        "seeds",
        "numbers",
        "rewards",
        "episodes",
        "pictures",
        "speed",
    }
    assert not told(check, Verdict.NOTE)
    assert good["spaces"] == "It observes Box(2,). The network gets 2 numbers: s[0], s[1]."
    assert "2 actions" in good["actions"]
    assert good["rewards"] == "Rewards were 0 to 1, the return of an episode 5 on average."
    assert "cut off: 0." in good["episodes"]
    assert "8 by 8 pixels" in good["pictures"]
    assert "env steps/s" in good["speed"]
    assert check.numbers["lengths"]
    assert set(check.numbers["returns"]) == {5.0}


@pytest.mark.parametrize(
    ("kind", "about", "says"),
    [
        (Global, "seeds", "draws from global randomness"),
        (Forgetful, "seeds", "begin each episode anew in reset"),
        (Outside, "numbers", r"s[0] was between 0 and 5, outside of its space (0 to 2)"),
        (Large, "numbers", "grows as large as 5000"),
        (Still, "numbers", "No number of the observation ever changed"),
        (Still, "rewards", "Every reward was 0"),
        (Rich, "rewards", "Such large rewards"),
        (Undrawn, "pictures", "It has no pictures (render() returned None)"),
        (OneAction, "actions", "a single action"),
    ],
)
def test_what_makes_learning_hard_is_a_note(kind: type[gym.Env[Any, Any]], about: str, says: str) -> None:
    check = check_of(kind)
    assert check.is_usable
    assert says in told(check, Verdict.NOTE)[about]


def test_a_missing_time_limit_is_said() -> None:
    said = told(check_of(Still, limit=None, most_s=0.5), Verdict.NOTE)
    assert "no time limit of its own" in said["episodes"] or "is cut off at 10000" in said["episodes"]


def test_what_is_slow_is_said() -> None:
    seconds = iter(range(10_000))
    said = told(check_of(Plain, clock=lambda: 0.1 * next(seconds), most_s=3.0), Verdict.NOTE)
    assert "slow" in said["speed"]


@pytest.mark.parametrize(
    ("env_id", "says"),
    [
        (fake.RAISING, "the motor is on fire"),
        ("Pendulum-v1", "takes actions from Box"),
        ("No-v0", "There is no environment"),
        (fake.MISSING_PACKAGE, "pip install imaginary"),
    ],
)
def test_what_cannot_be_used_is_a_problem(env_id: str, says: str) -> None:
    check = checked(env_id)
    assert not check.is_usable
    assert says in told(check, Verdict.PROBLEM)["environment"]


def test_the_global_generators_are_left_as_they_were() -> None:
    before, numpy_before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    check_of(Still)
    assert random.getstate() == before
    assert np.random.get_state()[1].tolist() == numpy_before  # type: ignore[index]  # noqa: NPY002


def test_the_command_says_it_in_words_or_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", fake.CORRIDOR, "--seconds", "0.5"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(fake.CORRIDOR)
    assert "  ok    The same seed and actions give the same episode." in said
    assert said.rstrip().endswith("It can be trained in.")
    assert main(["check", fake.RAISING, "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["env"], result["usable"]) == (fake.RAISING, False)
    assert result["findings"][-1]["verdict"] == "problem"
    assert "the motor is on fire" in result["findings"][-1]["text"]


def test_arguments_of_the_environment_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["check", "FrozenLake-v1", "--seconds", "0.5", "--json", "--env-kwargs", "map_name=8x8"]
    assert main([*command, "--max-episode-steps", "9"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["observation_size"], max(result["lengths"])) == (64, 9)


def test_a_picture_is_told_by_its_channels() -> None:
    check = checked("MinAtar/Breakout-v1", episodes=2, most_s=0.5)
    texts = [str(each) for each in check.findings]
    assert check.is_usable
    expected = "a picture of 10 by 10 pixels: what the network sees is paddle, ball, trail, brick."
    assert any(text.endswith(expected) for text in texts)
    assert check.numbers["picture"] == [10, 10, 4]
    assert not any("never changed" in text for text in texts)
