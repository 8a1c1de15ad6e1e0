"""MinAtar's five games (Young & Tian 2019) as Gymnasium environments: 10 x 10 cells, a channel for each kind of thing.

The package's own environments need a window and Matplotlib to be drawn, go on with the last episode's last action at
the first step of the next, and know no time limit. So its games are taken here as they are, without what stands around
them in the package, and that is done anew: sticky actions, seeds, pictures. Rewards and states are the package's.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from dqn_core.environments.planes import BITS, coloured

__all__ = ["Asterix", "Breakout", "Freeway", "Seaquest", "SpaceInvaders"]

_STEPS = 5_000
"""Of an episode: only Freeway's end by themselves, after 2,500; a good agent plays the others on and on."""
_CELL = 40
"""Points of a picture along each side of a cell."""
_N_ACTIONS = 6


class _Game(gym.Env[NDArray[np.bool_], np.int64]):
    """One of the games.

    Parameters
    ----------
    sticky_action_prob
        Probability that the last action is taken again in the place of the one chosen.
    difficulty_ramping
        Whether the game gets faster as it goes on, where it does.
    use_minimal_action_set
        Whether actions that do nothing in this game are left out; with all of them there are six in each.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012  Gymnasium's own way
    game = ""
    """Its module in the package."""

    def __init__(
        self,
        render_mode: str | None = None,
        sticky_action_prob: float = 0.1,
        difficulty_ramping: bool = True,  # noqa: FBT002  as MinAtar has it
        use_minimal_action_set: bool = True,  # noqa: FBT002
    ) -> None:
        self.render_mode = render_mode
        self._game = _module(self.game).Env(ramping=difficulty_ramping)
        self._actions = self._game.minimal_action_set() if use_minimal_action_set else list(range(_N_ACTIONS))
        self._sticky_action_prob = sticky_action_prob
        self._last_action = 0
        self.observation_space: Any = Box(0, 1, tuple(self._game.state_shape()), BITS)
        self.action_space = Discrete(len(self._actions))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.bool_], dict[str, Any]]:
        """Begin a game. With the same seed it begins, and with the same actions goes on, in the same way."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            self._game.random = np.random.RandomState(seed)  # the old kind, as the games draw from it
        self._last_action = 0
        self._game.reset()
        return self._game.state(), {}

    def step(self, action: int | np.int64) -> tuple[NDArray[np.bool_], float, bool, bool, dict[str, Any]]:
        """One frame of the game."""
        own = self._actions[action]
        if self._game.random.rand() < self._sticky_action_prob:
            own = self._last_action
        self._last_action = own
        reward, is_over = self._game.act(own)
        return self._game.state(), float(reward), bool(is_over), False, {}

    def render(self) -> NDArray[np.uint8]:
        """Each kind of thing in a colour of its own, in sharp cells."""
        return coloured(self._game.state(), _CELL)


class Asterix(_Game):
    """Walk to the gold, and keep out of the way of what else comes along."""

    game = "asterix"


class Breakout(_Game):
    """Hit the ball with the paddle, so that it breaks bricks."""

    game = "breakout"


class Freeway(_Game):
    """Cross a road with eight lanes of cars, as often as the time allows."""

    game = "freeway"


class Seaquest(_Game):
    """Shoot at fish and submarines, pick up divers, and come up for air."""

    game = "seaquest"


class SpaceInvaders(_Game):
    """Shoot at a block of aliens that comes down and shoots back."""

    game = "space_invaders"


def _module(game: str) -> ModuleType:
    """The module of a game, which needs NumPy alone: the package's own imports Matplotlib and seaborn for a window."""
    package = importlib.util.find_spec("minatar")
    if package is None or not package.submodule_search_locations:
        name = "minatar"
        message = f"No module named {name!r}"
        raise ModuleNotFoundError(message, name=name)
    path = Path(package.submodule_search_locations[0]) / "environments" / f"{game}.py"
    spec = importlib.util.spec_from_file_location(f"minatar_{game}", path)
    assert spec is not None  # noqa: S101  it is a file of Python
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


for _class in (Asterix, Breakout, Freeway, Seaquest, SpaceInvaders):
    for _version, _is_minimal in (("v0", False), ("v1", True)):  # as the package numbers them
        gym.register(
            f"MinAtar/{_class.__name__}-{_version}",
            entry_point=f"{__name__}:{_class.__name__}",
            max_episode_steps=_STEPS,
            kwargs={"use_minimal_action_set": _is_minimal},
        )
