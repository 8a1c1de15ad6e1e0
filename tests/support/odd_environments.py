"""Environments that are odd in one way each, as students' first ones are, registered under ``Odd/``.

Each is a small change of :class:`Balloon`. :data:`TRAINS` and :data:`REFUSED` say what becomes of them, the latter with
what the message has to say; :data:`FAILS_LATER` fail after a while, in the run.
"""

from __future__ import annotations

import io
import random
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Sequence, Text, Tuple
from PIL import Image

HEIGHTS = 5
IN_PLACE_CARTPOLE, CARTPOLE = "Odd/InPlaceCartPole-v0", "Odd/CopyingCartPole-v0"


class Balloon(gym.Env[Any, Any]):
    """A balloon: action 1 heats it and it rises, action 0 lets it sink; the top ends the episode."""

    metadata: Any = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  Gymnasium's own way

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space: Any = Box(-1.0, 1.0, (2,), np.float32)
        self.action_space: Any = Discrete(2)
        self.height = self.age = 0

    def seen(self) -> Any:
        return np.array([self.height / HEIGHTS, self.age / 30], np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.height, self.age = int(self.np_random.integers(2)), 0
        return self.seen(), {}

    def step(self, action: Any) -> Any:
        self.age += 1
        self.height = max(0, self.height + (1 if action == 1 else -1))
        return self.seen(), float(self.height), self.height >= HEIGHTS, self.age >= 30, {}

    def render(self) -> Any:
        return np.full((40, 60, 3), 10 * self.height, np.uint8)


def _with(**members: Any) -> type[Balloon]:
    """A balloon with other members."""
    return types.new_class("Changed", (Balloon,), exec_body=lambda namespace: namespace.update(members))


def _observing(space: Any, seen: Callable[[Any], Any]) -> type[Balloon]:
    """A balloon that observes something else; ``seen`` gets the balloon."""

    def __init__(self: Any, render_mode: str | None = None) -> None:
        Balloon.__init__(self, render_mode)
        self.observation_space = space

    return _with(__init__=__init__, seen=seen)


def _taking(space: Any, is_up: Callable[[Any], bool]) -> type[Balloon]:
    """A balloon with other actions."""

    def __init__(self: Any, render_mode: str | None = None) -> None:
        Balloon.__init__(self, render_mode)
        self.action_space = space

    def step(self: Any, action: Any) -> Any:
        if not space.contains(action):
            message = f"not an action: {action!r}"
            raise ValueError(message)
        return Balloon.step(self, int(is_up(action)))

    return _with(__init__=__init__, step=step)


def _stepping(change: Callable[..., Any]) -> type[Balloon]:
    """A balloon whose step gives ``change(balloon, observation, reward, terminated, truncated, info)``."""
    return _with(step=lambda self, action: change(self, *Balloon.step(self, action)))


def _drawing(rendered: Callable[[Any], Any], **members: Any) -> type[Balloon]:
    return _with(render=rendered, **members)


def _fails(kind: type[BaseException] = RuntimeError, message: str = "the burner is out") -> Any:
    raise kind(message)


def _in_place(self: Any) -> Any:
    own = self.__dict__.setdefault("own", np.zeros(2, np.float32))
    own[:] = Balloon.seen(self)
    return own


class InPlaceCartPole(CartPoleEnv):
    """Gives one and the same array, and changes it."""

    def reset(self, **options: Any) -> Any:
        observation, info = super().reset(**options)
        self._same = np.array(observation, np.float32)
        return self._same, info

    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        self._same[:] = observation
        return (self._same, *rest)


class NoRender(gym.Env[np.ndarray, int]):
    """Takes a render mode, as the guide says, and writes no ``render``."""

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = Discrete(2)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.age = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> Any:
        self.age += 1
        return np.array([self.age / 20, action], np.float32), float(action), self.age >= 20, False, {}


class AnyArguments(NoRender):
    def __init__(self, **anything: Any) -> None:
        super().__init__()


class HumanOnly(Balloon):
    metadata = {"render_modes": ["human"], "render_fps": 4}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        if render_mode not in {None, "human"}:
            _fails(AssertionError, "no such mode")
        super().__init__(render_mode)

    def render(self) -> None:
        _fails(RuntimeError, "no display")


class NoRenderMode(Balloon):
    metadata = {}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()


class ReadOnlyRenderMode(Balloon):
    def __init__(self, render_mode: str | None = None) -> None:
        self.observation_space, self.action_space = Box(-1.0, 1.0, (2,), np.float32), Discrete(2)

    render_mode = property(lambda _self: "rgb_array")  # type: ignore[assignment]


class NeedsArgument(Balloon):
    def __init__(self, size: int, render_mode: str | None = None) -> None:
        super().__init__(render_mode)


class NoSpaces(Balloon):
    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode


class NoEnvironment:
    """Has all the methods, and is no ``gymnasium.Env``."""

    observation_space, action_space = Box(-1.0, 1.0, (2,)), Discrete(2)

    def reset(self, **_options: Any) -> Any:
        return np.zeros(2), {}

    def step(self, _action: int) -> Any:
        return np.zeros(2), 0.0, True, False, {}


class OldGenerator(Balloon):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self._np_random: Any = np.random.RandomState(seed)
        self.height, self.age = int(self._np_random.randint(2)), 0
        return self.seen(), {}


class OldSeed(Balloon):
    """Seeded as the old Gym had it."""

    def seed(self, seed: int | None = None) -> list[int | None]:
        self.own = np.random.default_rng(seed)
        return [seed]

    def reset(self) -> Any:
        self.height, self.age = int(self.own.integers(2)), 0
        return self.seen(), {}


class ChangesSpaces(Balloon):
    """Has another space after a while, and observations to it."""

    resets = 0

    def reset(self, **options: Any) -> Any:
        self.resets += 1
        if self.resets == 20:
            self.observation_space = Box(-1.0, 1.0, (3,), np.float32)
        return super().reset(**options)

    def seen(self) -> Any:
        return np.zeros(self.observation_space.shape, np.float32)


class Alone(Balloon):
    is_open = False

    def __init__(self, render_mode: str | None = None) -> None:
        if Alone.is_open:
            _fails(OSError, "the device is busy")
        Alone.is_open = True
        super().__init__(render_mode)

    def close(self) -> None:
        Alone.is_open = False


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class OddSpec(Balloon):
    """Has a spec of its own making."""

    @property
    def spec(self) -> Any:
        return "mine"

    @spec.setter
    def spec(self, _value: Any) -> None:
        return


def _not_finite_at(step: int, number: float) -> Callable[[Any], Any]:
    return lambda self: np.array([number if self.age == step else 0.0, 0.0], np.float32)


def _later(self: Any, steps: int) -> bool:
    self.lived = self.__dict__.get("lived", 0) + 1
    return bool(self.lived > steps)


_BOX = Box(-1.0, 1.0, (2,), np.float32)
_NAMED = Dict({"height": Box(0.0, 1.0, (), np.float32), "storm": Discrete(2), "mission": Text(40)})

TRAINS: Mapping[str, Any] = {
    "Plain": Balloon,
    "환경": Balloon,
    # observations
    "InPlace": _with(seen=_in_place),
    "Float64": _observing(_BOX, lambda self: np.array([self.height, self.age], np.float64)),
    "LargeBounds": _observing(
        Box(-1e308, 1e308, (2,), np.float64), lambda self: np.array([self.height, self.age / 30])
    ),
    "AllIntegers": _observing(Box(-(2**63), 2**63 - 1, (2,), np.int64), lambda self: np.array([self.height, 1])),
    "Ints": _observing(Box(-100, 100, (2,), np.int64), lambda self: np.array([self.height, self.age])),
    "List": _observing(_BOX, lambda self: [self.height, self.age / 30]),
    "Tensor": _observing(_BOX, lambda self: torch.tensor([self.height / 5, 0.5])),
    "Objects": _observing(_BOX, lambda self: np.array([self.height, 0.5], object)),
    "Subclass": _observing(_BOX, lambda self: np.asarray([self.height, 0.5]).view(np.recarray)),
    "OneNumber": _observing(Box(-1, 1, (1,)), lambda self: np.array([self.height], np.float32)),
    "OneAsScalar": _observing(Box(-1, 1, (1,)), lambda self: float(self.height)),
    "NoAxes": _observing(Box(-1, 1, ()), lambda self: np.float32(self.height)),
    "Rows": _observing(Box(-9, 9, (1, 2)), lambda self: np.array([[self.height, self.age]], np.float32)),
    "Picture": _observing(Box(0, 255, (12, 9, 3), np.uint8), lambda self: np.full((12, 9, 3), self.height, np.uint8)),
    "Planes": _observing(Box(0, 1, (6, 4, 3), np.bool_), lambda self: np.full((6, 4, 3), self.height > 1)),
    "Stack": _observing(Box(0, 255, (2, 9, 8), np.uint8), lambda self: np.full((2, 9, 8), 9 * self.height, np.uint8)),
    "Shares": _observing(Box(0, 1, (9, 8, 1)), lambda self: np.full((9, 8, 1), self.height / 5, np.float32)),
    "OutOfBounds": _observing(Box(0, 0.001, (2,)), lambda self: np.array([self.height, -9.0])),
    "Wide": _observing(Box(-1, 1, (4_000,)), lambda self: np.full(4_000, self.height / 5, np.float32)),
    "States": _observing(Discrete(HEIGHTS + 1), lambda self: min(self.height, HEIGHTS)),
    "StatesFrom5": _observing(Discrete(HEIGHTS + 1, start=5), lambda self: np.int64(5 + self.height)),
    "SeveralStates": _observing(MultiDiscrete([6, 2]), lambda self: np.array([self.height, self.age % 2])),
    "Switches": _observing(MultiBinary(3), lambda self: np.array([self.height > 1, self.height > 2, 0], np.int8)),
    "Named": _observing(_NAMED, lambda self: {"height": self.height / 5, "storm": self.age % 2, "mission": "up"}),
    "Parts": _observing(Tuple((Discrete(6), _BOX)), lambda self: (self.height, Balloon.seen(self))),
    # actions
    "ActionsFrom5": _taking(Discrete(2, start=5), lambda action: action == 6),
    "OneAction": _taking(Discrete(1), lambda _action: True),
    "ManyActions": _taking(Discrete(20_000), lambda action: action % 2 == 1),
    "SeveralActions": _taking(MultiDiscrete([2, 3]), lambda action: action.sum() > 1),
    "ActionSwitches": _taking(MultiBinary(2), lambda action: action.all()),
    "SpoilsActions": _taking(MultiDiscrete([2, 2]), lambda action: bool([action[0], action.fill(0)][0])),
    # rewards and flags
    "NumpyScalars": _stepping(lambda _s, o, r, t, c, i: (o, np.float32(r), np.bool_(t), np.bool_(c), i)),
    "NoAxesReward": _stepping(lambda _s, o, r, t, c, i: (o, np.array(r), np.array(t), np.array(c), i)),
    "TensorReward": _stepping(lambda _s, o, r, t, c, i: (o, torch.tensor(r), torch.tensor(t), torch.tensor(c), i)),
    "IntReward": _stepping(lambda _s, o, r, t, c, i: (o, int(r), t, c, i)),
    "BoolReward": _stepping(lambda _s, o, r, t, c, i: (o, r > 1, t, c, i)),
    "LargeReward": _stepping(lambda _s, o, r, t, c, i: (o, 1e6 * r, t, c, i)),
    "IntFlags": _stepping(lambda _s, o, r, t, c, i: (o, r, int(t), int(c), i)),
    "BothFlags": _stepping(lambda _s, o, r, t, c, i: (o, r, t or c, t or c, i)),
    "EndsAtOnce": _stepping(lambda _s, o, r, _t, c, i: (o, r, True, c, i)),
    "NeverEnds": _stepping(lambda _s, o, r, _t, _c, i: (o, r, False, False, i)),
    "NoInfo": _stepping(lambda _s, o, r, t, c, _i: (o, r, t, c, None)),
    "ListResult": _stepping(lambda _s, *came: list(came)),
    "NoInfoAtReset": _with(reset=lambda self, **k: (Balloon.reset(self, **k)[0], None)),
    # seeds
    "NoSeed": _with(reset=lambda self: Balloon.reset(self, seed=3)),
    "SeedAlone": _with(reset=lambda self, seed=None: Balloon.reset(self, seed=seed)),
    "ForgetsSeed": _with(reset=lambda self, seed=None, options=None: Balloon.reset(self)),
    "OldGenerator": OldGenerator,
    "OldSeed": OldSeed,
    "GlobalRandom": _stepping(lambda _s, o, r, t, c, i: (o, r + random.random(), t, c, i)),  # noqa: S311
    # pictures
    "NoRender": NoRender,
    "AnyArguments": AnyArguments,
    "RenderNone": _drawing(lambda _self: None),
    "RenderList": _drawing(lambda self: [Balloon.render(self)]),
    "RenderNothing": _drawing(lambda _self: []),
    "RenderRaises": _drawing(lambda _self: _fails()),
    "RenderExits": _drawing(lambda _self: sys.exit(2)),
    "RenderAlpha": _drawing(lambda _self: np.full((40, 60, 4), 200, np.uint8)),
    "RenderGrey": _drawing(lambda _self: np.full((40, 60), 200, np.uint8)),
    "RenderShares": _drawing(lambda _self: np.full((40, 60, 3), 0.5)),
    "RenderImage": _drawing(lambda _self: Image.new("RGB", (60, 40), "red")),
    "RenderText": _drawing(lambda self: f"\x1b[31mheight\x1b[0m {self.height}"),
    "RenderStream": _drawing(lambda self: io.StringIO(f"height {self.height}")),
    "RenderGrows": _drawing(lambda self: np.zeros((40 + self.age, 61 - self.height, 3), np.uint8)),
    "RenderTiny": _drawing(lambda _self: np.zeros((1, 1, 3), np.uint8)),
    "RenderSometimes": _drawing(lambda self: Balloon.render(self) if self.age % 3 else _fails()),
    "HumanOnly": HumanOnly,
    "NoRenderMode": NoRenderMode,
    "ReadOnlyRenderMode": ReadOnlyRenderMode,
    "NoFps": _with(metadata={"render_modes": ["rgb_array"]}),
    "FastFps": _with(metadata={"render_modes": ["rgb_array"], "render_fps": 240}),
    "ZeroFps": _with(metadata={"render_modes": ["rgb_array"], "render_fps": 0}),
    "TextFps": _with(metadata={"render_modes": ["rgb_array"], "render_fps": "quick"}),
    # the rest of it
    "Prints": _with(reset=lambda self, **k: (print("a flight begins"), Balloon.reset(self, **k))[1]),  # noqa: T201
    "CloseRaises": _with(close=lambda _self: _fails()),
    "Alone": Alone,
}
"""By name, those that train."""

REFUSED: Mapping[str, tuple[Any, str]] = {
    # observations
    "ScalarForTwo": (_observing(_BOX, lambda self: float(self.height)), r"reset: observation is float .*, where Box\(2,\)"),
    "RowForFlat": (_observing(_BOX, lambda self: Balloon.seen(self)[None]), r"reset: observation is array \(1, 2\) float32"),
    "WrongLength": (_observing(_BOX, lambda _self: np.zeros(3)), r"reset: .*array \(3,\) float64.*\n\nReturn observations of the shape"),
    "LaterLength": (_observing(_BOX, lambda self: np.zeros(2 + (self.age > 2))), r"step at env step 3 .*array \(3,\)"),
    "Words": (_observing(_BOX, lambda _self: np.array(["a", "b"])), "reset: observation is array .*U1"),
    "Complex": (_observing(_BOX, lambda _self: np.array([1j, 0])), "reset: observation is array .*complex"),
    "Nothing": (_observing(_BOX, lambda _self: None), "reset: observation is None"),
    "NanAtReset": (_observing(_BOX, _not_finite_at(0, np.nan)), r"reset: observation, s\[0\] is nan.*\n\nNaN and infinity"),
    "NanObservation": (_observing(_BOX, _not_finite_at(7, np.nan)), r"step at env step 7 .*s\[0\] is nan"),
    "InfiniteObservation": (_observing(_BOX, _not_finite_at(2, np.inf)), r"step at env step 2 .*s\[0\] is inf"),
    "TooLargeObservation": (_observing(_BOX, lambda self: np.array([10.0 ** (100 * self.age), 0])), r"env step 1 .*is 1e\+100.*\n\nNetworks compute with float32"),
    "TooLargePicture": (_observing(Box(0, 1e308, (9, 8, 3), np.float64), lambda self: np.full((9, 8, 3), self.age * 1e300)), r"env step 1 .*is 1e\+300"),
    "UnknownState": (_observing(Discrete(2), lambda self: self.height + 5), r"reset: observation is int .*Discrete\(2\)"),
    "MissingKey": (_observing(_NAMED, lambda _self: {"storm": 0}), r"reset: observation is dict\(storm\), where Dict\("),
    "WrongPart": (_observing(_NAMED, lambda _self: {"storm": 7, "height": 0.0}), "observation, storm is int 7"),
    "TooFewParts": (_observing(Tuple((_BOX, _BOX)), lambda self: (Balloon.seen(self),)), r"observation is \(array \(2,\) float32\)"),
    "NoNumbers": (_observing(Text(5), lambda _self: "up"), r"observes Text.*needs numbers"),
    "AnyLength": (_observing(Sequence(Discrete(2)), lambda _self: (1,)), "observes Sequence"),
    "TooWide": (_observing(Box(0, 1, (600, 600)), lambda _self: np.zeros((600, 600))), "observes 360,?000 numbers"),
    # actions
    "AnyForce": (_taking(Box(-1, 1, (1,)), lambda _action: True), "takes actions from Box.*MultiBinary of at most 64"),
    "TooManyCombinations": (_taking(MultiDiscrete([9, 9]), lambda _action: True), "has 81 actions.* 64 at most"),
    "TooManyActions": (_taking(Discrete(100_000), lambda _action: True), "has 100,?000 actions"),
    # rewards and flags
    "ArrayReward": (_stepping(lambda _s, o, r, t, c, i: (o, np.array([r]), t, c, i)), r"step at env step 1 .*reward is array \(1,\).*\n\nA reward is one number"),
    "TextReward": (_stepping(lambda _s, o, r, t, c, i: (o, str(r), t, c, i)), "reward is str"),
    "NoReward": (_stepping(lambda _s, o, _r, t, c, i: (o, None, t, c, i)), "reward is None"),
    "NanReward": (_stepping(lambda s, o, r, t, c, i: (o, np.nan if s.age == 7 else r, t, c, i)), "env step 7 .*reward is float nan"),
    "InfiniteReward": (_stepping(lambda s, o, r, t, c, i: (o, -np.inf if s.age == 3 else r, t, c, i)), "env step 3 .*reward is float -inf"),
    "TooLargeReward": (_stepping(lambda _s, o, _r, t, c, i: (o, 10**400, t, c, i)), "reward is int"),
    "HugeReward": (_stepping(lambda _s, o, _r, t, c, i: (o, 1e300, t, c, i)), r"env step 1 .*reward is float 1e\+300.*\n\nNetworks compute with float32"),
    "NoFlag": (_stepping(lambda _s, o, r, _t, c, i: (o, r, None, c, i)), r"terminated is None.*\n\nterminated and truncated are True or False"),
    "ArrayFlag": (_stepping(lambda _s, o, r, t, _c, i: (o, r, t, np.zeros(2, bool), i)), r"truncated is array \(2,\) bool"),
    "TextFlag": (_stepping(lambda _s, o, r, _t, c, i: (o, r, "no", c, i)), "terminated is str 'no'"),
    "SwappedInfo": (_stepping(lambda _s, o, r, t, c, i: (o, r, t, i, c)), r"truncated is dict\(\)"),
    # results
    "OldStep": (_stepping(lambda _s, o, r, t, _c, i: (o, r, t, i)), r"step at env step 1 .*result is \(array \(2,\) float32, float, bool, dict\).*\n\nThat is how the old Gym had it"),
    "ThreeValues": (_stepping(lambda _s, o, r, t, _c, _i: (o, r, t)), r"result is \(.*\), where \(observation, reward, terminated, truncated, info\)"),
    "SixValues": (_stepping(lambda _s, *came: (*came, None)), "result is"),
    "NoResult": (_stepping(lambda _s, *_came: None), "result is None"),
    "OldReset": (_with(reset=lambda self, **k: Balloon.reset(self, **k)[0]), r"reset: result is array \(2,\) float32.*\n\nreset returns two values"),
    "TupleAlone": (_with(reset=lambda self, **k: tuple(Balloon.reset(self, **k)[0].tolist())), r"reset: observation is float .*\n\nreset returns two values"),
    "NoResetResult": (_with(reset=lambda self, **k: [Balloon.reset(self, **k), None][1]), "reset: result is None"),
    "OtherArguments": (_with(reset=lambda self, start, **k: Balloon.reset(self, **k)), "reset .*TypeError.*start"),
    # what raises
    "ConstructorRaises": (_with(__init__=lambda self, render_mode=None: _fails()), r"__init__ \(RuntimeError: the burner is out, odd_environments\.py:\d+\)"),
    "ConstructorExits": (_with(__init__=lambda self, render_mode=None: sys.exit(3)), r"__init__ \(SystemExit: 3"),
    "ResetRaises": (_with(reset=lambda self, **k: _fails()), r"reset \(RuntimeError: the burner is out, odd_env"),
    "StepRaises": (_with(step=lambda self, action: _fails(KeyError, "wind")), r"step at env step 1 .*\(KeyError: 'wind', odd_env"),
    "StepRaisesOddly": (_with(step=lambda self, action: _fails(UnspeakableError)), r"step at env step 1 .*\(UnspeakableError: odd_env"),
    "StepRaisesAtLength": (_with(step=lambda self, action: _fails(ValueError, "why " * 9_999)), r"ValueError: why why .*w\.\.\., odd_env"),
    "StepExits": (_with(step=lambda self, action: sys.exit("bye")), r"step at env step 1 .*\(SystemExit: bye"),
    "NeedsArgument": (NeedsArgument, r"size.*must be given|__init__ \(TypeError: .*size"),
    "NoSpaces": (NoSpaces, r"observation_space.*\n\nSet self\.observation_space"),
    "NoSpace": (_observing(None, Balloon.seen), r"observation_space is None.*\n\nSet self\.observation_space"),
    "NoEnvironment": (NoEnvironment, r"__init__ \(TypeError: .*must inherit from the gymnasium\.Env class"),
    "NoMetadata": (_with(metadata=None), r"__init__ \(InvalidMetadata: Expect the environment metadata to be dict"),
    "ListMetadata": (_with(metadata=["rgb_array"]), r"__init__ \(InvalidMetadata: Expect the environment metadata to be dict"),
    "OddSpec": (OddSpec, r"__init__ \(AttributeError: "),
    "MissingPackage": (_with(__init__=lambda self, render_mode=None: __import__("no_such_package.part")), r"no_such_package.*\n\nInstall .*pip install no_such_package"),
}  # fmt: skip
"""By name, those that cannot train, and what has to be said of them."""

FAILS_LATER: Mapping[str, tuple[Any, str]] = {
    "NanLater": (_with(seen=lambda self: np.array([np.nan if _later(self, 150) else 0.0, 0.0], np.float32)), r"s\[0\] is nan.*\n\nNaN and infinity.*\n\n"),
    "NanRewardLater": (_stepping(lambda s, o, r, t, c, i: (o, np.nan if _later(s, 150) else r, t, c, i)), "reward is float nan"),
    "RaisesLater": (_stepping(lambda s, *came: _fails() if _later(s, 150) else came), "step at env step .*the burner is out"),
    "ExitsLater": (_stepping(lambda s, *came: sys.exit(4) if _later(s, 150) else came), "SystemExit: 4"),
    "ChangesSpaces": (ChangesSpaces, r"reset: observation is array \(3,\) float32, where Box\(2,\)"),
}  # fmt: skip
"""By name, those that fail in a run, and what its message has to say."""


def env_id(name: str) -> str:
    return f"Odd/{name}-v0"


def register() -> None:
    """Make them known to ``gym.make``; harmless when called again."""
    if env_id("Plain") in gym.registry:
        return
    for name, maker in TRAINS.items():
        gym.register(env_id(name), maker, max_episode_steps=None if name == "NeverEnds" else 40)
    for name, (maker, _said) in (*REFUSED.items(), *FAILS_LATER.items()):
        gym.register(env_id(name), maker, max_episode_steps=40)
    for name, maker in ((IN_PLACE_CARTPOLE, InPlaceCartPole), (CARTPOLE, CartPoleEnv)):
        gym.register(name, maker, max_episode_steps=500)
