"""What the numbers of an observation and the actions are called, in environments that are known but have no preset.

A Discrete observation is one number a state (:mod:`dqn_core.environments.spaces`), whose name says what the state is:
the cell of a grid, say. Names are made for the size that an environment has; where it has another, they do not hold.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dqn_core.environments.planes import frame_names
from dqn_core.errors import ComposedName, mark

__all__ = ["action_names", "channel_names", "meaning_names", "observation_names"]


@dataclass(frozen=True, kw_only=True)
class _Names:
    """Of the environments whose id, without its version, ``pattern`` matches in full."""

    pattern: str
    observations: Callable[[int], tuple[str, ...]]
    """Names of so many numbers; of another count where they do not hold."""
    actions: tuple[str, ...] = ()


def observation_names(env_id: str, size: int) -> tuple[str, ...] | None:
    """Meaning of each of the ``size`` numbers of an observation; None where it is not known."""
    for each in _TABLE:
        if re.fullmatch(each.pattern, _without_version(env_id)):
            names = each.observations(size)
            return names if len(names) == size else None
    return None


def action_names(env_id: str, count: int) -> tuple[str, ...] | None:
    """What each of the ``count`` actions does; None where it is not known."""
    known = (each.actions for each in _TABLE if re.fullmatch(each.pattern, _without_version(env_id)))
    return next((names for names in known if len(names) == count), None)


def channel_names(env_id: str, count: int) -> tuple[str, ...]:
    """What each of the ``count`` channels of an observation that is a picture shows; none where it is not known."""
    plain = _without_version(env_id)
    if plain.startswith("ALE/"):
        return frame_names(count)
    known = (names for pattern, names in _CHANNELS if re.fullmatch(pattern, plain))
    return next((names for names in known if len(names) == count), ())


def meaning_names(meanings: Sequence[object]) -> tuple[str, ...]:
    """What actions do that an Atari game names, such as UPFIRE; those that are not known, by their own names."""
    return tuple(_MEANINGS.get(str(each), str(each)) for each in meanings)


def _without_version(env_id: str) -> str:
    return re.sub(r"-v\d+$", "", env_id.rpartition(":")[2])


# ------------------------------------------------------------------------------------------------ Gymnasium's toy text


def _square_cells(size: int) -> tuple[str, ...]:
    return _cells(round(size**0.5), round(size**0.5))


def _cells(rows: int, columns: int) -> tuple[str, ...]:
    template = mark("row {row}, column {column}")
    return tuple(ComposedName(template, row=row, column=column) for row in range(rows) for column in range(columns))


def _taxi(_size: int) -> tuple[str, ...]:
    places = ("R", "G", "Y", "B")
    waiting = (ComposedName(mark("passenger at {place}"), place=place) for place in places)
    riders = (*waiting, mark("passenger in the taxi"))
    template = mark("taxi in row {row}, column {column}, {rider}, to {goal}")
    return tuple(
        ComposedName(template, row=row, column=column, rider=rider, goal=goal)
        for row, column, rider, goal in itertools.product(range(5), range(5), riders, places)
    )


def _blackjack(_size: int) -> tuple[str, ...]:
    cards = (ComposedName(mark("own sum is {value}"), value=value) for value in range(32))
    shown = (mark("an ace") if value == 1 else value for value in range(11))
    dealer = (ComposedName(mark("the dealer shows {value}"), value=value) for value in shown)
    return (*cards, *dealer, mark("no usable ace"), mark("a usable ace"))


# ---------------------------------------------------------------------------------------- highway-env and MiniGrid

_KINEMATICS = (mark("is there"), "x", "y", mark("x velocity"), mark("y velocity"))
_HEADING = (mark("cosine of the heading"), mark("sine of the heading"))


def _vehicles(size: int) -> tuple[str, ...]:
    """Rows of vehicles, the agent's own first: 5 of 5 numbers each, or 15 of 7."""
    rows, features = {25: (5, _KINEMATICS), 105: (15, (*_KINEMATICS, *_HEADING))}.get(size, (0, ()))
    own, other = mark("own: {what}"), mark("vehicle {row}: {what}")
    return tuple(ComposedName(other if row else own, row=row, what=each) for row in range(rows) for each in features)


def _mini_grid(_size: int) -> tuple[str, ...]:
    facing = (mark("faces right"), mark("faces down"), mark("faces left"), mark("faces up"))
    seen, template = (mark("object"), mark("colour"), mark("state")), mark("{what} at ({i}, {j})")
    view = (ComposedName(template, what=what, i=i, j=j) for i in range(7) for j in range(7) for what in seen)
    return (*facing, *view)


# ------------------------------------------------------------------------------------------- MinAtar, Atari, CarRacing

_STAY, _LEFT, _UP, _RIGHT, _DOWN, _FIRE = (
    mark("do nothing"),
    mark("go left"),
    mark("go up"),
    mark("go right"),
    mark("go down"),
    mark("fire"),
)
_TRAIL, _OWN_BULLET, _OTHER_BULLET = mark("trail"), mark("own bullet"), mark("enemy bullet")
_CHANNELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("MinAtar/Asterix", (mark("player"), mark("enemy"), _TRAIL, mark("gold"))),
    ("MinAtar/Breakout", (mark("paddle"), mark("ball"), _TRAIL, mark("brick"))),
    (
        "MinAtar/Freeway",
        (
            mark("chicken"),
            mark("car"),
            mark("car that moves each step"),
            mark("car that moves every 2nd step"),
            mark("car that moves every 3rd step"),
            mark("car that moves every 4th step"),
            mark("car that moves every 5th step"),
        ),
    ),
    (
        "MinAtar/Seaquest",
        (
            mark("front of the submarine"),
            mark("back of the submarine"),
            _OWN_BULLET,
            _TRAIL,
            _OTHER_BULLET,
            mark("fish"),
            mark("enemy submarine"),
            mark("oxygen"),
            mark("divers on board"),
            mark("diver"),
        ),
    ),
    (
        "MinAtar/SpaceInvaders",
        (
            mark("cannon"),
            mark("alien"),
            mark("alien that moves left"),
            mark("alien that moves right"),
            _OWN_BULLET,
            _OTHER_BULLET,
        ),
    ),
    (
        "(MiniGrid|BabyAI)-.*",  # one-hot: what minigrid.core.constants numbers, in that order
        (
            mark("not seen"),
            mark("empty"),
            mark("wall"),
            mark("floor"),
            mark("door"),
            mark("key"),
            mark("ball"),
            mark("box"),
            mark("goal"),
            mark("lava"),
            mark("agent"),
            mark("red"),
            mark("green"),
            mark("blue"),
            mark("purple"),
            mark("yellow"),
            mark("grey"),
            mark("open"),
            mark("closed"),
            mark("locked"),
        ),
    ),
)
"""What each channel of a picture shows, by ids without their versions."""
_MEANINGS = {
    "NOOP": _STAY,
    "FIRE": _FIRE,
    "UP": _UP,
    "RIGHT": _RIGHT,
    "LEFT": _LEFT,
    "DOWN": _DOWN,
    "UPRIGHT": mark("go up and right"),
    "UPLEFT": mark("go up and left"),
    "DOWNRIGHT": mark("go down and right"),
    "DOWNLEFT": mark("go down and left"),
    "UPFIRE": mark("go up and fire"),
    "RIGHTFIRE": mark("go right and fire"),
    "LEFTFIRE": mark("go left and fire"),
    "DOWNFIRE": mark("go down and fire"),
    "UPRIGHTFIRE": mark("go up and right and fire"),
    "UPLEFTFIRE": mark("go up and left and fire"),
    "DOWNRIGHTFIRE": mark("go down and right and fire"),
    "DOWNLEFTFIRE": mark("go down and left and fire"),
}


def _min_atar(env_id: str) -> Callable[[int], tuple[str, ...]]:
    """Names of the numbers of one of the games: a channel, and the cell that it is looked at in."""

    def names(size: int) -> tuple[str, ...]:
        channels, template = channel_names(env_id, size // 100), mark("{what} at row {row}, column {column}")
        return tuple(
            ComposedName(template, what=channel, row=row, column=column)
            for row in range(10)
            for column in range(10)
            for channel in channels
        )

    return names


def _game(name: str, *actions: str) -> tuple[_Names, ...]:
    """The entries of one of MinAtar's games: with the actions that do something in it, and with all of them."""
    every = (_STAY, _LEFT, _UP, _RIGHT, _DOWN, _FIRE)
    pattern, names = f"MinAtar/{name}", _min_atar(f"MinAtar/{name}")
    return tuple(_Names(pattern=pattern, observations=names, actions=each) for each in dict.fromkeys((actions, every)))


_LANES = (
    mark("change to the left lane"),
    mark("keep on"),
    mark("change to the right lane"),
    mark("drive faster"),
    mark("drive slower"),
)
_TABLE = (
    _Names(
        pattern="FrozenLake.*",
        observations=_square_cells,
        actions=(mark("go left"), mark("go down"), mark("go right"), mark("go up")),
    ),
    _Names(
        pattern="CliffWalking.*",
        observations=lambda _size: _cells(4, 12),
        actions=(mark("go up"), mark("go right"), mark("go down"), mark("go left")),
    ),
    _Names(
        pattern="Taxi",
        observations=_taxi,
        actions=(
            mark("go down"),
            mark("go up"),
            mark("go right"),
            mark("go left"),
            mark("pick up the passenger"),
            mark("drop off the passenger"),
        ),
    ),
    _Names(pattern="Blackjack", observations=_blackjack, actions=(mark("stick"), mark("take a card"))),
    _Names(
        pattern="intersection",
        observations=_vehicles,
        actions=(mark("drive slower"), mark("keep on"), mark("drive faster")),
    ),
    _Names(
        pattern="(highway|highway-fast|roundabout|roundabout-generic|merge|merge-generic|exit|two-way|u-turn)",
        observations=_vehicles,
        actions=_LANES,
    ),
    _Names(
        pattern="(MiniGrid|BabyAI)-.*",
        observations=_mini_grid,
        actions=(
            mark("turn left"),
            mark("turn right"),
            mark("go forward"),
            mark("pick up"),
            mark("drop"),
            mark("open or use"),
            mark("done"),
        ),
    ),
    _Names(
        pattern="CarRacing",
        observations=lambda _size: (),
        actions=(
            _STAY,
            mark("steer right"),
            mark("steer left"),
            mark("accelerate"),
            mark("brake"),
        ),
    ),
    *_game("Asterix", _STAY, _LEFT, _UP, _RIGHT, _DOWN),
    *_game("Breakout", _STAY, _LEFT, _RIGHT),
    *_game("Freeway", _STAY, _UP, _DOWN),
    *_game("Seaquest", _STAY, _LEFT, _UP, _RIGHT, _DOWN, _FIRE),
    *_game("SpaceInvaders", _STAY, _LEFT, _RIGHT, _FIRE),
)
