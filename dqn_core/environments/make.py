"""Gymnasium environments by their ids: looked up, made, tried out and described.

What they are behind the door stands in :mod:`dqn_core.environments.door`; which spaces they may have, in
:mod:`dqn_core.environments.spaces`.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import math
import queue
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec, load_env_creator

from dqn_core.algorithm.networks import PictureShape
from dqn_core.config import NO_ARGUMENTS, Arguments
from dqn_core.environments.door import FOREIGN_ERRORS, CheckedEnvironment, constructor_failure
from dqn_core.environments.maps import state_map
from dqn_core.environments.names import action_names
from dqn_core.environments.own import KeptWhileUnchanged, environment_files, find_spec, ids_from_elsewhere, is_own
from dqn_core.environments.physics import constructor_arguments, set_constants
from dqn_core.environments.pictures import as_jpeg
from dqn_core.environments.planes import PictureLayout
from dqn_core.environments.wrapped import step_limit_of, wrapped
from dqn_core.errors import DqnLabError, UnsupportedEnvironmentError, mark
from dqn_core.presets import find_preset

__all__ = [
    "EPISODE_STEPS_WITHOUT_LIMIT",
    "EnvironmentPicture",
    "EnvironmentReport",
    "comes_with_gymnasium",
    "environment_picture",
    "inspect_environment",
    "is_only_a_note",
    "make_environment",
    "registered",
    "reward_threshold",
]

EPISODE_STEPS_WITHOUT_LIMIT = 10_000
"""Truncation of environments that have no limit of their own: without one, a greedy episode might never end."""

_RENDER_MODES = ("rgb_array", "rgb_array_list", "ansi")
"""Those that give a picture, or what one can be made of; the first that an environment names is taken."""
_TRIAL_SEED, _TRIAL_STEPS, _TRIAL_STARTS = 1, 12, 6
"""Of the episode that an environment is tried out with, before anything is made for a run."""
_LONGEST_LOOK_S = 30.0
"""How long other people's code may take to make an environment, or to draw it once, while a page waits."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentReport:
    """What an environment looks like from outside."""

    env_id: str
    observation_size: int
    n_actions: int
    low: tuple[float, ...]
    """Smallest value of each number of an observation (may be -inf)."""
    high: tuple[float, ...]
    observation_names: tuple[str, ...]
    action_names: tuple[str, ...]
    max_episode_steps: int
    frames_per_s: float
    """Env steps a second at real time."""
    reward_rule: str
    """In words; empty where this project has none for the environment."""
    left_out: tuple[str, ...] = ()
    """Parts of an observation that are no numbers."""
    picture: PictureShape | None = None
    """How the numbers of an observation lie where it is a picture; None where it is none."""
    n_states: int | None = None
    """States, where they are so few that each can be shown (:mod:`dqn_core.environments.maps`)."""
    repeats: bool = True
    """Whether the same seed and actions give the same episode."""
    layout: PictureLayout | None = None
    """How an observation is a picture; None where it is none."""

    @property
    def remarks(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """What a person should know before a run in it: message templates and their parameters."""
        remarks: list[tuple[str, dict[str, Any]]] = []
        if self.left_out:
            template = mark("{env_id}: what is no number of an observation is left out: {parts}.")
            remarks.append((template, {"env_id": self.env_id, "parts": ", ".join(self.left_out)}))
        if not self.repeats:
            template = mark(
                "{env_id} does not repeat itself: the same seed and actions gave another episode. So runs with one "
                "seed differ, and their episodes cannot be drawn afterwards. If it is yours: draw from self.np_random, "
                "not from random or np.random, and call super().reset(seed=seed) in reset."
            )
            remarks.append((template, {"env_id": self.env_id}))
        return tuple(remarks)


class EnvironmentPicture(NamedTuple):
    """What an environment looks like."""

    jpeg: bytes
    size: tuple[int, int]
    """Width and height."""
    trouble: str
    """Why it is a placeholder; empty where it is not."""


def make_environment(
    env_id: str, max_episode_steps: int | None = None, env_kwargs: Arguments = NO_ARGUMENTS
) -> CheckedEnvironment:
    """Make an environment. It can draw where its kind can, but does not decorate until told.

    Raises
    ------
    UnsupportedEnvironmentError
        The id is unknown, a package is missing, or a space is not one DQN can use.
    EnvironmentFailedError
        Its own code fails.
    """
    spec = registered(env_id)
    made, render_mode, no_pictures = _made(env_id, spec, env_kwargs)
    preset = find_preset(env_id)
    try:
        return CheckedEnvironment(
            _wrapped(spec, env_kwargs, made),
            env_id,
            env_kwargs=env_kwargs,
            max_episode_steps=max_episode_steps or _own_limit(spec),
            comes_with_gymnasium=comes_with_gymnasium(env_id),
            observation_names=preset.observation_names if preset else (),
            render_mode=render_mode,
            no_pictures=no_pictures,
        )
    except UnsupportedEnvironmentError:
        with contextlib.suppress(*FOREIGN_ERRORS):  # the first trouble is the one to tell
            made.close()
        raise


def _wrapped(spec: EnvSpec, env_kwargs: Arguments, made: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    try:
        return wrapped(spec, env_kwargs, made)
    except DqnLabError:
        raise
    except FOREIGN_ERRORS as error:
        raise constructor_failure(spec.id, error) from error


def _made(env_id: str, spec: EnvSpec, env_kwargs: Arguments) -> tuple[gym.Env[Any, Any], str | None, str]:
    """The environment as its constructor makes it, the mode that it draws in, and why it is not to draw."""
    arguments = constructor_arguments(spec, env_kwargs)
    # The limit is counted behind the door, which also resets before it steps: two calls less in each env step.
    spec = replace(spec, order_enforce=False, max_episode_steps=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gymnasium's notes on versions and render modes: the person asked for this one
        modes = _render_modes(spec)
        mode = next((each for each in _RENDER_MODES if each in modes), None if modes else _RENDER_MODES[0])
        if mode is not None:
            with contextlib.suppress(*FOREIGN_ERRORS):  # it may not take a render mode
                made = gym.make(spec, disable_env_checker=True, render_mode=mode, **arguments)
                set_constants(spec, env_kwargs, made)
                return made, mode, ""
        try:
            made = gym.make(spec, disable_env_checker=True, **arguments)
            set_constants(spec, env_kwargs, made)
        except gym.error.DependencyNotInstalled as error:
            template = mark("{env_id} needs a package that is not installed: {cause}")
            raise UnsupportedEnvironmentError(template, env_id=env_id, cause=error) from error
        except DqnLabError:
            raise
        except FOREIGN_ERRORS as error:
            raise constructor_failure(env_id, error) from error
    return made, None, "it opens a window of its own to draw in" if modes and mode is None else ""


def _render_modes(spec: EnvSpec) -> tuple[str, ...]:
    """The modes that the environment's class names; none where it names none."""
    try:
        creator: Any = spec.entry_point if callable(spec.entry_point) else load_env_creator(str(spec.entry_point))
        return tuple(str(each) for each in creator.metadata["render_modes"])
    except Exception:  # noqa: BLE001  metadata may be anything; what cannot be imported is said when it is made
        return ()


def _own_limit(spec: EnvSpec) -> int:
    limit = spec.max_episode_steps or step_limit_of(spec)
    return limit if isinstance(limit, int) and limit > 0 else EPISODE_STEPS_WITHOUT_LIMIT


def registered(env_id: str) -> EnvSpec:
    """How the environment is registered; raises :class:`UnsupportedEnvironmentError` for an id that is not."""
    spec = find_spec(env_id)
    if spec is None:
        template = mark("There is no environment {env_id!r}. Did you mean {suggestions}?")
        raise UnsupportedEnvironmentError(template, env_id=env_id, suggestions=", ".join(_suggestions(env_id)))
    return spec


def _suggestions(env_id: str) -> list[str]:
    """Ids that ``env_id`` may be a slip of, of environments that can be trained in."""
    known = {*ids_from_elsewhere(), *(own for file in environment_files() for own in file.env_ids)}
    near = (each for each in difflib.get_close_matches(env_id, sorted(known), n=20, cutoff=0.6) if _trains(each))
    return list(itertools.islice(near, 3)) or ["CartPole-v1", "LunarLander-v3"]


def _trains(env_id: str) -> bool:
    """Whether it can be trained in; what is other people's is believed to, for it is not made to find out."""
    spec = gym.registry.get(env_id)
    try:
        if spec is not None and comes_with_gymnasium(env_id):
            make_environment(env_id).close()
    except UnsupportedEnvironmentError:
        return False
    return spec is None or not is_only_a_note(spec)


def is_only_a_note(spec: EnvSpec) -> bool:
    """Whether an id is registered only to say where its environment has gone: Gymnasium has such for MuJoCo's."""
    return getattr(spec.entry_point, "__name__", "").startswith("_raise")


@KeptWhileUnchanged
def inspect_environment(
    env_id: str, max_episode_steps: int | None = None, env_kwargs: Arguments = NO_ARGUMENTS
) -> EnvironmentReport:
    """Describe an environment.

    Raises :class:`UnsupportedEnvironmentError` as :func:`make_environment` does, and for one that hangs.
    """
    return _in_time(env_id, lambda: _inspect(env_id, max_episode_steps, env_kwargs))


def _inspect(env_id: str, max_episode_steps: int | None, env_kwargs: Arguments) -> EnvironmentReport:
    environment, preset = make_environment(env_id, max_episode_steps, env_kwargs), find_preset(env_id)
    try:
        observations, actions = environment.observations, environment.actions
        has_names = preset is not None and len(preset.action_names) == actions.count
        known = preset.action_names if preset and has_names else action_names(env_id, actions.count)
        repeats, states = _repeats(environment), state_map(environment)
        return EnvironmentReport(
            env_id=env_id,
            observation_size=observations.size,
            n_actions=actions.count,
            low=observations.low,
            high=observations.high,
            observation_names=environment.observation_names,
            action_names=known or environment.action_meanings or actions.names,
            max_episode_steps=environment.max_episode_steps,
            frames_per_s=environment.frames_per_s,
            reward_rule=preset.reward_rule if preset else "",
            left_out=observations.left_out,
            picture=environment.picture,
            n_states=None if states is None else len(states.vectors),
            repeats=repeats,
            layout=environment.layout,
        )
    finally:
        environment.close()


def _repeats(environment: CheckedEnvironment) -> bool:
    """Whether the same seed and actions give the same episode, as far as a few steps tell.

    Raises :class:`EnvironmentFailedError` for an environment that fails in them.
    """
    first = _trial(environment)
    if first != _trial(environment):
        return False
    # What is drawn of a few things may happen to be the same.
    starts = {environment.reset(seed=_TRIAL_SEED)[0].tobytes() for _ in range(_TRIAL_STARTS)}
    return starts == {first[0]}


def _trial(environment: CheckedEnvironment) -> list[Any]:
    """The first steps of an episode on one seed with the same actions: what comes of them, to be compared."""
    observation, _ = environment.reset(seed=_TRIAL_SEED)
    came: list[Any] = [observation.tobytes()]
    for action in np.random.default_rng(_TRIAL_SEED).integers(environment.n_actions, size=_TRIAL_STEPS).tolist():
        observation, reward, terminated, truncated, _ = environment.step(action)
        came.append((observation.tobytes(), reward, terminated, truncated))
        if terminated or truncated:
            break
    return came


def comes_with_gymnasium(env_id: str) -> bool:
    """Whether the environment's code is Gymnasium's own. What is other people's may hang, or end its process.

    Raises :class:`UnsupportedEnvironmentError` for an id that is not registered here.
    """
    if is_own(env_id):
        return False
    spec = registered(env_id)
    maker = spec.entry_point
    return isinstance(maker, str) and maker.startswith("gymnasium.envs.") and not spec.additional_wrappers


Answer = TypeVar("Answer")
_hanging: dict[str, threading.Thread] = {}
"""Threads that other people's code did not come back in, by the environment's id."""


def _in_time(env_id: str, ask: Callable[[], Answer]) -> Answer:
    """What ``ask`` gives or raises; raises :class:`UnsupportedEnvironmentError` where it does not come back.

    Nobody waits twice for an environment that hangs.
    """
    if comes_with_gymnasium(env_id):
        return ask()
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((ask(), None))
        except BaseException as error:  # noqa: BLE001  raised again for whoever waits
            answers.put((None, error))

    thread = _hanging.get(env_id)
    if thread is None or not thread.is_alive():
        _hanging.pop(env_id, None)
        thread = threading.Thread(target=answer, name=f"look-{env_id}", daemon=True)
        thread.start()
        with contextlib.suppress(queue.Empty):
            given, error = answers.get(timeout=_LONGEST_LOOK_S)
            if error is not None:
                raise error
            return given  # type: ignore[no-any-return]
        _hanging[env_id] = thread
    template = mark(
        "{env_id} hangs: it returned nothing within {seconds} seconds. Choose another environment, or check that its "
        "constructor, reset, step, render and close all return."
    )
    raise UnsupportedEnvironmentError(template, env_id=env_id, seconds=round(_LONGEST_LOOK_S))


def reward_threshold(env_id: str) -> float | None:
    """Mean return from which Gymnasium counts the environment as solved; None where it names none.

    Raises :class:`UnsupportedEnvironmentError` for an id that is not registered here.
    """
    threshold = registered(env_id).reward_threshold
    is_number = isinstance(threshold, (int, float)) and math.isfinite(threshold)
    return float(threshold) if is_number and threshold is not None else None


@KeptWhileUnchanged
def environment_picture(env_id: str, env_kwargs: Arguments = NO_ARGUMENTS) -> EnvironmentPicture:
    """The environment some steps into an episode.

    Raises :class:`UnsupportedEnvironmentError` as :func:`make_environment` does, and for one that hangs.
    """
    return _in_time(env_id, lambda: _picture(env_id, env_kwargs))


def _picture(env_id: str, env_kwargs: Arguments) -> EnvironmentPicture:
    environment = make_environment(env_id, env_kwargs=env_kwargs)
    try:
        environment.set_decorated(on=True)
        environment.reset(seed=_TRIAL_SEED)
        for step in range(_TRIAL_STEPS):
            _, _, terminated, truncated, _ = environment.step(step % environment.n_actions)
            if terminated or truncated:
                break
        picture = environment.draw()
        height, width = picture.shape[:2]
        return EnvironmentPicture(as_jpeg(picture, quality=90), (width, height), environment.picture_trouble)
    finally:
        environment.close()
