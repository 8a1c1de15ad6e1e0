"""What can be set in an environment: the arguments of its constructor, and the physics of those that are known.

The constructor's signature tells names, kinds and defaults. For Gymnasium's own environments a table adds ranges, units
and words; it also names constants that no constructor takes, such as CartPole's gravity, and how they are set in an
environment once it is made, with all that is computed from them.
"""

from __future__ import annotations

import difflib
import inspect
import sys
import threading
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, load_env_creator

from dqn_core.config import Arguments
from dqn_core.errors import FieldProblem, mark

__all__ = [
    "ARGUMENT_LABELS",
    "Argument",
    "argument_problems",
    "constructor_arguments",
    "environment_arguments",
    "missing_arguments",
    "set_constants",
    "takes_more",
]

_LABEL_LENGTH = 60


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One thing that can be set in an environment."""

    name: str
    kind: type
    """bool, int, float or str; object where it is not known, and anything goes."""
    default: Any = None
    """None where there is none: it has to be given, or its default is no plain value."""
    is_required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    label: str = ""
    """A message; empty where this project has no words for it."""
    raising: str = ""
    """What raising the value does, or turning a switch on; a message, or empty."""
    unit: str = ""
    needs: str = ""
    """A switch without which it has no effect."""
    is_live: bool = True
    """Whether it may change while a run trains: it leaves the observations and actions as they are."""
    constant: Callable[[Any, Any], None] | None = None
    """Sets it in an environment that is made; None where the constructor takes it."""
    is_wrapped: bool = False
    """Whether a wrapper takes it (:mod:`dqn_core.environments.wrapped`), not the constructor."""

    def problem(self, value: Any) -> tuple[str, dict[str, object]] | None:
        """What is wrong with ``value``: a message template and its parameters; None where nothing is."""
        if self.kind is bool:
            return None if isinstance(value, bool) else (mark("must be true or false"), {})
        if self.kind in {int, float}:
            return self._problem_of_number(value)
        if self.choices and value not in self.choices:
            return mark("must be one of {choices}"), {"choices": ", ".join(self.choices)}
        return None if self.kind is object or isinstance(value, str) else (mark("must be a text"), {})

    def _problem_of_number(self, value: Any) -> tuple[str, dict[str, object]] | None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
        if self.kind is int and not (is_number and isinstance(value, int)):
            return mark("must be a whole number"), {}
        if not is_number:
            return mark("must be a finite number"), {}
        low, high = self.low, self.high
        if (low is None or value >= low) and (high is None or value <= high):
            return None
        if self.unit:
            return mark("must be from {low} to {high} {unit}"), {"low": low, "high": high, "unit": self.unit}
        return mark("must be from {low} to {high}"), {"low": low, "high": high}


# ------------------------------------------------------------------------------------------------------------- known


def _attributes(*names: str, factor: float = 1.0) -> Callable[[Any, Any], None]:
    """Sets the attributes ``names`` to the value, times ``factor``."""

    def setter(environment: Any, value: Any) -> None:
        for name in names:
            setattr(environment, name, factor * value)

    return setter


def _constant_of_cartpole(name: str, factor: float = 1.0) -> Callable[[Any, Any], None]:
    """Sets one of CartPole's constants, and what its constructor computes from them."""

    def setter(environment: Any, value: Any) -> None:
        setattr(environment, name, factor * value)
        environment.total_mass = environment.masspole + environment.masscart
        environment.polemass_length = environment.masspole * environment.length

    return setter


def _first_link_length(environment: Any, value: Any) -> None:
    environment.LINK_LENGTH_1 = value
    environment.LINK_COM_POS_1 = value / 2.0  # its centre of mass is in its middle


def _torque(environment: Any, value: Any) -> None:
    environment.AVAIL_TORQUE = [-value, 0.0, value]


_GRAVITY, _FORCE, _SLIPPERY = mark("Gravity"), mark("Force"), mark("Slippery")
_LUNAR_LANDER = (
    Argument(
        name="gravity",
        kind=float,
        low=-11.9,
        high=-0.1,
        unit="m/s²",
        label=_GRAVITY,
        raising=mark("Closer to 0: the craft falls more slowly, and hovers longer."),
    ),
    Argument(
        name="enable_wind",
        kind=bool,
        label=mark("Wind"),
        raising=mark("On: a changing wind pushes and turns the craft until it has landed."),
    ),
    Argument(
        name="wind_power",
        kind=float,
        low=0.0,
        high=20.0,
        needs="enable_wind",
        label=mark("Wind power"),
        raising=mark("Higher: the wind pushes the craft aside more strongly."),
    ),
    Argument(
        name="turbulence_power",
        kind=float,
        low=0.0,
        high=2.0,
        needs="enable_wind",
        label=mark("Turbulence"),
        raising=mark("Higher: the wind turns the craft more strongly."),
    ),
)
_CARTPOLE = (
    Argument(
        name="gravity",
        kind=float,
        default=9.8,
        low=0.0,
        high=50.0,
        unit="m/s²",
        label=_GRAVITY,
        raising=mark("Higher: the pole falls faster. On the Moon it is 1.6, on Jupiter 24.8."),
        constant=_constant_of_cartpole("gravity"),
    ),
    Argument(
        name="pole_length",
        kind=float,
        default=1.0,
        low=0.1,
        high=10.0,
        unit="m",
        label=mark("Pole length"),
        raising=mark("Higher: the pole falls more slowly, and needs more force to be turned."),
        constant=_constant_of_cartpole("length", 0.5),
    ),
    Argument(
        name="pole_mass",
        kind=float,
        default=0.1,
        low=0.01,
        high=10.0,
        unit="kg",
        label=mark("Pole mass"),
        raising=mark("Higher: the pole moves the cart more."),
        constant=_constant_of_cartpole("masspole"),
    ),
    Argument(
        name="cart_mass",
        kind=float,
        default=1.0,
        low=0.1,
        high=20.0,
        unit="kg",
        label=mark("Cart mass"),
        raising=mark("Higher: the cart reacts to a push more slowly."),
        constant=_constant_of_cartpole("masscart"),
    ),
    Argument(
        name="force",
        kind=float,
        default=10.0,
        low=0.5,
        high=100.0,
        unit="N",
        label=_FORCE,
        raising=mark("Higher: each push moves the cart more."),
        constant=_attributes("force_mag"),
    ),
    Argument(
        name="sutton_barto_reward",
        kind=bool,
        label=mark("Reward of Sutton & Barto"),
        raising=mark("On: the reward is 0 in each step and -1 when the pole falls, in place of 1 in each step."),
    ),
)
_MOUNTAIN_CAR = (
    Argument(
        name="gravity",
        kind=float,
        default=0.0025,
        low=0.0,
        high=0.01,
        label=_GRAVITY,
        raising=mark("Higher: the hill pulls the car down more strongly."),
        constant=_attributes("gravity"),
    ),
    Argument(
        name="force",
        kind=float,
        default=0.001,
        low=0.0001,
        high=0.01,
        label=_FORCE,
        raising=mark("Higher: the engine is stronger, and the car needs less of a run-up; above 0.0025 it needs none."),
        constant=_attributes("force"),
    ),
    Argument(
        name="goal_position",
        kind=float,
        default=0.5,
        low=-0.3,
        high=0.6,
        label=mark("Position of the flag"),
        raising=mark("Higher: the flag stands further up the hill."),
        constant=_attributes("goal_position"),
    ),
    Argument(
        name="goal_velocity",
        kind=float,
        low=0.0,
        high=0.07,
        label=mark("Velocity at the flag"),
        raising=mark("Higher: the car must pass the flag faster."),
    ),
)
_ACROBOT = (
    Argument(
        name="torque",
        kind=float,
        default=1.0,
        low=0.1,
        high=10.0,
        unit="N m",
        label=mark("Torque"),
        raising=mark("Higher: each push on the joint is stronger."),
        constant=_torque,
    ),
    Argument(
        name="torque_noise",
        kind=float,
        default=0.0,
        low=0.0,
        high=5.0,
        unit="N m",
        label=mark("Torque noise"),
        raising=mark("Higher: each push differs more from the one chosen, at random."),
        constant=_attributes("torque_noise_max"),
    ),
    Argument(
        name="link_1_length",
        kind=float,
        default=1.0,
        low=0.2,
        high=5.0,
        unit="m",
        label=mark("Length of the first link"),
        raising=mark("Higher: the first link is longer, and swings more slowly."),
        constant=_first_link_length,
    ),
    Argument(
        name="link_1_mass",
        kind=float,
        default=1.0,
        low=0.1,
        high=10.0,
        unit="kg",
        label=mark("Mass of the first link"),
        raising=mark("Higher: more push is needed to swing the first link up."),
        constant=_attributes("LINK_MASS_1"),
    ),
    Argument(
        name="link_2_mass",
        kind=float,
        default=1.0,
        low=0.1,
        high=10.0,
        unit="kg",
        label=mark("Mass of the second link"),
        raising=mark("Higher: more push is needed to swing the second link up."),
        constant=_attributes("LINK_MASS_2"),
    ),
)
_FROZEN_LAKE = (
    Argument(
        name="map_name",
        kind=str,
        choices=("4x4", "8x8"),
        label=mark("Map"),
        raising=mark("Which lake: of 16 or of 64 fields."),
        is_live=False,
    ),
    Argument(
        name="is_slippery",
        kind=bool,
        label=_SLIPPERY,
        raising=mark("On: a move often slides to the side."),
    ),
    Argument(
        name="success_rate",
        kind=float,
        low=0.0,
        high=1.0,
        needs="is_slippery",
        label=mark("Probability of the chosen direction"),
        raising=mark("Higher: fewer moves slide to the side."),
    ),
)
_TAXI = (
    Argument(
        name="is_rainy",
        kind=bool,
        label=mark("Rain"),
        raising=mark("On: a move sometimes slides to the side."),
    ),
    Argument(
        name="rainy_probability",
        kind=float,
        low=0.0,
        high=1.0,
        needs="is_rainy",
        label=mark("Probability of the chosen direction"),
        raising=mark("Higher: fewer moves slide to the side."),
    ),
    Argument(
        name="fickle_passenger",
        kind=bool,
        label=mark("Fickle passenger"),
        raising=mark("On: the passenger may change the destination once, after being picked up."),
    ),
    Argument(
        name="fickle_probability",
        kind=float,
        low=0.0,
        high=1.0,
        needs="fickle_passenger",
        label=mark("Probability of another destination"),
        raising=mark("Higher: the passenger changes the destination more often."),
    ),
)
_CLIFF_WALKING = (
    Argument(
        name="is_slippery",
        kind=bool,
        label=_SLIPPERY,
        raising=mark("On: a move often slides to the side, perhaps into the cliff."),
    ),
)
_BLACKJACK = (
    Argument(
        name="natural",
        kind=bool,
        label=mark("Natural pays 1.5"),
        raising=mark("On: winning with an ace and a ten at the start gives 1.5 in place of 1."),
    ),
    Argument(
        name="sab",
        kind=bool,
        label=mark("Rules of Sutton & Barto"),
        raising=mark("On: the rules of the book's example 5.1; a natural pays no more than another win."),
    ),
)

_STACK_SIZE = Argument(
    name="stack_size",
    kind=int,
    default=4,
    low=1,
    high=8,
    label=mark("Stacked frames"),
    raising=mark("Higher: the agent sees more of the last frames at once, and with them how things move."),
    is_live=False,
    is_wrapped=True,
)
_CAR_RACING = (
    Argument(
        name="grayscale",
        kind=bool,
        default=False,
        label=mark("Grey frames"),
        raising=mark("On: the agent sees the last frames in grey, in the place of one picture in colour."),
        is_live=False,
        is_wrapped=True,
    ),
    replace(_STACK_SIZE, needs="grayscale"),
    Argument(
        name="domain_randomize",
        kind=bool,
        label=mark("Random colours"),
        raising=mark("On: each episode has other colours."),
    ),
    Argument(
        name="lap_complete_percent",
        kind=float,
        low=0.0,
        high=1.0,
        label=mark("Share of a lap"),
        raising=mark("Higher: more of the track has to be driven before a lap counts."),
    ),
)
_MIN_ATAR = (
    Argument(
        name="sticky_action_prob",
        kind=float,
        low=0.0,
        high=1.0,
        label=mark("Sticky actions"),
        raising=mark("Higher: the last action is more often repeated in the place of the one chosen."),
    ),
    Argument(
        name="difficulty_ramping",
        kind=bool,
        label=mark("Growing difficulty"),
        raising=mark("On: the game gets faster as it goes on, where it does."),
    ),
    Argument(
        name="use_minimal_action_set",
        kind=bool,
        label=mark("Only actions that do something"),
        raising=mark("On: actions that do nothing in this game are left out."),
        is_live=False,
    ),
)
_MINI_GRID = (
    Argument(
        name="observation",
        kind=str,
        default="numbers",
        choices=("numbers", "planes", "view", "whole"),
        label=mark("Observation"),
        raising=mark(
            "numbers: MiniGrid's own codes of what the agent sees; planes: the same, a plane of 0 and 1 for each kind "
            "of thing; view: a picture of it; whole: a picture of everything."
        ),
        is_live=False,
        is_wrapped=True,
    ),
)
_ATARI = (
    Argument(
        name="repeat_action_probability",
        kind=float,
        low=0.0,
        high=1.0,
        label=mark("Sticky actions"),
        raising=mark("Higher: the last action is more often repeated in the place of the one chosen."),
    ),
    Argument(
        name="terminal_on_life_loss",
        kind=bool,
        default=False,
        label=mark("A lost life ends the episode"),
        raising=mark("On: an episode ends with the first life lost, which tells good from bad sooner."),
        is_wrapped=True,
    ),
    Argument(
        name="noop_max",
        kind=int,
        default=30,
        low=0,
        high=30,
        label=mark("Idle frames at the start"),
        raising=mark("Higher: an episode begins with up to so many frames in which nothing is done, at random."),
        is_wrapped=True,
    ),
    Argument(
        name="frame_skip",
        kind=int,
        default=4,
        low=2,
        high=16,
        label=mark("Frames a step"),
        raising=mark("Higher: each action is held for more frames of the game."),
        is_wrapped=True,
    ),
    _STACK_SIZE,
    Argument(
        name="screen_size",
        kind=int,
        default=84,
        low=36,
        high=160,
        label=mark("Side of the picture"),
        raising=mark("In pixels. Higher: the agent sees more detail, and each step takes longer."),
        is_live=False,
        is_wrapped=True,
    ),
    Argument(
        name="full_action_space",
        kind=bool,
        label=mark("All 18 actions"),
        raising=mark("On: also actions that do nothing in this game."),
        is_live=False,
    ),
)

_CLASSIC, _TOY, _BOX2D = (f"gymnasium.envs.{each}" for each in ("classic_control", "toy_text", "box2d"))
_KNOWN: Mapping[str, tuple[Argument, ...]] = {
    f"{_BOX2D}.lunar_lander:LunarLander": _LUNAR_LANDER,
    f"{_CLASSIC}.cartpole:CartPoleEnv": _CARTPOLE,
    f"{_CLASSIC}.mountain_car:MountainCarEnv": _MOUNTAIN_CAR,
    f"{_CLASSIC}.acrobot:AcrobotEnv": _ACROBOT,
    f"{_TOY}.frozen_lake:FrozenLakeEnv": _FROZEN_LAKE,
    f"{_TOY}.taxi:TaxiEnv": _TAXI,
    f"{_TOY}.cliffwalking:CliffWalkingEnv": _CLIFF_WALKING,
    f"{_TOY}.blackjack:BlackjackEnv": _BLACKJACK,
    f"{_BOX2D}.car_racing:CarRacing": _CAR_RACING,
    "ale_py.env:AtariEnv": _ATARI,
    "dqn_core.environments.minatar_games:": _MIN_ATAR,
    "minigrid.": _MINI_GRID,
}
"""By the class that an environment is made of, or how its name begins: of every version and name that it is registered
under."""
_SETTLED: Mapping[str, Mapping[str, Any]] = {
    f"{_BOX2D}.car_racing:CarRacing": {"continuous": False},
    # Frames are skipped, and made grey, by the wrapper.
    "ale_py.env:AtariEnv": {"frameskip": 1, "obs_type": "grayscale"},
}
"""Arguments of constructors that have one value here."""
_loading = threading.RLock()
_TURN_S = 10.0
_HIDDEN = ("self", "render_mode", "continuous")
"""Of constructors: what no field is made for. Continuous actions are none that DQN could choose among."""
_HIDDEN_ATARI = ("game", "continuous_action_threshold", "max_num_frames_per_episode", "sound_obs")
"""Which game is played, is said by the id."""
ARGUMENT_LABELS: Mapping[str, str] = {each.name: each.label for known in _KNOWN.values() for each in known}
"""Words for an argument wherever its environment is not known; a message each."""


# --------------------------------------------------------------------------------------------------------- found out


def environment_arguments(spec: EnvSpec) -> tuple[Argument, ...]:
    """What can be set in an environment: those known by name first, then the rest of its constructor's arguments."""
    known = next((known for maker, known in _KNOWN.items() if str(spec.entry_point).startswith(maker)), ())
    taken = {each.name: each for each in _of_constructor(spec)}
    first = [
        each if each.constant or each.is_wrapped else replace(each, default=taken[each.name].default) for each in known
    ]
    return *first, *(each for name, each in taken.items() if all(name != other.name for other in known))


def _settled(spec: EnvSpec) -> Mapping[str, Any]:
    return _SETTLED.get(str(spec.entry_point), {})


def takes_more(spec: EnvSpec) -> bool:
    """Whether the constructor takes arguments of any name, or says nothing of its arguments."""
    parameters = _parameters(spec)
    return parameters is None or any(each.kind is each.VAR_KEYWORD for each in parameters)


def _parameters(spec: EnvSpec) -> list[inspect.Parameter] | None:
    """Of the constructor; None where that cannot be found out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Box2D's own, which as errors end the process
            maker = spec.entry_point if callable(spec.entry_point) else _loaded(str(spec.entry_point))
        try:
            signature = inspect.signature(maker, eval_str=True)
        except Exception:  # noqa: BLE001  an annotation that names what is not there: its text is kept
            signature = inspect.signature(maker)
        return list(signature.parameters.values())
    except Exception:  # noqa: BLE001  it may be written in another language, or its module may fail: making it says why
        return None


def _loaded(entry_point: str) -> Any:
    """What ``entry_point`` names.

    Threads take turns: of two that import parts of one package at once, one may find it half done, and fail for both.
    """
    has_turn = _loading.acquire(timeout=_TURN_S)  # a module that hangs keeps the others for so long
    try:
        return load_env_creator(entry_point)
    finally:
        if has_turn:
            _loading.release()


def _of_constructor(spec: EnvSpec) -> Iterator[Argument]:
    hidden = {*_HIDDEN, *_settled(spec), *(_HIDDEN_ATARI if spec.entry_point == "ale_py.env:AtariEnv" else ())}
    for each in _parameters(spec) or ():
        if each.kind in {each.VAR_KEYWORD, each.VAR_POSITIONAL, each.POSITIONAL_ONLY} or each.name in hidden:
            continue
        default = spec.kwargs.get(each.name, each.default)
        kind, choices = _kind(each.annotation, default)
        is_plain = isinstance(default, (bool, int, float, str))
        yield Argument(
            name=each.name,
            kind=kind,
            default=default if is_plain else None,
            is_required=default is inspect.Parameter.empty,
            choices=choices,
        )


_BY_NAME = {"bool": bool, "int": int, "float": float, "str": str}
"""Annotations of a module that postpones them are texts."""


def _kind(annotation: Any, default: Any) -> tuple[type, tuple[str, ...]]:
    """The kind of an argument and its choices, by its annotation, or else by its default.

    A whole number as a default does not say that the argument takes no other.
    """
    if typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        return (str, choices) if all(isinstance(each, str) for each in choices) else (object, ())
    named = _BY_NAME.get(annotation) if isinstance(annotation, str) else annotation
    if named in {bool, int, float, str}:
        return typing.cast("type", named), ()
    if annotation is not inspect.Parameter.empty:
        return object, ()
    if isinstance(default, bool):
        return bool, ()
    return (float if isinstance(default, (int, float)) else str if isinstance(default, str) else object), ()


# ----------------------------------------------------------------------------------------------------------- checked


def argument_problems(spec: EnvSpec, env_kwargs: Arguments, field: str = "env_kwargs") -> list[FieldProblem]:
    """What is wrong with the arguments in the config's ``field`` for this environment, one entry for each."""
    known = {each.name: each for each in environment_arguments(spec)}
    problems = []
    for name, value in env_kwargs.to_dict().items():
        if name in known:
            problem = known[name].problem(value)
        else:
            problem = None if name in _HIDDEN or takes_more(spec) else _unknown(spec.id, name, list(known))
        if problem is not None:
            problems.append(FieldProblem(f"{field}.{name}", value, *problem))
    return problems


def missing_arguments(spec: EnvSpec, env_kwargs: Arguments) -> list[FieldProblem]:
    """The arguments without which the environment cannot be made and that are not given, one entry for each."""
    template = mark("must be given: {env_id} cannot be made without it")
    return [
        FieldProblem(f"env_kwargs.{each.name}", None, template, {"env_id": spec.id})
        for each in environment_arguments(spec)
        if each.is_required and each.name not in env_kwargs
    ]


def _unknown(env_id: str, name: str, names: list[str]) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {"env_id": env_id, "names": ", ".join(names)}
    if not names:
        return mark("{env_id} has no arguments: leave it out"), values
    if near := difflib.get_close_matches(name, names, n=1):
        values["near"] = near[0]
        return mark("{env_id} has no such argument. Did you mean {near}? It has {names}"), values
    return mark("{env_id} has no such argument. It has {names}"), values


# ------------------------------------------------------------------------------------------------------------ put in


def constructor_arguments(spec: EnvSpec, env_kwargs: Arguments) -> dict[str, Any]:
    """Those of ``env_kwargs`` that the constructor takes, as plain values."""
    others = {each.name for each in environment_arguments(spec) if each.constant or each.is_wrapped}
    given = {name: value for name, value in env_kwargs.to_dict().items() if name not in others}
    return {**_settled(spec), **given}


def set_constants(spec: EnvSpec, env_kwargs: Arguments, environment: gym.Env[Any, Any]) -> None:
    """Set those of ``env_kwargs`` that no constructor takes in an environment that is made."""
    for each in environment_arguments(spec):
        if each.constant is not None and each.name in env_kwargs:
            each.constant(environment.unwrapped, env_kwargs[each.name])
