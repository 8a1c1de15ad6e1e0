"""Maps of small discrete environments: every state, what is observed of it, and where it is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from gymnasium.envs.toy_text.blackjack import BlackjackEnv
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
from gymnasium.envs.toy_text.taxi import TaxiEnv
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from dqn_core.environments.door import CheckedEnvironment
from dqn_core.errors import mark

__all__ = ["MOST_STATES", "Grid", "MapChoice", "StateMap", "state_map"]

MOST_STATES = 500
"""Of an environment whose states are shown one by one."""

_COLUMNS = 10
_ARROWS = {(-1, 0): "↑", (1, 0): "↓", (0, -1): "←", (0, 1): "→"}


@dataclass(frozen=True)
class MapChoice:
    """What has to be chosen so that the states left fit on one grid."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """States on a grid of R rows and C columns, the first row at the top."""

    states: NDArray[np.int64]
    """[R, C]: number of the state, -1 where there is none."""
    marks: tuple[tuple[str, ...], ...]
    """[R][C]: what is there on the map; empty for nothing."""
    rows: tuple[str, ...]
    """[R]: names of the rows."""
    columns: tuple[str, ...]
    walls: tuple[tuple[float, float, float, float], ...] = ()
    """(x, y, x, y) of the ends of each, in columns and rows; the middle of the first cell is at 0, 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StateMap:
    """Every state of an environment: as what the agent observes it, and where it is drawn."""

    observations: tuple[Any, ...]
    """[S]: the environment's own observation of each state."""
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """[S, D]: what the network gets of it."""
    grids: Mapping[tuple[int, ...], Grid]
    """By the options chosen, one for each of ``choices``."""
    choices: tuple[MapChoice, ...] = ()
    row_title: str = ""
    column_title: str = ""
    symbols: tuple[str, ...] = ()
    """[A]: each action in a cell: an arrow, or a letter or two."""


def state_map(environment: CheckedEnvironment) -> StateMap | None:
    """The map of an environment; None for one whose states cannot be listed."""
    try:
        states = _states_of(environment.unwrapped, environment.n_actions)
        if states is None:
            return None
        vectors = np.stack([environment.observations.vector(each) for each in states.observations])
    except Exception:  # noqa: BLE001  it may have been changed into something else than its class says
        return None
    return replace(states, vectors=vectors)


def _states_of(environment: Any, n_actions: int) -> StateMap | None:
    if isinstance(environment, FrozenLakeEnv):
        return _lake(environment)
    if isinstance(environment, CliffWalkingEnv):
        return _cliff(environment)
    if isinstance(environment, TaxiEnv):
        return _taxi(environment)
    if isinstance(environment, BlackjackEnv):
        return _blackjack()
    space = environment.observation_space
    if isinstance(space, Discrete) and int(space.n) <= MOST_STATES:
        return _numbered(space, n_actions)
    return None


def _lake(environment: Any) -> StateMap:
    letters = np.char.decode(np.asarray(environment.desc), "utf-8")
    count = letters.size
    grid = Grid(
        states=np.arange(count).reshape(letters.shape),
        marks=tuple(tuple("" if each == "F" else str(each) for each in row) for row in letters),
        rows=_numbers(letters.shape[0]),
        columns=_numbers(letters.shape[1]),
    )
    symbols = tuple(_ARROWS[each] for each in ((0, -1), (1, 0), (0, 1), (-1, 0)))
    return StateMap(observations=tuple(range(count)), grids={(): grid}, symbols=symbols)


def _cliff(environment: Any) -> StateMap:
    shape = tuple(environment.shape)
    marks = np.where(environment._cliff, "C", "").astype(object)  # noqa: SLF001  it has no other name
    marks[np.unravel_index(environment.start_state_index, shape)] = "S"
    marks[-1, -1] = "G"
    count = math.prod(shape)
    grid = Grid(
        states=np.arange(count).reshape(shape),
        marks=tuple(tuple(row) for row in marks),
        rows=_numbers(shape[0]),
        columns=_numbers(shape[1]),
    )
    symbols = tuple(_ARROWS[each] for each in ((-1, 0), (0, 1), (1, 0), (0, -1)))
    return StateMap(observations=tuple(range(count)), grids={(): grid}, symbols=symbols)


def _taxi(environment: Any) -> StateMap:
    shape, places = (5, 5), tuple(map(tuple, environment.locs))
    letters = np.full(shape, "", dtype=object)
    for place, letter in zip(places, "RGYB", strict=True):
        letters[place] = letter
    walls = tuple(
        (column + 0.5, row - 0.5, column + 0.5, row + 0.5)
        for row in range(shape[0])
        for column in range(shape[1] - 1)
        if environment.desc[1 + row, 2 * column + 2] == b"|"
    )
    grids: dict[tuple[int, ...], Grid] = {}
    for passenger in range(len(places) + 1):
        for destination in range(len(places)):
            cells = ((row, column, passenger, destination) for row in range(shape[0]) for column in range(shape[1]))
            states = np.array([environment.encode(*cell) for cell in cells], np.int64).reshape(shape)
            grids[passenger, destination] = Grid(
                states=states,
                marks=tuple(tuple(row) for row in letters),
                rows=_numbers(shape[0]),
                columns=_numbers(shape[1]),
                walls=walls,
            )
    waiting = ("R", "G", "Y", "B")
    return StateMap(
        observations=tuple(range(int(environment.observation_space.n))),
        grids=grids,
        choices=(
            MapChoice(mark("Passenger"), (*waiting, mark("in the taxi"))),
            MapChoice(mark("Destination"), waiting),
        ),
        symbols=(*(_ARROWS[each] for each in ((1, 0), (-1, 0), (0, 1), (0, -1))), "P", "D"),
    )


def _blackjack() -> StateMap:
    sums, cards = range(4, 22), range(1, 11)
    observations = [(own, card, ace) for ace in (0, 1) for own in sums for card in cards]
    numbers = {each: number for number, each in enumerate(observations)}
    grids: dict[tuple[int, ...], Grid] = {}
    for ace in (0, 1):
        shown = [own for own in reversed(sums) if own >= (12 if ace else 4)]
        grids[(ace,)] = Grid(
            states=np.array([[numbers[own, card, ace] for card in cards] for own in shown], np.int64),
            marks=tuple(("",) * len(cards) for _ in shown),
            rows=tuple(map(str, shown)),
            columns=("A", *map(str, cards[1:])),
        )
    return StateMap(
        observations=tuple(observations),
        grids=grids,
        choices=(MapChoice(mark("Usable ace"), (mark("no"), mark("yes"))),),
        row_title=mark("player's sum"),
        column_title=mark("dealer's card"),
        symbols=("S", "H"),
    )


def _numbered(space: Discrete, n_actions: int) -> StateMap:
    """States that are only numbers: ten a row, in their order."""
    count, first = int(space.n), int(space.start)
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    states = np.full(rows * columns, -1, np.int64)
    states[:count] = np.arange(count)
    grid = Grid(
        states=states.reshape(rows, columns),
        marks=(("",) * columns,) * rows,
        rows=tuple(str(first + columns * row) for row in range(rows)),
        columns=tuple(f"+{column}" for column in range(columns)),
    )
    return StateMap(
        observations=tuple(range(first, first + count)),
        grids={(): grid},
        row_title=mark("state"),
        symbols=tuple(map(str, range(n_actions))),
    )


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))
