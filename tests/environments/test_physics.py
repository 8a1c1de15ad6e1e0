"""Arguments of environments: what there is, what is refused, and what becomes of them."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

import fake_environments as fake
from dqn_core.config import Arguments, TrainingConfig
from dqn_core.environments.make import inspect_environment, make_environment
from dqn_core.environments.physics import argument_problems, environment_arguments, takes_more
from dqn_core.environments.settings import check_environment, check_live_change, default_of
from dqn_core.errors import ChangeRefusedError, ConfigError, UnsupportedEnvironmentError
from scripted_trainer import wait_until

_KNOWN = (
    "CartPole-v1",
    "LunarLander-v3",
    "MountainCar-v0",
    "Acrobot-v1",
    "FrozenLake-v1",
    "FrozenLake8x8-v1",
    "Taxi-v4",
    "CliffWalking-v1",
    "Blackjack-v1",
)


class Signed(fake.Corridor):
    """Says what its arguments are, in all the ways there are."""

    def __init__(
        self,
        size: int,
        speed: float = 1,
        *,
        name: str = "a",
        mode: Literal["easy", "hard"] = "easy",
        guessed=True,  # noqa: ANN001  many leave annotations out
        number=3,  # noqa: ANN001
        anything: dict[str, int] | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(size, render_mode)
        self.given = (speed, name, mode, guessed, number, anything)


class Open(fake.Corridor):
    def __init__(self, **options: Any) -> None:
        super().__init__(options.get("length", 5))


@pytest.fixture(autouse=True)
def _registered() -> Any:
    for name, kind in (("Signed", Signed), ("Open", Open)):
        gym.register(f"DqnLabTest/{name}-v0", entry_point=kind)
    gym.register("DqnLabTest/Filled-v0", entry_point=Signed, kwargs={"size": 4, "name": "filled"})
    yield
    for name in ("Signed", "Open", "Filled"):
        gym.registry.pop(f"DqnLabTest/{name}-v0")


def _unwrapped(env_id: str, **env_kwargs: Any) -> Any:
    return make_environment(env_id, env_kwargs=Arguments(env_kwargs)).unwrapped


def _played(env_id: str, **env_kwargs: Any) -> list[list[float]]:
    environment = make_environment(env_id, env_kwargs=Arguments(env_kwargs))
    observations = [environment.reset(seed=3)[0].tolist()]
    for step in range(12):
        observation, _, terminated, truncated, _ = environment.step(step % environment.n_actions)
        observations.append(observation.tolist())
        if terminated or truncated:
            break
    environment.close()
    return observations


def _complaints(env_id: str, **env_kwargs: Any) -> str:
    return "\n".join(map(str, argument_problems(gym.spec(env_id), Arguments(env_kwargs))))


# ---------------------------------------------------------------------------------------------- known environments


@pytest.mark.parametrize("env_id", _KNOWN)
def test_what_is_known_has_words_ranges_and_the_environments_own_defaults(env_id: str) -> None:
    known = [each for each in environment_arguments(gym.spec(env_id)) if each.label]
    assert known
    for each in known:
        assert each.raising
        assert each.problem(each.default) is None
        assert (each.low is not None and each.high is not None) == (each.kind is float)
    # Given explicitly, the defaults change nothing: so they are the environment's.
    defaults = {each.name: each.default for each in known}
    assert _played(env_id, **defaults) == _played(env_id)


@pytest.mark.parametrize(
    ("env_id", "env_kwargs"),
    [
        ("CartPole-v1", {"gravity": 1.6}),
        ("CartPole-v1", {"pole_length": 2.0}),
        ("CartPole-v1", {"pole_mass": 1.0}),
        ("CartPole-v1", {"cart_mass": 2.0}),
        ("CartPole-v1", {"force": 5.0}),
        ("LunarLander-v3", {"gravity": -1.6}),
        ("LunarLander-v3", {"enable_wind": True}),
        ("MountainCar-v0", {"gravity": 0.001}),
        ("MountainCar-v0", {"force": 0.002}),
        ("Acrobot-v1", {"torque": 2.0}),
        ("Acrobot-v1", {"torque_noise": 1.0}),
        ("Acrobot-v1", {"link_1_length": 2.0}),
        ("Acrobot-v1", {"link_1_mass": 2.0}),
        ("Acrobot-v1", {"link_2_mass": 2.0}),
        ("FrozenLake-v1", {"is_slippery": False}),
        ("FrozenLake-v1", {"map_name": "8x8"}),
        ("Taxi-v4", {"is_rainy": True}),
        ("CliffWalking-v1", {"is_slippery": True}),
    ],
)
def test_an_argument_changes_the_motion_and_every_time_alike(env_id: str, env_kwargs: dict[str, Any]) -> None:
    assert _played(env_id, **env_kwargs) == _played(env_id, **env_kwargs) != _played(env_id)


def test_what_is_computed_from_cartpoles_constants_follows_them() -> None:
    cartpole = _unwrapped("CartPole-v1", pole_mass=0.5, pole_length=3.0, cart_mass=2.0, gravity=1.6, force=5.0)
    assert (cartpole.masspole, cartpole.length, cartpole.masscart) == (0.5, 1.5, 2.0)
    assert (cartpole.total_mass, cartpole.polemass_length) == (2.5, 0.75)
    assert (cartpole.gravity, cartpole.force_mag) == (1.6, 5.0)


def test_acrobats_links_turn_about_their_middle() -> None:
    acrobot = _unwrapped("Acrobot-v1", link_1_length=2.0, torque=3.0)
    assert (acrobot.LINK_LENGTH_1, acrobot.LINK_COM_POS_1, acrobot.AVAIL_TORQUE) == (2.0, 1.0, [-3.0, 0.0, 3.0])
    assert _unwrapped("Acrobot-v1").AVAIL_TORQUE == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("env_id", "env_kwargs", "complaint"),
    [
        ("LunarLander-v3", {"gravity": 1.6}, "env_kwargs.gravity = 1.6: must be from -11.9 to -0.1 m/s²"),
        ("LunarLander-v3", {"gravity": -12}, "must be from -11.9 to -0.1 m/s²"),
        ("LunarLander-v3", {"enable_wind": 1}, "must be true or false"),
        ("LunarLander-v3", {"wind_power": 21}, "must be from 0.0 to 20.0"),
        ("LunarLander-v3", {"gravity": "low"}, "must be a finite number"),
        ("LunarLander-v3", {"gravity": True}, "must be a finite number"),
        ("LunarLander-v3", {"gravty": -5}, "Did you mean gravity?"),
        ("LunarLander-v3", {"colour": -5}, "has no such argument. It has gravity, enable_wind"),
        ("CartPole-v1", {"pole_length": 0}, "must be from 0.1 to 10.0 m"),
        ("FrozenLake-v1", {"map_name": "9x9"}, "must be one of 4x4, 8x8"),
        ("FrozenLake-v1", {"success_rate": 1.1}, "must be from 0.0 to 1.0"),
    ],
)
def test_what_an_environment_does_not_take_is_refused_with_what_it_does(
    env_id: str, env_kwargs: dict[str, Any], complaint: str
) -> None:
    assert complaint in _complaints(env_id, **env_kwargs)
    with pytest.raises(ConfigError, match="env_kwargs"):
        check_environment(TrainingConfig(env_id=env_id, env_kwargs=env_kwargs))
    with pytest.raises(ConfigError, match="evaluation_env_kwargs"):
        check_environment(TrainingConfig(env_id=env_id, evaluation_env_kwargs=env_kwargs))


def test_continuous_actions_are_refused_as_those_of_any_environment() -> None:
    config = TrainingConfig(env_id="LunarLander-v3", env_kwargs={"continuous": True}, reward_formula="reward")
    with pytest.raises(UnsupportedEnvironmentError, match="Discrete"):
        check_environment(config)


# ---------------------------------------------------------------------------------------------------- any other one


def test_a_constructors_signature_tells_names_kinds_and_defaults() -> None:
    found = {each.name: each for each in environment_arguments(gym.spec("DqnLabTest/Signed-v0"))}
    assert {name: (each.kind, each.default) for name, each in found.items()} == {
        "size": (int, None),
        "speed": (float, 1),
        "name": (str, "a"),
        "mode": (str, "easy"),
        "guessed": (bool, True),
        "number": (float, 3),
        "anything": (object, None),
    }
    assert found["mode"].choices == ("easy", "hard")
    assert [name for name, each in found.items() if each.is_required] == ["size"]


def test_a_registered_default_counts() -> None:
    found = {each.name: each.default for each in environment_arguments(gym.spec("DqnLabTest/Filled-v0"))}
    assert (found["size"], found["name"]) == (4, "filled")
    assert _unwrapped("DqnLabTest/Filled-v0", speed=2).given[:2] == (2, "filled")


@pytest.mark.parametrize(
    ("env_kwargs", "complaint"),
    [
        ({"size": 2.5}, "must be a whole number"),
        ({"speed": "fast"}, "must be a finite number"),
        ({"name": 3}, "must be a text"),
        ({"mode": "other"}, "must be one of easy, hard"),
        ({"guessed": 1}, "must be true or false"),
        ({"sise": 3}, "Did you mean size?"),
    ],
)
def test_a_value_of_another_kind_is_refused(env_kwargs: dict[str, Any], complaint: str) -> None:
    assert complaint in _complaints("DqnLabTest/Signed-v0", **env_kwargs)


def test_values_reach_the_constructor_as_they_were_given() -> None:
    given = {"size": 3, "speed": 2, "name": "b", "mode": "hard", "number": 2.5, "anything": {"a": 1}}
    assert _complaints("DqnLabTest/Signed-v0", **given) == ""
    assert _unwrapped("DqnLabTest/Signed-v0", **given).given == (2, "b", "hard", True, 2.5, {"a": 1})


def test_a_constructor_that_takes_any_name_is_given_any() -> None:
    assert takes_more(gym.spec("DqnLabTest/Open-v0"))
    assert _complaints("DqnLabTest/Open-v0", length=3, other="x") == ""
    assert _unwrapped("DqnLabTest/Open-v0", length=3).length == 3
    assert inspect_environment("DqnLabTest/Open-v0", None, Arguments({"length": 3})).high == (3.0, 3.0)


# ------------------------------------------------------------------------------------------------------- in a config


def test_a_formula_is_checked_by_the_environments_own_names() -> None:
    check_environment(TrainingConfig(reward_formula="reward - 0.1*abs(cart_position)"))
    with pytest.raises(ConfigError, match=r"reward_formula.*Did you mean cart_position"):
        check_environment(TrainingConfig(reward_formula="reward - 0.1*abs(cart_postion)"))
    with pytest.raises(ConfigError, match="x_position"):
        check_environment(TrainingConfig(env_id="LunarLander-v3", reward_formula="cart_position"))


def test_an_evaluation_for_which_the_network_would_be_too_small_is_refused() -> None:
    lake = TrainingConfig(env_id="FrozenLake-v1", evaluation_env_kwargs={"is_slippery": False})
    check_environment(lake)
    with pytest.raises(ConfigError, match="must leave the observations and actions"):
        check_environment(lake.replace(evaluation_env_kwargs={"map_name": "8x8"}))


def test_physics_may_change_while_a_run_trains_and_a_map_may_not() -> None:
    lake = TrainingConfig(env_id="FrozenLake-v1")
    check_live_change(lake, lake.changed_live("env_kwargs.is_slippery", False))
    with pytest.raises(ChangeRefusedError, match=r"env_kwargs\.map_name changes what the agent observes"):
        check_live_change(lake, lake.changed_live("env_kwargs.map_name", "8x8"))
    with pytest.raises(ChangeRefusedError, match=r"env_kwargs\.desc changes what the agent observes"):
        check_live_change(lake, lake.changed_live("env_kwargs.desc", ["SFF", "FHF", "FFG"]))
    lander = TrainingConfig(env_id="LunarLander-v3")
    with pytest.raises(ConfigError, match=r"must be from -11\.9 to -0\.1"):
        check_live_change(lander, lander.changed_live("env_kwargs.gravity", 3))


def test_the_default_of_an_argument_is_told() -> None:
    lander = TrainingConfig(env_id="LunarLander-v3", env_kwargs={"gravity": -5})
    assert default_of(lander, "env_kwargs.wind_power") == 15.0
    assert default_of(lander, "evaluation_env_kwargs.gravity") == -5
    assert default_of(lander, "evaluation_env_kwargs.wind_power") == 15.0


def test_another_environment_begins_at_the_next_reset_where_the_generator_stood() -> None:
    environment = make_environment("LunarLander-v3", env_kwargs=Arguments({"gravity": -5}))
    environment.reset(seed=1)
    before = [environment.step(0)[0].tolist() for _ in range(3)]
    environment.replace_at_reset(make_environment("LunarLander-v3", env_kwargs=Arguments({"gravity": -11})))
    assert (environment.env_kwargs["gravity"], environment.next_env_kwargs["gravity"]) == (-5, -11)
    assert environment.step(0)[0].tolist() != before[-1]
    assert environment.unwrapped.gravity == -5
    generator = environment.generator_state()
    first, _ = environment.reset()
    assert environment.unwrapped.gravity == -11
    after = [environment.step(0)[0].tolist() for _ in range(3)]

    alone = make_environment("LunarLander-v3", env_kwargs=Arguments({"gravity": -11}))
    alone.set_generator_state(generator)
    assert np.array_equal(alone.reset()[0], first)
    assert [alone.step(0)[0].tolist() for _ in range(3)] == after


def test_two_threads_may_ask_for_environments_of_one_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package imports its module, which imports from the package: either thread would wait for the other."""
    package = tmp_path / "slow_package"
    package.mkdir()
    (package / "__init__.py").write_text("import time\ntime.sleep(0.3)\nfrom slow_package.world import World\n")
    (package / "names.py").write_text("")
    world = "from slow_package import names\n\n\nclass World:\n    def __init__(self, size: int = 3):\n        pass\n"
    (package / "world.py").write_text(world)
    monkeypatch.syspath_prepend(tmp_path)

    def arguments(entry_point: str) -> list[str]:
        return [each.name for each in environment_arguments(EnvSpec("Slow-v0", entry_point=entry_point))]

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(arguments, "slow_package:World")
        wait_until(lambda: "slow_package" in sys.modules)
        second = threads.submit(arguments, "slow_package.world:World")
        assert first.result(60) == second.result(60) == ["size"]
