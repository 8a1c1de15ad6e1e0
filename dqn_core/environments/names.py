"""What the numbers of an observation and the actions are called, in environments that are known but have no preset.

A Discrete observation is one number a state (:mod:`dqn_core.environments.spaces`), whose name says what the state is:
the cell of a grid, say. Names are made for the size that an environment has; where it has another, they do not hold.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass

from dqn_core.errors import mark

__all__ = ["action_names", "observation_names"]


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


def _without_version(env_id: str) -> str:
    return re.sub(r"-v\d+$", "", env_id.rpartition(":")[2])


# ------------------------------------------------------------------------------------------------ Gymnasium's toy text


def _square_cells(size: int) -> tuple[str, ...]:
    return _cells(round(size**0.5), round(size**0.5))


def _cells(rows: int, columns: int) -> tuple[str, ...]:
    return tuple(f"row {row}, column {column}" for row in range(rows) for column in range(columns))


def _taxi(_size: int) -> tuple[str, ...]:
    places = ("R", "G", "Y", "B")
    riders = (*(f"passenger at {place}" for place in places), "passenger in the taxi")
    return tuple(
        f"taxi in row {row}, column {column}, {rider}, to {goal}"
        for row, column, rider, goal in itertools.product(range(5), range(5), riders, places)
    )


def _blackjack(_size: int) -> tuple[str, ...]:
    cards = (f"own sum is {value}" for value in range(32))
    dealer = (f"the dealer shows {'an ace' if value == 1 else value}" for value in range(11))
    return (*cards, *dealer, "no usable ace", "a usable ace")


# ---------------------------------------------------------------------------------------- highway-env and MiniGrid

_KINEMATICS = {
    5: ("is there", "x", "y", "x velocity", "y velocity"),
    7: ("is there", "x", "y", "x velocity", "y velocity", "cosine of the heading", "sine of the heading"),
}


def _vehicles(size: int) -> tuple[str, ...]:
    """Rows of vehicles, the agent's own first: 5 of 5 numbers each, or 15 of 7."""
    rows, features = {25: (5, _KINEMATICS[5]), 105: (15, _KINEMATICS[7])}.get(size, (0, ()))
    return tuple(f"{f'vehicle {row}' if row else 'own'}: {each}" for row in range(rows) for each in features)


def _mini_grid(_size: int) -> tuple[str, ...]:
    facing = tuple(f"faces {way}" for way in ("right", "down", "left", "up"))
    view = (f"{what} at ({i}, {j})" for i in range(7) for j in range(7) for what in ("object", "colour", "state"))
    return (*facing, *view)


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
)
