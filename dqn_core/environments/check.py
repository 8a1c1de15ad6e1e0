"""An environment tried out at random, and what there is to say of it before somebody trains in it.

Whoever writes an environment learns what is wrong with it, and what makes it hard to learn in: its spaces, whether a
seed repeats an episode, its numbers, rewards and lengths, its pictures, how fast it is.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import NO_ARGUMENTS, Arguments
from dqn_core.environments.door import CheckedEnvironment
from dqn_core.environments.make import EPISODE_STEPS_WITHOUT_LIMIT, make_environment
from dqn_core.environments.spaces import described_space
from dqn_core.errors import UnsupportedEnvironmentError, mark, mark_plural

__all__ = ["EnvironmentCheck", "Finding", "Verdict", "checked"]

_SEED = 1
_STEPS_TO_COMPARE = 200
_LARGE = 100.0
_LARGE_REWARD = 100.0
_SLOW = 500.0
_LEAST_S = 0.2
"""Of random episodes: of a few steps alone no speed can be told."""
_PICTURES = 5
_NAMES = 6


class Verdict(StrEnum):
    """What a finding means for training."""

    GOOD = "good"
    NOTE = "note"
    """It trains, but there is something to know, or to do better."""
    PROBLEM = "problem"
    """It cannot be trained in like this."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence or two, as a template and its parameters."""

    about: str
    """"spaces", "actions", "numbers", "seeds", "rewards", "episodes", "pictures", "speed" or "environment"."""
    verdict: Verdict
    template: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """A tuple is a list of names, which may have translations."""

    def __str__(self) -> str:
        texts = {name: ", ".join(each) if isinstance(each, tuple) else each for name, each in self.parameters.items()}
        return self.template.format(**texts)


@dataclass(frozen=True, kw_only=True)
class EnvironmentCheck:
    """What was found."""

    env_id: str
    findings: tuple[Finding, ...]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, as JSON values."""

    @property
    def is_usable(self) -> bool:
        """Whether it can be trained in."""
        return not any(each.verdict is Verdict.PROBLEM for each in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        findings = [{"about": each.about, "verdict": each.verdict.value, "text": str(each)} for each in self.findings]
        return {"env": self.env_id, "usable": self.is_usable, "findings": findings, **self.numbers}


def checked(  # noqa: PLR0913  which environment, how long, by which clock
    env_id: str,
    max_episode_steps: int | None = None,
    env_kwargs: Arguments = NO_ARGUMENTS,
    *,
    episodes: int = 20,
    most_s: float = 5.0,
    clock: Callable[[], float] = time.perf_counter,
) -> EnvironmentCheck:
    """Try an environment out over at least ``episodes`` of random actions, for ``most_s`` seconds at most.

    It raises nothing: what keeps the environment from being used is a finding.
    """
    findings: list[Finding] = []
    numbers: dict[str, Any] = {}
    try:
        environment = make_environment(env_id, max_episode_steps, env_kwargs)
        try:
            _look_at_spaces(environment, findings, numbers)
            _look_at_seeds(environment, findings)
            played = _played(environment, episodes, most_s, clock)
            _look_at_numbers(environment, played, findings, numbers)
            _look_at_rewards(played, findings, numbers)
            _look_at_episodes(environment, played, findings, numbers)
            _look_at_pictures(environment, findings, clock)
            _look_at_speed(played, findings, numbers)
        finally:
            environment.close()
    except UnsupportedEnvironmentError as error:
        findings.append(
            Finding(about="environment", verdict=Verdict.PROBLEM, template=error.template, parameters=error.parameters)
        )
    return EnvironmentCheck(env_id=env_id, findings=tuple(findings), numbers=numbers)


# ------------------------------------------------------------------------------------------------------------- spaces


def _look_at_spaces(environment: CheckedEnvironment, findings: list[Finding], numbers: dict[str, Any]) -> None:
    names, size = environment.observation_names, environment.observation_size
    numbers |= {"observation_size": size, "actions": environment.n_actions}
    template = mark_plural(
        "It observes {space}. The network gets {count} number: {names}.",
        "It observes {space}. The network gets {count} numbers: {names}.",
        size,
    )
    values = {"space": described_space(environment.observation_space), "count": size, "names": _listed(names)}
    if layout := environment.layout:
        template = mark(
            "It observes {space}, a picture of {width} by {height} pixels: what the network sees is {channels}."
        )
        sides = {"width": layout.width, "height": layout.height}
        values = {"space": values["space"], "channels": layout.names, **sides}
        numbers["picture"] = [layout.height, layout.width, layout.channels]
    findings.append(Finding(about="spaces", verdict=Verdict.GOOD, template=template, parameters=values))
    if left_out := environment.observations.left_out:
        template = mark("Parts of the observation that are no numbers are left out: {names}.")
        values = {"names": _listed(left_out)}
        findings.append(Finding(about="spaces", verdict=Verdict.NOTE, template=template, parameters=values))
    values = {"space": described_space(environment.action_space), "count": environment.n_actions}
    if environment.n_actions > 1:
        template = mark("It takes {space}: {count} actions to choose from.")
        findings.append(Finding(about="actions", verdict=Verdict.GOOD, template=template, parameters=values))
    else:
        template = mark("It takes {space}, a single action: there is nothing to choose.")
        findings.append(Finding(about="actions", verdict=Verdict.NOTE, template=template, parameters=values))


def _listed(names: tuple[str, ...]) -> tuple[str, ...]:
    return names if len(names) <= _NAMES else (*names[: _NAMES - 1], "…", names[-1])


# -------------------------------------------------------------------------------------------------------------- seeds


def _look_at_seeds(environment: CheckedEnvironment, findings: list[Finding]) -> None:
    first, again = _episode(environment, _SEED), _episode(environment, _SEED)
    if first == again:
        template = mark("The same seed and actions give the same episode.")
        findings.append(Finding(about="seeds", verdict=Verdict.GOOD, template=template))
        return
    if _with_global_seed(environment) == _with_global_seed(environment):
        template = mark(
            "The same seed gives another episode each time, for the environment draws from global randomness "
            "(np.random or random). Draw from self.np_random, and call super().reset(seed=seed) first."
        )
    else:
        template = mark(
            "The same seed gives another episode each time: runs cannot be repeated, and their episodes not be drawn "
            "afterwards. Draw from self.np_random alone, and begin each episode anew in reset."
        )
    findings.append(Finding(about="seeds", verdict=Verdict.NOTE, template=template))


def _episode(environment: CheckedEnvironment, seed: int) -> list[Any]:
    """The first steps of an episode, to be compared."""
    observation, _ = environment.reset(seed=seed)
    came: list[Any] = [observation.tobytes()]
    for action in np.random.default_rng(seed).integers(environment.n_actions, size=_STEPS_TO_COMPARE).tolist():
        observation, reward, terminated, truncated, _ = environment.step(action)
        came.append((observation.tobytes(), reward, terminated, truncated))
        if terminated or truncated:
            break
    return came


def _with_global_seed(environment: CheckedEnvironment) -> list[Any]:
    """The same with Python's and NumPy's global generators seeded too, which are put back afterwards."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002  it is what is looked for
    random.seed(_SEED)
    np.random.seed(_SEED)  # noqa: NPY002
    try:
        return _episode(environment, _SEED)
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002


# ----------------------------------------------------------------------------------------------------- random episodes


@dataclass
class _Played:
    """Episodes of random actions."""

    low: NDArray[np.float32]
    """[D]: smallest value met of each number."""
    high: NDArray[np.float32]
    rewards: list[float] = field(default_factory=list)
    """Of every env step."""
    lengths: list[int] = field(default_factory=list)
    """Of the episodes that came to their end."""
    returns: list[float] = field(default_factory=list)
    terminated: int = 0
    """Episodes that did."""
    seconds: float = 0.0
    """All of it took."""

    def see(self, observation: NDArray[np.float32]) -> None:
        """One more observation [D]."""
        np.minimum(self.low, observation, out=self.low)
        np.maximum(self.high, observation, out=self.high)


def _played(environment: CheckedEnvironment, episodes: int, most_s: float, clock: Callable[[], float]) -> _Played:
    generator = np.random.default_rng(_SEED)
    observation, _ = environment.reset(seed=_SEED)
    played = _Played(low=observation.copy(), high=observation.copy())
    began = clock()
    while len(played.lengths) < episodes or clock() - began < _LEAST_S:
        if played.rewards:
            played.see(environment.reset()[0])
        episode_return, is_over = 0.0, False
        while not is_over and (not played.rewards or clock() - began < most_s):
            action = int(generator.integers(environment.n_actions))
            observation, reward, terminated, truncated, _ = environment.step(action)
            played.see(observation)
            played.rewards.append(reward)
            episode_return += reward
            is_over = terminated or truncated
        if not is_over:
            break
        played.lengths.append(environment.episode_step)
        played.returns.append(episode_return)
        played.terminated += terminated
    played.seconds = clock() - began
    return played


def _look_at_numbers(
    environment: CheckedEnvironment, played: _Played, findings: list[Finding], numbers: dict[str, Any]
) -> None:
    names, low, high = environment.observation_names, played.low, played.high
    numbers |= {"low": low.tolist(), "high": high.tolist()}
    template = mark("All observations and rewards are finite numbers of the right shape.")
    findings.append(Finding(about="numbers", verdict=Verdict.GOOD, template=template))
    with np.errstate(over="ignore"):
        least, most = np.array(environment.observations.low), np.array(environment.observations.high)
        outside = np.flatnonzero((low < least.astype(np.float32)) | (high > most.astype(np.float32)))
    if outside.size:
        at = int(outside[0])
        template = mark(
            "{name} was between {low} and {high}, outside of its space ({least} to {most}): correct the space."
        )
        values = {
            "name": names[at],
            "low": _text(low[at]),
            "high": _text(high[at]),
            "least": _text(least[at]),
            "most": _text(most[at]),
        }
        findings.append(Finding(about="numbers", verdict=Verdict.NOTE, template=template, parameters=values))
    if environment.layout is not None:  # convolutions divide bytes by 255, and points at the edge may never change
        return
    largest = np.maximum(np.abs(low), np.abs(high))
    if largest.max() > _LARGE:
        at = int(largest.argmax())
        template = mark("{name} grows as large as {value}: networks learn best from numbers near -1 to 1. Divide it.")
        values = {"name": names[at], "value": _text(largest[at])}
        findings.append(Finding(about="numbers", verdict=Verdict.NOTE, template=template, parameters=values))
    constant = np.flatnonzero(low == high)
    untouched = [names[at] for at in constant if (least[at], most[at]) != (0.0, 1.0)]  # those may be met another time
    if len(constant) == len(names):
        template = mark("No number of the observation ever changed: the agent sees nothing of what it does.")
        findings.append(Finding(about="numbers", verdict=Verdict.NOTE, template=template))
    elif untouched:
        template = mark("Numbers that never changed: {names}.")
        listed = {"names": _listed(tuple(untouched))}
        findings.append(Finding(about="numbers", verdict=Verdict.NOTE, template=template, parameters=listed))


def _look_at_rewards(played: _Played, findings: list[Finding], numbers: dict[str, Any]) -> None:
    least, most = min(played.rewards), max(played.rewards)
    numbers |= {"rewards": [least, most], "returns": played.returns}
    values = {"least": _text(least), "most": _text(most)}
    if least == most and len(set(played.returns)) < 2:  # noqa: PLR2004  all alike
        template = mark("Every reward was {least}: random actions never made a difference that could be learned from.")
        findings.append(Finding(about="rewards", verdict=Verdict.NOTE, template=template, parameters=values))
        return
    if played.returns:
        values |= {"mean": _text(statistics.fmean(played.returns))}
        template = mark("Rewards were {least} to {most}, the return of an episode {mean} on average.")
        if least == most:
            template = mark("Every reward was {least}, the return of an episode {mean} on average.")
    else:
        template = mark("Rewards were {least} to {most}.")
    findings.append(Finding(about="rewards", verdict=Verdict.GOOD, template=template, parameters=values))
    if max(-least, most) > _LARGE_REWARD:
        template = mark("Such large rewards make learning unsteady: divide them, or take the Huber loss.")
        findings.append(Finding(about="rewards", verdict=Verdict.NOTE, template=template))


def _look_at_episodes(
    environment: CheckedEnvironment, played: _Played, findings: list[Finding], numbers: dict[str, Any]
) -> None:
    limit = environment.max_episode_steps
    numbers |= {"lengths": played.lengths, "terminated": played.terminated, "max_episode_steps": limit}
    if played.lengths:
        template = mark(
            "Random episodes: {count}. Length: {least} to {most}. Terminated: {terminated}, cut off: {truncated}."
        )
        values = {
            "count": len(played.lengths),
            "least": min(played.lengths),
            "most": max(played.lengths),
            "terminated": played.terminated,
            "truncated": len(played.lengths) - played.terminated,
        }
        findings.append(Finding(about="episodes", verdict=Verdict.GOOD, template=template, parameters=values))
    else:
        template = mark("No episode came to its end within {steps} steps: it is cut off at {limit}.")
        values = {"steps": len(played.rewards), "limit": limit}
        findings.append(Finding(about="episodes", verdict=Verdict.NOTE, template=template, parameters=values))
    if limit == EPISODE_STEPS_WITHOUT_LIMIT and played.terminated < len(played.lengths):
        template = mark(
            "It has no time limit of its own: an episode is cut off at {limit} steps. Set a shorter limit with max "
            "episode steps, or register it with max_episode_steps."
        )
        findings.append(Finding(about="episodes", verdict=Verdict.NOTE, template=template, parameters={"limit": limit}))


def _look_at_pictures(environment: CheckedEnvironment, findings: list[Finding], clock: Callable[[], float]) -> None:
    environment.reset(seed=_SEED)
    began = clock()
    for _ in range(_PICTURES):
        picture = environment.draw()
    took = (clock() - began) / _PICTURES
    if environment.picture_trouble:
        template = mark("It has no pictures ({cause}): its numbers are shown in their place.")
        values: dict[str, Any] = {"cause": environment.picture_trouble}
        findings.append(Finding(about="pictures", verdict=Verdict.NOTE, template=template, parameters=values))
        return
    template = mark("Pictures are {width} by {height} pixels and take {ms} ms each; real time is {rate} steps/s.")
    height, width, _ = picture.shape
    values = {"width": width, "height": height, "ms": _text(1_000 * took), "rate": _text(environment.frames_per_s)}
    findings.append(Finding(about="pictures", verdict=Verdict.GOOD, template=template, parameters=values))


def _look_at_speed(played: _Played, findings: list[Finding], numbers: dict[str, Any]) -> None:
    rate = len(played.rewards) / max(played.seconds, 1e-9)
    numbers["steps_per_s"] = round(rate, 1)
    is_slow = rate < _SLOW
    if is_slow:
        template = mark("It runs at {rate} env steps/s: slow. 50,000 steps take {minutes} minutes without learning.")
    else:
        template = mark("It runs at {rate} env steps/s.")
    values = {"rate": f"{rate:,.0f}", "minutes": _text(50_000 / rate / 60)}
    verdict = Verdict.NOTE if is_slow else Verdict.GOOD
    findings.append(Finding(about="speed", verdict=verdict, template=template, parameters=values))


def _text(value: float) -> str:
    return f"{value:.4g}"
