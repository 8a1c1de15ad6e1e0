"""Environments that a wrapper makes fit for DQN, as the literature uses them: Atari, MiniGrid's pictures, CarRacing.

What the wrappers take are arguments of the environment like its constructor's own; their ranges and words stand in
:mod:`dqn_core.environments.physics`.

    Atari        grey, 84 x 84, every 4th frame, the last 4 of them (Mnih et al. 2015; Machado et al. 2018)
    MiniGrid     its numbers as they are, or a picture: of what the agent sees, of all, or a plane for each kind
    CarRacing    the picture as it is, or the last frames in grey
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Space
from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation, GrayscaleObservation, TransformObservation

from dqn_core.config import Arguments
from dqn_core.environments.physics import environment_arguments
from dqn_core.environments.planes import BITS
from dqn_core.errors import UnsupportedEnvironmentError, mark

__all__ = ["step_limit_of", "wrapped"]

Environment = gym.Env[Any, Any]

_ATARI, _CAR_RACING, _MINI_GRID = "ale_py.env:AtariEnv", "gymnasium.envs.box2d.car_racing:CarRacing", "minigrid."
_ATARI_FRAMES_PER_S = 60
_ATARI_STEPS = 27_000
"""Half an hour of the game: 108,000 frames, four a step."""


def wrapped(spec: EnvSpec, env_kwargs: Arguments, made: Environment) -> Environment:
    """``made``, or a wrapper around it.

    Raises :class:`UnsupportedEnvironmentError` where the wrapper needs a package that is not installed.
    """
    maker = next((maker for start, maker in _MAKERS.items() if str(spec.entry_point).startswith(start)), None)
    if maker is None:
        return made
    known = {each.name: each for each in environment_arguments(spec) if each.is_wrapped}
    values = {name: env_kwargs.get(name, each.default) for name, each in known.items()}
    try:
        return maker(made, values)
    except gym.error.DependencyNotInstalled as error:
        template = mark("{env_id} needs the package {package}: install it (pip install {package}).")
        raise UnsupportedEnvironmentError(template, env_id=spec.id, package="opencv-python-headless") from error


def step_limit_of(spec: EnvSpec) -> int | None:
    """Env steps of an episode where the environment is registered without a limit, but has one; None where not."""
    return _ATARI_STEPS if spec.entry_point == _ATARI else None


def _atari(made: Environment, values: Mapping[str, Any]) -> Environment:
    preprocessed = AtariPreprocessing(
        made,
        noop_max=values["noop_max"],
        frame_skip=values["frame_skip"],
        screen_size=values["screen_size"],
        terminal_on_life_loss=values["terminal_on_life_loss"],
    )
    stacked = FrameStackObservation(preprocessed, values["stack_size"])
    stacked.metadata = {**made.metadata, "render_fps": _ATARI_FRAMES_PER_S / values["frame_skip"]}
    return stacked


def _mini_grid(made: Environment, values: Mapping[str, Any]) -> Environment:
    own: Any = importlib.import_module("minigrid.wrappers")
    inner = {
        "view": own.RGBImgPartialObsWrapper,
        "whole": own.RGBImgObsWrapper,
        "planes": own.OneHotPartialObsWrapper,
    }.get(values["observation"])
    if inner is None:
        return made
    picture: Environment = own.ImgObsWrapper(inner(made))
    return _upright(picture) if values["observation"] == "planes" else picture


def _upright(environment: Environment) -> Environment:
    """Planes of 0 and 1 as such, rows first: MiniGrid has bytes of up to 255, and columns first."""
    columns, rows, channels = environment.observation_space.shape or ()
    space: Space[Any] = Box(0, 1, (rows, columns, channels), BITS)
    return TransformObservation(environment, lambda seen: np.swapaxes(seen, 0, 1).astype(np.bool_), space)


def _car_racing(made: Environment, values: Mapping[str, Any]) -> Environment:
    return FrameStackObservation(GrayscaleObservation(made), values["stack_size"]) if values["grayscale"] else made


_MAKERS: Mapping[str, Callable[[Environment, Mapping[str, Any]], Environment]] = {
    _ATARI: _atari,
    _MINI_GRID: _mini_grid,
    _CAR_RACING: _car_racing,
}
"""By how the entry point begins."""
