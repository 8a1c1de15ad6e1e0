"""The door to foreign code: every environment comes in as a :class:`CheckedEnvironment`, and behind it nobody checks.

What comes out of it is sound: observations [D] float32, finite, each an array of its own; rewards and the two flags of
an episode's end are a plain float and plain bools; actions are numbered from 0. Whatever the environment's own code
raises, and whatever it gives that is not sound, becomes one :class:`~dqn_core.errors.EnvironmentFailedError`, which
names the environment, the method, the env step, what came and what was expected.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import math
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Space
from gymnasium.wrappers import FrameStackObservation
from numpy.typing import NDArray

from dqn_core.algorithm.networks import PictureShape
from dqn_core.config import NO_ARGUMENTS, Arguments
from dqn_core.environments.names import channel_names, meaning_names
from dqn_core.environments.names import observation_names as known_names
from dqn_core.environments.pictures import NotShownError, Picture, as_jpeg, as_picture, drawing, fitted, placeholder
from dqn_core.environments.planes import PictureLayout, picture_layout
from dqn_core.environments.spaces import (
    FINITE,
    MOST_COMBINATIONS,
    ActionNumbers,
    NotOfSpaceError,
    ObservationVector,
    TooManyError,
    described,
    described_space,
)
from dqn_core.errors import DqnLabError, EnvironmentFailedError, UnsupportedEnvironmentError, mark

__all__ = ["FOREIGN_ERRORS", "CheckedEnvironment", "constructor_failure", "is_open"]

FOREIGN_ERRORS = (Exception, SystemExit)
"""What other people's code may raise, exit() included; what a person at the keyboard does is not theirs."""

_LOG = logging.getLogger(__name__)
_LARGEST = float(np.finfo(np.float32).max)
_LARGEST_SEED = 2**31
_LONGEST_CAUSE = 400
_SEEDS = "reset_seeds"
"""Key of a saved generator that resets draw their seeds from."""
_FEWEST_FRAMES_PER_S, _USUAL_FRAMES_PER_S, _MOST_FRAMES_PER_S = 0.5, 30.0, 240.0
_NO_INFO: dict[str, Any] = {}
_open: Counter[str] = Counter()
"""How many of each environment are open in this process."""


def is_open(env_id: str) -> bool:
    """Whether an environment of this id is open in this process."""
    return _open[env_id] > 0


class CheckedEnvironment:
    """An environment behind the door.

    Parameters
    ----------
    environment
        As its own constructor made it, without Gymnasium's checks and step limit.
    env_id
        What messages call it.
    env_kwargs
        What it was made with beside its own defaults.
    max_episode_steps
        Env steps after which an episode is truncated.
    comes_with_gymnasium
        Whether its code is Gymnasium's own. Then its generator goes on from episode to episode, as Gymnasium has it.
        Other people's code may not seed its generator, or draw it anew from the system at each reset without a seed: it
        is given a seed at every reset, and its generator and its spaces' are seeded too.
    observation_names
        Meaning of each number of an observation, where there are as many; else names of this project's own, or those
        that the space gives.
    render_mode
        What it was made to draw in; None where it was not.
    no_pictures
        Why its ``render`` is not to be called; empty where it may be.

    Raises
    ------
    UnsupportedEnvironmentError
        A space is not one that DQN can use.
    EnvironmentFailedError
        It has no spaces, or its own code fails.
    """

    def __init__(  # noqa: PLR0913  what only its maker knows of it
        self,
        environment: gym.Env[Any, Any],
        env_id: str,
        *,
        env_kwargs: Arguments = NO_ARGUMENTS,
        max_episode_steps: int,
        comes_with_gymnasium: bool,
        observation_names: Sequence[str] = (),
        render_mode: str | None = None,
        no_pictures: str = "",
    ) -> None:
        self.env_id = env_id
        self.env_kwargs = env_kwargs
        self.max_episode_steps = max_episode_steps
        self._environment, self._render_mode = environment, render_mode
        self._comes_with_gymnasium = self._goes_on = comes_with_gymnasium
        self.episode_step = 0
        """Env steps since the reset."""
        self.observation_space, self.action_space = self._space("observation_space"), self._space("action_space")
        self.observations = _observation_vector(env_id, self.observation_space)
        """How its observations become vectors."""
        self.actions = _action_numbers(env_id, self.action_space)
        """How its actions are numbered."""
        self.observation_size, self.n_actions = self.observations.size, self.actions.count
        self.picture = _with_frames(self.observations.picture, environment)
        """How the numbers of an observation lie where it is a picture; None where it is none."""
        has_names = len(observation_names) == self.observation_size
        names = tuple(observation_names) if has_names else known_names(env_id, self.observation_size)
        self.observation_names = names or self.observations.names
        self.layout = _layout(env_id, self.observation_space)
        """How an observation is a picture; None where it is none."""
        self._foreign_step: Callable[[Any], Any] = environment.step
        self._vector = self.observations.vector
        self._first_action, self._combinations = self.actions.first, self.actions.combinations
        self._takes_seed = _takes(environment.unwrapped.reset, "seed")
        self._seeds = np.random.default_rng(0)
        self._was_reset = False
        self._observation: NDArray[np.float32] = np.zeros(self.observation_size, np.float32)
        self._no_pictures, self._is_decorated = no_pictures, True
        self._picture_size: tuple[int, int] | None = None
        self.picture_trouble = no_pictures
        """Why the last picture was a placeholder; empty where it was not."""
        self.set_decorated(on=False)
        self._is_closed = False
        self._next: CheckedEnvironment | None = None
        _open[env_id] += 1

    # --------------------------------------------------------------------------------------------- reset and step

    def reset(self, *, seed: int | None = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode: (the first observation [D], an empty dict, in the place of Gymnasium's info).

        Without a seed it goes on with its own generator.
        """
        if self._next is not None:
            self._become(self._next)
        self.episode_step = 0
        try:
            came = self._foreign_reset(seed)
        except DqnLabError:
            raise
        except FOREIGN_ERRORS as error:
            raise self._raised(error, "reset", _reset_hint(error)) from error
        is_pair = isinstance(came, (tuple, list)) and len(came) == 2  # noqa: PLR2004  observation and info
        if not is_pair:
            raise self._gave(came, "result", "(observation, info)", NO_INFO, method="reset")
        try:
            if not self._was_reset:
                self.observations.check(came[0])
            self._observation = self._vector(came[0])
        except NotOfSpaceError as error:
            hint = _observation_hint(error) if isinstance(came[1], dict) else NO_INFO
            raise self._gave_observation(error, hint, method="reset") from None
        self._was_reset = True
        return self._observation, _NO_INFO

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take ``action``, numbered from 0: (observation [D], reward, terminated, truncated, an empty dict)."""
        try:
            came = self._foreign_step(
                self._first_action + action if self._combinations is None else self._combinations[action].copy()
            )
        except DqnLabError:
            raise
        except FOREIGN_ERRORS as error:
            self.episode_step += 1
            raise self._raised(error, "step") from error
        self.episode_step = steps = self.episode_step + 1
        try:
            observation, reward, terminated, truncated, _ = came
        except (TypeError, ValueError):
            raise self._wrong_length(came) from None
        if type(reward) is not float:
            reward = float(reward) if isinstance(reward, float) else self._as_reward(reward)
        if not -_LARGEST <= reward <= _LARGEST:
            raise self._gave(reward, "reward", FINITE, _number_hint(reward))
        if type(terminated) is not bool:
            terminated = self._as_flag("terminated", terminated)
        if type(truncated) is not bool:
            truncated = self._as_flag("truncated", truncated)
        if steps >= self.max_episode_steps:
            truncated = True
        try:
            self._observation = vector = self._vector(observation)
        except NotOfSpaceError as error:
            raise self._gave_observation(error, _observation_hint(error)) from None
        return vector, reward, terminated, truncated, _NO_INFO

    def _foreign_reset(self, seed: int | None) -> Any:
        """Reset it with ``seed``, as it can take one."""
        if self._goes_on:
            self._goes_on = self._comes_with_gymnasium
            return self._environment.reset(seed=seed)
        if seed is None:
            seed = int(self._seeds.integers(_LARGEST_SEED))
        else:
            self._seeds = np.random.default_rng(seed)
        _seed_generators(self._environment.unwrapped, seed)
        if self._takes_seed:
            return self._environment.reset(seed=seed)
        if callable(old_way := getattr(self._environment.unwrapped, "seed", None)):  # the old Gym's
            old_way(seed)
        return self._environment.unwrapped.reset()

    # ------------------------------------------------------------------------------------------ other arguments

    @property
    def next_env_kwargs(self) -> Arguments:
        """Its arguments from the next reset on."""
        return self.env_kwargs if self._next is None else self._next.env_kwargs

    def replace_at_reset(self, other: CheckedEnvironment | None) -> None:
        """Be ``other``, made with other arguments, from the next reset on; None to stay as it is.

        An episode is played with the same arguments from its beginning to its end, and so is its replay.
        """
        if self._next is not None:
            self._next.close()
        self._next = other

    def _become(self, other: CheckedEnvironment) -> None:
        """Go on as ``other``, with the generator as it stands; whoever holds this object holds the other now."""
        self._next = None
        other.set_generator_state(self.generator_state())
        other.set_decorated(on=self._is_decorated)
        self.close()
        self.__dict__.update(vars(other))

    # ------------------------------------------------------------------------------------------- what is not sound

    def _as_reward(self, came: Any) -> float:
        if hasattr(came, "__float__") and getattr(came, "shape", ()) == ():  # torch has numbers without axes too
            with contextlib.suppress(Exception):
                return float(came)
        raise self._gave(came, "reward", "float", ONE_REWARD)

    def _as_flag(self, name: str, came: Any) -> bool:
        if hasattr(came, "__float__") and getattr(came, "shape", ()) == ():
            with contextlib.suppress(Exception):
                if float(came) in {0.0, 1.0}:
                    return bool(came)
        raise self._gave(came, name, "bool", FLAGS)

    def _wrong_length(self, came: Any) -> EnvironmentFailedError:
        is_old = isinstance(came, (tuple, list)) and len(came) == 4  # noqa: PLR2004  as the old Gym had it
        expected = "(observation, reward, terminated, truncated, info)"
        return self._gave(came, "result", expected, OLD_STEP if is_old else "")

    def _gave(
        self, came: object, part: str, expected: str, hint: str, *, method: str = "step"
    ) -> EnvironmentFailedError:
        """The error of what ``method`` gave in the place of ``expected``."""
        return self._unsound(described(came), part, expected, hint, method)

    def _gave_observation(self, error: NotOfSpaceError, hint: str, *, method: str = "step") -> EnvironmentFailedError:
        part = "observation" if error.part == "s" else f"observation, {error.part}"
        return self._unsound(error.came, part, error.expected, hint, method)

    def _unsound(self, came: str, part: str, expected: str, hint: str, method: str) -> EnvironmentFailedError:
        values = {"method": method, "part": part, "came": came, "expected": expected, "step": self.episode_step}
        return failure(GAVE if self.episode_step else GAVE_AT_RESET, hint, env_id=self.env_id, **values)

    def _raised(self, error: BaseException, method: str, hint: str = "") -> EnvironmentFailedError:
        _LOG.debug("%s raised in %s", self.env_id, method, exc_info=error)
        template = RAISED_AT if self.episode_step else RAISED
        return failure(template, hint, env_id=self.env_id, method=method, step=self.episode_step, **_cause(error))

    def _space(self, name: str) -> Space[Any]:
        try:
            space = getattr(self._environment, name)
        except Exception as error:
            raise self._raised(error, name, SPACES) from error
        if not isinstance(space, Space):
            raise self._gave(space, name, "gymnasium.spaces.Space", SPACES, method="__init__")
        return space

    # ---------------------------------------------------------------------------------------------- its generator

    def generator_state(self) -> dict[str, Any]:
        """State of what a reset without a seed goes on with, as JSON values."""
        if self._comes_with_gymnasium:
            return dict(self._environment.unwrapped.np_random.bit_generator.state)
        return {_SEEDS: self._seeds.bit_generator.state}

    def set_generator_state(self, state: Mapping[str, Any]) -> None:
        """Have the next reset without a seed go on from :meth:`generator_state`.

        One that an earlier version of this program saved is the environment's own, whatever the environment.

        Raises TypeError, ValueError or KeyError for what is no such state.
        """
        if _SEEDS in state:
            self._seeds.bit_generator.state = state[_SEEDS]
        else:
            self._environment.unwrapped.np_random.bit_generator.state = state
            self._goes_on = True

    # --------------------------------------------------------------------------------------------------- pictures

    @property
    def action_meanings(self) -> tuple[str, ...]:
        """What each action does, where the environment itself says so, as Atari's do; else none."""
        try:
            own: Any = self._environment.unwrapped
            meanings = meaning_names(own.get_action_meanings())
        except Exception:  # noqa: BLE001  it has none, or they are its own code
            return ()
        return meanings if len(meanings) == self.n_actions else ()

    @property
    def unwrapped(self) -> Any:
        """The environment's own object."""
        return self._environment.unwrapped

    @property
    def frames_per_s(self) -> float:
        """Env steps a second at real time."""
        try:
            frames_per_s = float(self._environment.metadata["render_fps"])
        except Exception:  # noqa: BLE001  metadata may be anything
            return _USUAL_FRAMES_PER_S
        is_pace = math.isfinite(frames_per_s) and frames_per_s > 0.0
        return min(max(frames_per_s, _FEWEST_FRAMES_PER_S), _MOST_FRAMES_PER_S) if is_pace else _USUAL_FRAMES_PER_S

    def set_decorated(self, *, on: bool) -> None:
        """Whether the environment prepares for pictures in each step.

        LunarLander adds the engines' flames to its physics world in each step once it has a render mode, and ages them
        only in ``render``: without pictures they pile up, and a step takes five times as long.
        """
        if self._render_mode is not None and on is not self._is_decorated:
            self._is_decorated = on
            with contextlib.suppress(Exception):  # it may not let itself be changed
                self._environment.unwrapped.render_mode = self._render_mode if on else None

    def draw(self) -> Picture:
        """The present state, always in the same size; a placeholder with its numbers where it cannot be drawn."""
        was_decorated = self._is_decorated
        self.set_decorated(on=True)
        try:
            picture, self.picture_trouble = as_picture(self._rendered()), ""
        except FOREIGN_ERRORS as error:  # a picture is not worth a run
            self.picture_trouble = _picture_trouble(error)
            picture = self._placeholder(self._observation, self.picture_trouble)
        self.set_decorated(on=was_decorated)
        return self._in_one_size(picture)

    def draw_numbers(self, observation: NDArray[np.float32], reason: str) -> Picture:
        """A placeholder with the numbers of ``observation`` [D], in the size of :meth:`draw`."""
        return self._in_one_size(self._placeholder(observation, reason))

    def _placeholder(self, observation: NDArray[np.float32], reason: str) -> Picture:
        numbers = zip(self.observation_names, observation.tolist(), strict=True)
        return placeholder(self.env_id, list(numbers), reason)

    def _in_one_size(self, picture: Picture) -> Picture:
        self._picture_size = self._picture_size or (picture.shape[0], picture.shape[1])
        return fitted(picture, self._picture_size)

    def _rendered(self) -> Any:
        if self._no_pictures:
            raise NotShownError(self._no_pictures)
        with drawing.taken():
            return self._environment.render()

    def draw_jpeg(self, quality: int = 80) -> bytes:
        """As :meth:`draw`, as JPEG."""
        return as_jpeg(self.draw(), quality)

    def close(self) -> None:
        """Free what the environment holds; waits for a picture that another run draws just now, if it does not hang.

        What the environment's own code raises there goes to the log: whoever is done with it goes on.
        """
        self.replace_at_reset(None)
        if self._is_closed:
            return
        self._is_closed = True
        _open[self.env_id] -= 1
        try:
            with drawing.taken():
                self._environment.close()
        except FOREIGN_ERRORS as error:
            _LOG.warning("%s could not be closed (%s: %s)", self.env_id, type(error).__name__, error)


# ------------------------------------------------------------------------------------------------------ in words

RAISED = mark("{env_id} fails in {method} ({kind}: {cause}).")
RAISED_AT = mark("{env_id} fails in {method} at env step {step} of an episode ({kind}: {cause}).")
GAVE = mark(
    "{env_id} fails in {method} at env step {step} of an episode: {part} is {came}, where {expected} is expected."
)
GAVE_AT_RESET = mark("{env_id} fails in {method}: {part} is {came}, where {expected} is expected.")

OLD_STEP = mark(
    "That is how the old Gym had it. Since Gymnasium 0.26, step returns five values: split done into terminated (the "
    "task itself is over) and truncated (a time limit)."
)
NO_INFO = mark("reset returns two values: the observation, and a dict, which may be empty.")
NO_SEED = mark("Write reset as: def reset(self, *, seed=None, options=None), and call super().reset(seed=seed) first.")
ONE_REWARD = mark("A reward is one number: return float(reward).")
FLAGS = mark("terminated and truncated are True or False: return bool(terminated), bool(truncated).")
NOT_FINITE = mark(
    "NaN and infinity come from a division by 0, a root or logarithm of a negative number, or from numbers that grow "
    "without end: look for these in the environment. The agent's settings are not the cause."
)
TOO_LARGE = mark(
    "Networks compute with float32, whose numbers end at 3.4e38. Look for what grows without end in the environment, "
    "or divide by a constant. The agent's settings are not the cause."
)
SHAPE = mark("Return observations of the shape that observation_space has, or change the space.")
SPACES = mark("Set self.observation_space and self.action_space in __init__.")
PACKAGE = mark("Install the package that it needs: pip install {package}")
ONE_INSTANCE = mark("Another one of it is open. If only one may be open at a time: stop what uses it, and try again.")


def failure(template: str, hint: str = "", **parameters: object) -> EnvironmentFailedError:
    """The error of ``template``, with ``hint`` in a paragraph of its own: each paragraph is translated by itself."""
    return EnvironmentFailedError(f"{template}\n\n{hint}" if hint else template, **parameters)


def _cause(error: BaseException) -> dict[str, object]:
    """What ``error`` is called, and what it says, and where in the environment's code it was raised."""
    place = ""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename != __file__]
    own = [each for each in frames if not each.filename.startswith((sys.prefix, sys.base_prefix))] or frames
    if own:
        place = f"{own[-1].filename.rpartition('/')[2]}:{own[-1].lineno}"
    try:
        said = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  even what it says is the environment's own code
        said = ""
    said = said if len(said) <= _LONGEST_CAUSE else f"{said[: _LONGEST_CAUSE - 3]}..."
    return {"kind": type(error).__name__, "cause": ", ".join(filter(None, (said, place)))}


def constructor_failure(env_id: str, error: BaseException) -> EnvironmentFailedError:
    """What became of an environment whose constructor raised ``error``."""
    _LOG.debug("%s raised in its constructor", env_id, exc_info=error)
    package, hint = "", ONE_INSTANCE if is_open(env_id) else ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package, hint = error.name.partition(".")[0], PACKAGE
    return failure(RAISED, hint, env_id=env_id, method="__init__", package=package, **_cause(error))


def _reset_hint(error: BaseException) -> str:
    is_about_arguments = isinstance(error, TypeError) and "argument" in str(error)
    return NO_SEED if is_about_arguments and any(name in str(error) for name in ("seed", "options")) else ""


def _observation_hint(error: NotOfSpaceError) -> str:
    return _number_hint(float(error.came)) if error.expected == FINITE else SHAPE


def _number_hint(number: float) -> str:
    return TOO_LARGE if math.isfinite(number) else NOT_FINITE


def _picture_trouble(error: BaseException) -> str:
    if isinstance(error, NotImplementedError):
        return "it has no render()"
    return str(error) if isinstance(error, NotShownError) else f"render() raised {type(error).__name__}: {error}"


# ----------------------------------------------------------------------------------------------- what it can take


def _observation_vector(env_id: str, space: Space[Any]) -> ObservationVector:
    try:
        return ObservationVector(space)
    except TypeError as error:
        template = mark(
            "{env_id} observes {space}; DQN here needs numbers, always as many: Box, Discrete, MultiDiscrete, "
            "MultiBinary, or a Dict or Tuple of these. Choose an environment such as CartPole-v1."
        )
        raise UnsupportedEnvironmentError(template, env_id=env_id, space=described_space(space)) from error
    except TooManyError as error:
        template = mark("{env_id} observes {count} numbers; a network here takes {most} at most.")
        raise UnsupportedEnvironmentError(template, env_id=env_id, count=error.count, most=error.most) from error


def _with_frames(picture: PictureShape | None, environment: gym.Env[Any, Any]) -> PictureShape | None:
    """``picture`` with the number of frames in it, where it is a stack of them."""
    wrapper: Any = environment
    while isinstance(wrapper, gym.Wrapper):
        if isinstance(wrapper, FrameStackObservation) and picture is not None and picture.channels_first:
            return picture._replace(frames=picture.channels)
        wrapper = wrapper.env
    return picture


def _layout(env_id: str, space: Space[Any]) -> PictureLayout | None:
    found = picture_layout(space)
    return found and picture_layout(space, channel_names(env_id, found.channels))


def _action_numbers(env_id: str, space: Space[Any]) -> ActionNumbers:
    try:
        return ActionNumbers(space)
    except TypeError as error:
        template = mark(
            "{env_id} takes actions from {space}; DQN picks one of a few (a Discrete space, or MultiDiscrete or "
            "MultiBinary of at most {most} combinations). Choose an environment such as LunarLander-v3."
        )
        text = described_space(space)
        raise UnsupportedEnvironmentError(template, env_id=env_id, space=text, most=MOST_COMBINATIONS) from error
    except TooManyError as error:
        template = mark("{env_id} has {count} actions; a network here gets an output for each, {most} at most.")
        raise UnsupportedEnvironmentError(template, env_id=env_id, count=error.count, most=error.most) from error


def _takes(method: Any, name: str) -> bool:
    """Whether ``method`` takes an argument of that name."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(each.kind is each.VAR_KEYWORD or each.name == name for each in parameters)


def _seed_generators(environment: Any, seed: int) -> None:
    """Seed the generators that the environment has from Gymnasium, for it may forget to: its own and its spaces'."""
    with contextlib.suppress(Exception):
        if isinstance(environment.np_random, np.random.Generator):
            environment.np_random = np.random.default_rng(seed)
        else:
            environment.np_random.seed(seed)  # the old Gym's kind
    for name in ("observation_space", "action_space"):
        with contextlib.suppress(Exception):
            getattr(environment, name).seed(seed)
