"""A config as lines to paste: the command that trains it, and Python that does."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator
from typing import Any

from dqn_core.config import Arguments, TrainingConfig
from dqn_core.config_rules import argument_text
from dqn_core.environments.own import is_own
from dqn_core.presets import nearest_preset, preset_config

__all__ = ["command_line", "python_lines"]

_FOLDER = """\
from pathlib import Path

from dqn_core.environments.own import use_folder
"""
_PYTHON = """\
from dqn_core.events import EpisodeEnded
from dqn_core.presets import preset_config
from dqn_core.training.trainer import Trainer

{begin}config = preset_config({env!r}, {preset!r}){changes}
for event in Trainer(config).events():
    if isinstance(event, EpisodeEnded):
        print(event.episode, event.episode_return)
"""


def command_line(config: TrainingConfig) -> str:
    """The command that trains ``config``, quoted for a shell: the nearest preset, and what differs from it."""
    preset = nearest_preset(config)
    arguments = ["--env", config.env_id, "--preset", preset]
    for name, value in _differences(config, preset):
        arguments += _option(name, value)
    return shlex.join(["python", "-m", "dqn_core", "train", *arguments])


def python_lines(config: TrainingConfig) -> str:
    """A program that trains ``config``, and prints the return of each episode."""
    preset = nearest_preset(config)
    changes = [f"    {name}={_plain(value)!r},\n" for name, value in _differences(config, preset)]
    program = _PYTHON.format(
        begin='use_folder(Path("data/environments"))\n' if _is_in_folder(config.env_id) else "",
        env=config.env_id,
        preset=preset,
        changes=f".replace(\n{''.join(changes)})" if changes else "",
    )
    return f"{_FOLDER}{program}" if _is_in_folder(config.env_id) else program


def _differences(config: TrainingConfig, preset: str) -> Iterator[tuple[str, Any]]:
    """(field, value) of each in which ``config`` is another than its preset."""
    start_from = preset_config(config.env_id, preset)
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        if value != getattr(start_from, each.name):
            yield each.name, value


def _option(name: str, value: Any) -> list[str]:
    """One field as the command line takes it."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    if isinstance(value, Arguments):
        return [f"--{option}", *(f"{each}={argument_text(given)}" for each, given in value.items())]
    if isinstance(value, tuple):
        return [f"--{option}", *map(str, value)]
    return [f"--{option}", str(value)]


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Arguments) else value


def _is_in_folder(env_id: str) -> bool:
    """Whether a file of the folder of people's own environments registers it; the command looks there by itself."""
    return ":" not in env_id and is_own(env_id)
