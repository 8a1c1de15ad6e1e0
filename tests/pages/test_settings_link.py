"""A run's settings as an address: whatever it holds comes back, and nothing in it is believed."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as some

from dqn_core.config import Arguments, TrainingConfig
from dqn_core.presets import PRESETS, preset_config, preset_names
from pages.shared.share.settings_link import LONGEST_LINK, LinkedSettings, read_settings, settings_link, settings_query
from pages.shared.texts.i18n import problem_text
from strategies import arguments, configs

PAGE = "https://lab.example.org/lab/train"
FAST = preset_config("CartPole-v1", "fast")


def opened(link: str | None) -> LinkedSettings:
    """What a browser that opens the link asks for."""
    assert link is not None
    return read_settings(dict(parse_qsl(urlsplit(link).query, strict_parsing=True)))


def read(settings: Any, **query: str) -> LinkedSettings:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    return read_settings({"env": "CartPole-v1", "preset": "fast", "settings": text} | query)


def named(linked: LinkedSettings) -> list[str]:
    """The fields that are named as wrong; each has a sentence."""
    assert all(problem_text(each) for each in linked.problems)
    return [each.field for each in linked.problems]


@given(configs())
def test_every_config_comes_back_from_its_query(config: TrainingConfig) -> None:
    config = config.replace(
        env_id="CartPole-v1", env_kwargs=Arguments(), evaluation_env_kwargs=Arguments({"gravity": 3.5})
    )
    linked = read_settings(settings_query(config))
    assert linked.config == config
    assert linked.problems == ()
    assert {name for name, _ in linked.differing} == set(json.loads(settings_query(config).get("settings", "{}")))


@given(some.dictionaries(some.sampled_from(["options", "map", "speed"]), arguments(), max_size=3))
def test_arguments_of_any_kind_come_back(given: dict[str, Any]) -> None:
    import gymnasium as gym

    if "Anything-v0" not in gym.registry:
        gym.register("Anything-v0", lambda **_: gym.make("CartPole-v1"))
    config = TrainingConfig(env_id="Anything-v0", env_kwargs=Arguments(given))
    query = settings_query(config)
    if len(query["settings"]) < LONGEST_LINK:
        assert read_settings(query).config == config


@pytest.mark.parametrize("env_id", PRESETS)
def test_a_preset_is_a_short_address_that_one_can_read(env_id: str) -> None:
    for name in preset_names(env_id):
        config = preset_config(env_id, name)
        assert settings_link(PAGE, config) == f"{PAGE}?env={env_id}&preset={name}"
        assert opened(settings_link(PAGE, config)) == LinkedSettings(config, name)


def test_the_address_holds_what_differs_the_seed_the_arguments_and_the_formula() -> None:
    config = FAST.replace(
        seed=7, gamma=0.9, env_kwargs=Arguments({"gravity": 5}), reward_formula="reward - 0.1*abs(cart_position)"
    )
    link = settings_link(PAGE, config, "ko")
    assert settings_query(config) == {
        "env": "CartPole-v1",
        "preset": "fast",
        "settings": '{"env_kwargs.gravity":5,"reward_formula":"reward - 0.1*abs(cart_position)","seed":7,"gamma":0.9}',
    }
    assert opened(link).config == config
    assert link is not None
    assert link.endswith("&lang=ko")


def test_settings_too_long_for_an_address_have_none() -> None:
    assert settings_link(PAGE, FAST.replace(env_kwargs=Arguments({"text": "한" * 1_000}))) is None


def test_nothing_in_the_address_is_the_first_preset() -> None:
    assert read_settings({}) == LinkedSettings(preset_config("CartPole-v1", "lab8"), "lab8")


# -------------------------------------------------------------------------------------------- what is wrong in it


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"learning_pace": 3}, "learning_pace"),
        ({"self": 3}, "self"),
        ({"": 3}, ""),
        ({"gamma.x": 3}, "gamma.x"),
        ({"env_id": "Acrobot-v1"}, "env_id"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"learning_rate": 10**400}, "learning_rate"),
        ({"learning_rate": "<b>*0.1*</b>"}, "learning_rate"),
        ({"learning_rate": [[]]}, "learning_rate"),
        ({"learning_rate": None}, "learning_rate"),
        ({"batch_size": 10**299}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"double_dqn": 1}, "double_dqn"),
        ({"loss": {"a": 1}}, "loss"),
        ({"hidden_sizes": "64"}, "hidden_sizes"),
        ({"hidden_sizes": [64, True]}, "hidden_sizes"),
        ({"max_env_steps": 10**301}, "max_env_steps"),
        ({"reward_formula": "__import__('os')"}, "reward_formula"),
        ({"reward_formula": "reward\n"}, "reward_formula"),
        ({"env_kwargs": 5, "env_kwargs.gravity": 6.5}, "env_kwargs"),
        ({"env_kwargs.gravity": 10**299}, "env_kwargs.gravity"),
        ({"env_kwargs": {"gravity": "<script>"}}, "env_kwargs.gravity"),
        ({"env_kwargs": {"render_mode": "human"}}, "env_kwargs"),
        ({"env_kwargs.": 1}, "env_kwargs"),
        ({"env_kwargs.a.b": 1}, "env_kwargs"),
        ({"evaluation_env_kwargs": {"graviti": 1}}, "evaluation_env_kwargs.graviti"),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_kept(wrong: dict[str, Any], field: str) -> None:
    linked = read({"gamma": 0.5} | wrong)
    assert named(linked) == [field]
    kept = {"env_kwargs.gravity": 6.5} if "env_kwargs.gravity" in wrong and field == "env_kwargs" else {}
    assert linked.config == FAST.replace(gamma=0.5, **kept)


@pytest.mark.parametrize(
    "text",
    ['{"gamma": NaN}', '{"gamma": Infinity}', '{"gamma": -Infinity}', '{"gamma": 1e999}'],
)
def test_no_number_that_is_not_finite_is_taken(text: str) -> None:
    linked = read(text)
    assert named(linked) == ["gamma"]
    assert linked.config == FAST


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "gamma=0.9",
        "[]",
        "null",
        '{"gamma": 0.5' + " " * LONGEST_LINK + "}",
        "[" * 3_000,
        "[" * 3_000 + "]" * 3_000,
        '{"a":' * 1_000 + "1" + "}" * 1_000,
        '{"env_kwargs": {"text": ' + "[" * 300 + "]" * 300 + "}}",
        '{"reward_formula": "\\ud800"}',
        '{"gamma": ' + "9" * 5_000 + "}x",
    ],
)
def test_what_cannot_be_read_at_all_is_named_and_the_preset_stays(text: str) -> None:
    linked = read(text)
    assert named(linked) == ["settings"]
    assert linked.config == FAST
    assert len(problem_text(linked.problems[0])) < 600


def test_of_two_that_do_not_go_together_the_one_in_the_address_is_left_out() -> None:
    linked = read({"buffer_size": 5, "gamma": 0.5})
    assert set(named(linked)) == {"batch_size", "warmup_steps"}
    assert linked.config == FAST.replace(gamma=0.5)
    assert read({"buffer_size": 5, "batch_size": 5, "warmup_steps": 0}).problems == ()


def test_an_unknown_preset_is_named() -> None:
    linked = read({"gamma": 0.5}, preset="<b>best</b>")
    assert named(linked) == ["preset"]
    assert linked.preset == "lab8"
    assert linked.config == preset_config("CartPole-v1", "lab8").replace(gamma=0.5)


@pytest.mark.parametrize(
    "env_id", ["Cartpol-v1", "no_such_module:My-v0", "a:b:c", ":", "../x", "x" * 5_000, "**bold**"]
)
def test_an_unknown_environment_is_named_and_the_settings_kept(env_id: str) -> None:
    linked = read({"gamma": 0.5}, env=env_id)
    assert named(linked) == ["env_id"]
    assert linked.config == FAST.replace(gamma=0.5)
    assert len(problem_text(linked.problems[0])) < 800


def test_a_link_imports_no_module_and_no_well_known_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "linked_module.py").write_text(
        "import gymnasium as gym\ngym.register('Linked-v0', 'gymnasium.envs.classic_control:CartPoleEnv')\n", "utf-8"
    )
    (tmp_path / "highway_env.py").write_text("raise SystemExit('imported')\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "highway_env", raising=False)  # as if no other test had imported it
    monkeypatch.delitem(gym.registry, "highway-v0", raising=False)
    for env_id in ("linked_module:Linked-v0", "linked_module:CartPole-v1", "highway-v0"):
        assert named(read({"gamma": 0.5}, env=env_id)) == ["env_id"]
    assert not {"linked_module", "highway_env"} & set(sys.modules)

    importlib.import_module("linked_module")  # somebody typed it
    linked = read({"gamma": 0.5}, env="linked_module:Linked-v0", preset="default")
    assert linked.problems == ()
    assert linked.config.env_id == "linked_module:Linked-v0"
    assert linked.config.gamma == 0.5


@given(some.text(max_size=60), some.text(max_size=20), some.text(max_size=20) | some.just("CartPole-v1"))
def test_any_text_is_read_without_an_error(settings: str, preset: str, env_id: str) -> None:
    linked = read_settings({"env": env_id, "preset": preset, "settings": settings})
    named(linked)
    assert linked.preset in preset_names(linked.config.env_id)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = [each.name for each in dataclasses.fields(TrainingConfig)] + ["env_kwargs.gravity", "evaluation_env_kwargs.x"]


@given(some.dictionaries(some.sampled_from(NAMES), JSON, max_size=4))
def test_any_value_of_any_setting_is_taken_or_named(settings: dict[str, Any]) -> None:
    linked = read(settings)
    assert linked.config.env_id == "CartPole-v1"
    taken = {name for name, _ in linked.differing}
    for name in set(settings) & {each.name for each in dataclasses.fields(TrainingConfig)} - {"env_id"}:
        value = getattr(linked.config, name)
        if name in taken:
            assert value == (tuple(settings[name]) if name == "hidden_sizes" else settings[name])
    named(linked)
