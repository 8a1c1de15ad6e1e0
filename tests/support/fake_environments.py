"""Environments whose every step is known beforehand, registered with Gymnasium under ``DqnLabTest/``."""

from __future__ import annotations

import os
import threading
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Text

CORRIDOR = "DqnLabTest/Corridor-v0"
RAISING = "DqnLabTest/Raising-v0"
EXPLODING = "DqnLabTest/Exploding-v0"
LEAVING = "DqnLabTest/Leaving-v0"
VANISHING = "DqnLabTest/Vanishing-v0"
TALKING = "DqnLabTest/Talking-v0"
HANGING = {place: f"DqnLabTest/HangingIn{place.title()}-v0" for place in ("make", "reset", "step", "render", "close")}
SHOUTING = "DqnLabTest/Shouting-v0"
PICTURE_OBSERVATIONS = "DqnLabTest/PictureObservations-v0"
DICT_OBSERVATIONS = "DqnLabTest/DictObservations-v0"
SHIFTED_ACTIONS = "DqnLabTest/ShiftedActions-v0"
BLIND = "DqnLabTest/Blind-v0"
IN_PLACE = "DqnLabTest/InPlace-v0"
ONE_NUMBER = "DqnLabTest/OneNumber-v0"
ALONE = "DqnLabTest/Alone-v0"
BESIDE = "DqnLabTest/Beside-v0"
MISSING_PACKAGE = "DqnLabTest/MissingPackage-v0"
HANGING_AT_ONCE = "DqnLabTest/HangingAtOnce-v0"


class Corridor(gym.Env[np.ndarray, int]):
    """Positions 0..n: action 1 goes right (reward 1), action 0 stays (reward 0); position n terminates."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012  Gymnasium's own way

    def __init__(self, length: int = 5, render_mode: str | None = None) -> None:
        self.length = length
        self.render_mode = render_mode
        self.observation_space = Box(0.0, float(length), (2,), np.float32)
        self.action_space = Discrete(2)
        self.position = 0

    def _observe(self) -> np.ndarray:
        return np.array([self.position, self.length - self.position], np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.position = 0
        return self._observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.position += int(action)
        return self._observe(), float(action), self.position >= self.length, False, {}

    def render(self) -> np.ndarray:
        return np.full((8, 8, 3), 10 * self.position, np.uint8)


class Raising(Corridor):
    """Breaks in its 30th step."""

    steps = 0

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        if self.steps == 30:
            message = "the motor is on fire"
            raise RuntimeError(message)
        return super().step(action)


class Exploding(Corridor):
    """Gives rewards too large for float32 after a while."""

    steps = 0

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward if self.steps < 600 else 3e38, terminated, truncated, info


class Leaving(Corridor):
    """Asks the whole program to end, in its 100th step."""

    steps = 0

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        if self.steps == 100:
            raise SystemExit(3)
        return super().step(action)


class Vanishing(Leaving):
    """Ends its process at once, as a crash in a library does: not to be stepped in a process that is needed."""

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        try:
            return super().step(action)
        except SystemExit:
            os._exit(7)


RELEASE = threading.Event()
"""What hangs in this process ends when it is set."""


class Hanging(Corridor):
    """Never comes back from one of its methods: from its constructor, or from another once some steps are taken."""

    steps = 0

    def __init__(self, place: str, after: int = 100, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.place, self.after = place, after
        if place == "make":
            RELEASE.wait()

    def _may_hang(self, place: str) -> None:
        if place == self.place and self.steps >= self.after:
            RELEASE.wait()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        self._may_hang("reset")
        return super().reset(seed=seed, options=options)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self._may_hang("step")
        self.steps += 1
        return super().step(action)

    def render(self) -> np.ndarray:
        self._may_hang("render")
        return super().render()

    def close(self) -> None:
        self._may_hang("close")


class Talking(Corridor):
    """Writes to the program's output and reads its input, as if they were its own."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        print("a new episode", flush=True)  # noqa: T201  that is what it is for
        os.write(1, b"from C, so to say\n")
        if os.read(0, 100):
            message = "this was meant for somebody else"
            raise RuntimeError(message)
        return super().reset(seed=seed, options=options)


class InPlace(Corridor):
    """Gives the same two arrays again and again, an observation and a picture, and changes them in place."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self._observation = np.zeros(2, np.float32)
        self._picture = np.zeros((8, 8, 3), np.uint8)

    def _observe(self) -> np.ndarray:
        self._observation[:] = super()._observe()
        return self._observation

    def render(self) -> np.ndarray:
        self._picture[:] = super().render()
        return self._picture


class Shouting(Corridor):
    """Prints a page at every step, and crashes in its 2,000th with a long dump, as where there are many threads."""

    steps = 0

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        print("a page of text " * 100, flush=True)  # noqa: T201  that is what it is for
        if self.steps == 2_000:
            os.write(2, b"the last words\n" + b"a line of a long dump\n" * 800)
            os.abort()
        return super().step(action)


class PictureObservations(Corridor):
    """Observes a picture."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.observation_space = Box(0, 255, (8, 8, 3), np.uint8)

    def _observe(self) -> np.ndarray:
        return np.full((8, 8, 3), self.position, np.uint8)


class DictObservations(Corridor):
    """Observes its numbers by name, and a hint in words."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.observation_space = Dict(x=Box(0.0, 5.0, (2,)), hint=Text(20), place=Discrete(6))

    def _observe(self) -> dict[str, Any]:
        return {"x": super()._observe(), "hint": "go right", "place": self.position}


class ShiftedActions(Corridor):
    """Its actions are numbered 3 and 4; any other is an error."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.action_space = Discrete(2, start=3)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        if not self.action_space.contains(action):
            message = f"no such action: {action}"
            raise ValueError(message)
        return super().step(action - 3)


class Blind(Corridor):
    """Draws no pictures."""

    def __init__(self, render_mode: str | None = None) -> None:
        if render_mode is not None:
            message = "cannot draw"
            raise ValueError(message)
        super().__init__()

    def render(self) -> None:
        return None


class Alone(Corridor):
    """Only one may be open at a time."""

    is_open = False

    def __init__(self, render_mode: str | None = None) -> None:
        if Alone.is_open:
            message = "the device is in use"
            raise RuntimeError(message)
        Alone.is_open = True
        super().__init__(render_mode=render_mode)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.position = int(self.np_random.integers(3))
        return self._observe(), {}

    def close(self) -> None:
        Alone.is_open = False


class Beside(Alone):
    """The same, and any number may be open."""

    def __init__(self, render_mode: str | None = None) -> None:
        Alone.is_open = False
        super().__init__(render_mode=render_mode)


class OneNumber(Corridor):
    """Observes its position alone, and draws in a window of its own only."""

    metadata = {"render_modes": ["human"]}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.observation_space = Box(0.0, 5.0, (1,), np.float32)

    def _observe(self) -> np.ndarray:
        return np.array([self.position], np.float32)


def _missing_package() -> gym.Env[np.ndarray, int]:
    message = "needs `pip install imaginary`"
    raise gym.error.DependencyNotInstalled(message)


def register() -> None:
    """Make the environments known to ``gym.make``; harmless when called again."""
    if CORRIDOR in gym.registry:
        return
    for env_id, maker in {
        CORRIDOR: Corridor,
        RAISING: Raising,
        EXPLODING: Exploding,
        LEAVING: Leaving,
        VANISHING: Vanishing,
        TALKING: Talking,
        SHOUTING: Shouting,
        PICTURE_OBSERVATIONS: PictureObservations,
        DICT_OBSERVATIONS: DictObservations,
        SHIFTED_ACTIONS: ShiftedActions,
        BLIND: Blind,
        IN_PLACE: InPlace,
        ONE_NUMBER: OneNumber,
        ALONE: Alone,
        BESIDE: Beside,
        MISSING_PACKAGE: _missing_package,
    }.items():
        gym.register(env_id, maker, max_episode_steps=20)
    for place, env_id in HANGING.items():
        gym.register(env_id, Hanging, max_episode_steps=20, kwargs={"place": place})
    gym.register(HANGING_AT_ONCE, Hanging, max_episode_steps=20, kwargs={"place": "render", "after": 0})
