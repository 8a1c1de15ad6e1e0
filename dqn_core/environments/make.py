"""Gymnasium environments that DQN can use: made, checked, described, drawn.

DQN needs a flat Box observation (a vector of numbers) and Discrete actions; everything else is refused with a
message that names the space.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import logging
import os
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray
from PIL import Image

from dqn_core.environments.own import KeptWhileUnchanged, find_spec, is_own, plain_id
from dqn_core.errors import DqnLabError, RolloutError, UnsupportedEnvironmentError, mark
from dqn_core.presets import PRESETS

__all__ = [
    "EPISODE_STEPS_WITHOUT_LIMIT",
    "EnvironmentReport",
    "action_range",
    "as_failure",
    "as_jpeg",
    "can_draw",
    "close_environment",
    "comes_with_gymnasium",
    "environment_picture",
    "inspect_environment",
    "make_environment",
    "render_jpeg",
    "render_pixels",
    "reward_threshold",
    "set_decorated",
]

EPISODE_STEPS_WITHOUT_LIMIT = 10_000
"""Truncation of environments that have no limit of their own: without one, a greedy episode might never end."""

_LOG = logging.getLogger(__name__)
_STEPS_BEFORE_PICTURE = 8
_LONGEST_DRAWING_S = 5.0
_LONGEST_LOOK_S = 30.0
"""How long other people's code may take to make an environment, or to draw it once, while a page waits."""

# Pictures are drawn into memory: SDL needs no screen and no sound card, and says so in the log unless told.
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


class _DrawingTurn:
    """One drawing at a time, for pygame keeps global state and several runs may draw at once.

    A drawing that has not ended after ``longest_s`` hangs: it holds up nobody any longer, and the others take turns
    without it.
    """

    def __init__(self, longest_s: float = _LONGEST_DRAWING_S) -> None:
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._replacing = threading.Lock()
        self._since = 0.0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, and have it."""
        lock = self._lock
        while not lock.acquire(timeout=self._longest_s):
            with self._replacing:  # the first of those who wait finds the others a new one
                if self._lock is lock and time.monotonic() - self._since >= self._longest_s:
                    _LOG.warning("An environment has been drawing, or closing, for %g s: it hangs.", self._longest_s)
                    self._lock = threading.Lock()
                    self._since = time.monotonic()
                lock = self._lock
        self._since = time.monotonic()
        try:
            yield
        finally:
            lock.release()


_drawing = _DrawingTurn()


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
    has_pictures: bool
    reward_rule: str
    """In words; empty where this project has none for the environment."""


def make_environment(env_id: str, max_episode_steps: int | None = None) -> gym.Env[np.ndarray, Any]:
    """Make and check an environment. It can draw RGB arrays where its kind can, but does not decorate until told.

    Raises
    ------
    UnsupportedEnvironmentError
        The id is unknown, a package is missing, or a space is not one DQN can use.
    """
    spec = _registered(env_id)
    limit = max_episode_steps or spec.max_episode_steps or EPISODE_STEPS_WITHOUT_LIMIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Gymnasium's "out of date" note: the person asked for this version
            made = _make(env_id, limit)
    except gym.error.DependencyNotInstalled as error:
        template = mark("{env_id} needs a package that is not installed: {cause}")
        raise UnsupportedEnvironmentError(template, env_id=env_id, cause=error) from error
    except Exception as error:  # whatever a third party's constructor raises becomes a message
        template = mark("{env_id} could not be created ({kind}: {cause}). Choose another environment.")
        raise UnsupportedEnvironmentError(template, env_id=env_id, kind=type(error).__name__, cause=error) from error
    try:
        _check_spaces(env_id, made)
    except UnsupportedEnvironmentError:
        close_environment(made)
        raise
    set_decorated(made, on=False)
    return made


def _make(env_id: str, limit: int) -> gym.Env[np.ndarray, Any]:
    try:
        return gym.make(plain_id(env_id), render_mode="rgb_array", max_episode_steps=limit, disable_env_checker=True)
    except (TypeError, ValueError, gym.error.Error):  # an environment that cannot draw
        return gym.make(plain_id(env_id), max_episode_steps=limit, disable_env_checker=True)


def _registered(env_id: str) -> gym.envs.registration.EnvSpec:
    spec = find_spec(env_id)
    if spec is None:
        near = difflib.get_close_matches(env_id, gym.registry, n=3, cutoff=0.5) or ["CartPole-v1", "LunarLander-v3"]
        template = mark("There is no environment {env_id!r}. Did you mean {suggestions}?")
        raise UnsupportedEnvironmentError(template, env_id=env_id, suggestions=", ".join(near))
    return spec


def _check_spaces(env_id: str, environment: gym.Env[np.ndarray, Any]) -> None:
    observations, actions = environment.observation_space, environment.action_space
    if not isinstance(observations, Box) or len(observations.shape) != 1:
        template = mark(
            "{env_id} observes {space}; DQN here needs a flat vector of numbers (a Box with one dimension). "
            "Choose an environment such as CartPole-v1."
        )
        raise UnsupportedEnvironmentError(template, env_id=env_id, space=observations)
    if not isinstance(actions, Discrete):
        template = mark(
            "{env_id} takes actions from {space}; DQN picks one of a few (a Discrete space). "
            "Choose an environment such as LunarLander-v3."
        )
        raise UnsupportedEnvironmentError(template, env_id=env_id, space=actions)


@KeptWhileUnchanged
def inspect_environment(env_id: str, max_episode_steps: int | None = None) -> EnvironmentReport:
    """Describe an environment.

    Raises :class:`UnsupportedEnvironmentError` as :func:`make_environment` does, and for one that hangs.
    """
    return _in_time(env_id, lambda: _inspect(env_id, max_episode_steps))


def _inspect(env_id: str, max_episode_steps: int | None) -> EnvironmentReport:
    environment = make_environment(env_id, max_episode_steps)
    try:
        space = environment.observation_space
        assert isinstance(space, Box)  # noqa: S101  make_environment has refused every other
        size, (_, n_actions), preset = space.shape[0], action_range(environment), PRESETS.get(env_id)
        spec = environment.spec
        return EnvironmentReport(
            env_id=env_id,
            observation_size=size,
            n_actions=n_actions,
            low=tuple(float(value) + 0.0 for value in space.low),  # makes -0.0 a 0.0
            high=tuple(float(value) for value in space.high),
            observation_names=preset.observation_names if preset else tuple(f"s[{i}]" for i in range(size)),
            action_names=preset.action_names if preset else tuple(f"a[{i}]" for i in range(n_actions)),
            max_episode_steps=(spec and spec.max_episode_steps) or EPISODE_STEPS_WITHOUT_LIMIT,
            frames_per_s=float(environment.metadata.get("render_fps") or 30.0),
            has_pictures=can_draw(environment),
            reward_rule=preset.reward_rule if preset else "",
        )
    finally:
        close_environment(environment)


def comes_with_gymnasium(env_id: str) -> bool:
    """Whether the environment's code is Gymnasium's own. What is other people's may hang, or end its process.

    Raises :class:`UnsupportedEnvironmentError` for an id that is not registered here.
    """
    if is_own(env_id):
        return False
    spec = _registered(env_id)
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
    threshold = _registered(env_id).reward_threshold
    return None if threshold is None else float(threshold)


def can_draw(environment: gym.Env[np.ndarray, Any]) -> bool:
    """Whether the environment was made able to draw."""
    return environment.spec is not None and environment.spec.kwargs.get("render_mode") == "rgb_array"


def set_decorated(environment: gym.Env[np.ndarray, Any], *, on: bool) -> None:
    """Whether the environment prepares for pictures in each step.

    LunarLander adds the engines' flames to its physics world in each step once it has a render mode, and ages them
    only in ``render``: without pictures they pile up, and a step takes five times as long.
    """
    if can_draw(environment):
        environment.unwrapped.render_mode = "rgb_array" if on else None


def render_jpeg(environment: gym.Env[np.ndarray, Any], quality: int = 80) -> bytes | None:
    """The environment's present state as JPEG; None where it cannot draw."""
    if not can_draw(environment):
        return None
    return as_jpeg(render_pixels(environment), quality)


def render_pixels(environment: gym.Env[np.ndarray, Any]) -> NDArray[np.uint8]:
    """The environment's present state [height, width, 3], as a copy; only for one that :func:`can_draw`."""
    decorated = environment.unwrapped.render_mode is not None
    set_decorated(environment, on=True)
    with _drawing.taken():
        pixels = environment.render()
    set_decorated(environment, on=decorated)
    return np.array(pixels, dtype=np.uint8)


def as_jpeg(pixels: NDArray[np.uint8], quality: int = 80) -> bytes:
    """A picture [height, width, 3] as JPEG."""
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "JPEG", quality=quality)
    return picture.getvalue()


def action_range(environment: gym.Env[np.ndarray, Any]) -> tuple[int, int]:
    """(number of the first action, count of actions) of a Discrete space."""
    space = environment.action_space
    assert isinstance(space, Discrete)  # noqa: S101  make_environment has refused every other
    return int(space.start), int(space.n)


def close_environment(environment: gym.Env[np.ndarray, Any]) -> None:
    """Free what the environment holds; waits for a picture that another run draws just now, if it does not hang.

    What the environment's own code raises there goes to the log: whoever is done with it goes on.
    """
    try:
        with _drawing.taken():
            environment.close()
    except Exception as error:  # noqa: BLE001  an environment is other people's code
        _LOG.warning("An environment could not be closed (%s: %s)", type(error).__name__, error)


@KeptWhileUnchanged
def environment_picture(env_id: str) -> bytes | None:
    """JPEG of the environment some steps into an episode; None where it cannot draw.

    Raises :class:`UnsupportedEnvironmentError` as :func:`make_environment` does, and for one that hangs, and
    :class:`RolloutError` where the environment's own code fails.
    """
    return _in_time(env_id, lambda: _picture(env_id))


def _picture(env_id: str) -> bytes | None:
    environment = make_environment(env_id)
    try:
        set_decorated(environment, on=True)
        environment.reset(seed=1)
        first_action, n_actions = action_range(environment)
        for step in range(_STEPS_BEFORE_PICTURE):
            _, _, terminated, truncated, _ = environment.step(first_action + step % n_actions)
            if terminated or truncated:
                break
        return _drawn(environment, env_id)
    except RolloutError:
        raise
    except Exception as error:  # an environment is other people's code
        template = mark("{env_id} fails in its first steps ({kind}: {cause}): a run would fail as well.")
        raise RolloutError(template, env_id=env_id, kind=type(error).__name__, cause=error) from error
    finally:
        close_environment(environment)


def _drawn(environment: gym.Env[np.ndarray, Any], env_id: str) -> bytes | None:
    try:
        return render_jpeg(environment, quality=90)
    except Exception as error:
        template = mark("{env_id} cannot be drawn ({kind}: {cause}). It can still be trained.")
        raise RolloutError(template, env_id=env_id, kind=type(error).__name__, cause=error) from error


def as_failure(error: Exception) -> DqnLabError:
    """``error`` as something to show; what an environment's own code raised goes to the log with its traceback too."""
    if isinstance(error, DqnLabError):
        return error
    _LOG.error("A run failed", exc_info=error)
    template = mark("The run failed ({kind}: {cause}). Its last good weights are kept.")
    return DqnLabError(template, kind=type(error).__name__, cause=error)
