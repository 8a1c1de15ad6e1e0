"""What a piece of work may take of this machine, said before it begins: memory, disk, env steps.

Everything here is an estimate from above that is made of the config alone, in microseconds. Whoever starts work asks
first and gets a :class:`~dqn_core.errors.ConfigError` that names the setting and the largest value that fits.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dqn_core.algorithm.frame_replay import frame_replay_bytes
from dqn_core.algorithm.networks import Network, as_network, network_of, parameter_count
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import EnvironmentReport, inspect_environment
from dqn_core.environments.settings import check_environment
from dqn_core.errors import ConfigError, FieldProblem, RolloutError, UnsupportedEnvironmentError, mark, mark_plural
from dqn_core.training.machine import free_bytes, memory_for_runs

__all__ = [
    "LARGE_RUN_BYTES",
    "MOST_EVALUATION_STEPS",
    "MOST_EXPERIMENT_STEPS",
    "MOST_REPLAY_STEPS",
    "check_evaluation_steps",
    "check_experiment",
    "check_memory",
    "check_run",
    "check_steps",
    "replay_memory",
    "run_memory",
    "run_steps",
    "shortened",
    "size_text",
    "step_limit",
]

LARGE_RUN_BYTES = 2**30
"""A run that may take more than this trains in a process of its own: where memory runs out, it alone ends."""
MOST_EVALUATION_STEPS = 5_000_000
"""Env steps of one evaluation on a server, about five minutes; jobs wait for one another."""
MOST_EXPERIMENT_STEPS = 1_000_000_000
"""Env steps of all runs of an experiment or a search, more than half a day on two cores."""
MOST_REPLAY_STEPS = 50_000
"""Env steps of an episode that is replayed in a browser: half an hour at 30 pictures a second."""

_BYTES = 4
"""Of a float32."""
_BASE_BYTES = 300 * 2**20
"""Python, torch and the compiled kernels of a process that trains."""
_REPLAY_COPIES = 3
"""The replay memory itself, and while a checkpoint is written its copy and the file's bytes."""
_NETWORK_COPIES = 17
"""Both networks, Adam's two moments, the gradient; and a learner's state of four in the best and the last good
snapshot, and in a checkpoint on its way."""
_CHECKPOINT_NETWORKS = 8
"""Learner and best snapshot, four arrays of the network's size each."""
_CHECKPOINTS = 3
"""Files of a run: the last, the best, and one that is being written."""
_BATCH_COPIES = 6
"""Activations of both networks, their gradients, and what lies between them."""
_SIZES = (("TB", 2**40), ("GB", 2**30), ("MB", 2**20), ("kB", 2**10))
_TEN = 10

_TOO_LARGE = mark(
    "is too large: the run would need {need} of memory, and runs may use {limit} on this machine. With the other "
    "settings unchanged, at most {largest} fits"
)
_TOO_LARGE_TOGETHER = mark(
    "is too large: the run would need {need} of memory, and runs may use {limit} on this machine. Lower it together "
    "with the other settings named here"
)
_TOO_LARGE_FOR_DISK = mark(
    "is too large: the run's checkpoints would need {need} on the disk, where {limit} is free. With the other "
    "settings unchanged, at most {largest} fits; or make room"
)
_TOO_LARGE_FOR_DISK_TOGETHER = mark(
    "is too large: the run's checkpoints would need {need} on the disk, where {limit} is free. Lower it together "
    "with the other settings named here, or make room"
)


# ------------------------------------------------------------------------------------------------------- a run


@dataclass(frozen=True)
class _Size:
    """The settings that decide how much a run takes."""

    observation_size: int
    n_actions: int
    asked: Network
    """The network that the config asks for, before any of its settings is made smaller here."""
    hidden_sizes: tuple[int, ...]
    dueling: bool
    noisy: bool
    quantiles: int
    """0 where the mean alone is learned."""
    batch_size: int
    buffer_size: int
    environments: int
    """In parallel."""
    prioritized: bool

    @classmethod
    def of(cls, config: TrainingConfig, report: EnvironmentReport) -> _Size:
        asked = network_of(config, report.observation_size, report.n_actions, report.picture)
        return cls(
            observation_size=report.observation_size,
            n_actions=report.n_actions,
            asked=asked,
            hidden_sizes=config.hidden_sizes if asked.picture is None else (),
            dueling=config.dueling,
            noisy=config.noisy_nets,
            quantiles=config.quantiles if config.distribution == "quantile" else 0,
            batch_size=config.batch_size,
            buffer_size=config.buffer_size,
            environments=config.parallel_environments,
            prioritized=config.prioritized_replay,
        )

    @property
    def network(self) -> Network:
        outputs = max(1, self.quantiles) * (self.n_actions + self.dueling)
        if self.asked.picture is None:
            return as_network((self.observation_size, *self.hidden_sizes, outputs))
        return replace(self.asked, sizes=(*self.asked.sizes[:-1], outputs))

    @property
    def network_bytes(self) -> int:
        return _BYTES * parameter_count(self.network, noisy=self.noisy)

    @property
    def replay_bytes(self) -> int:
        if self.asked.picture is not None:
            return frame_replay_bytes(self.asked.picture, self.buffer_size, self.environments)
        return _BYTES * self.buffer_size * (2 * self.observation_size + 4)

    @property
    def priority_bytes(self) -> int:
        """Of the priorities and their sum tree, in float64."""
        return 8 * (self.buffer_size + (2 << (self.buffer_size - 1).bit_length())) if self.prioritized else 0

    @property
    def batch_bytes(self) -> int:
        # The quantile loss compares every quantile of a row with every one of its target (Dabney et al. 2018, eq. 10).
        return _BATCH_COPIES * _BYTES * self.batch_size * (self.network.units + self.quantiles**2)

    @property
    def memory(self) -> int:
        """Bytes of memory at the run's most."""
        return (
            _BASE_BYTES
            + _REPLAY_COPIES * self.replay_bytes
            + self.priority_bytes
            + _NETWORK_COPIES * self.network_bytes
            + self.batch_bytes
        )

    @property
    def disk(self) -> int:
        """Bytes of the run's checkpoints."""
        return _CHECKPOINTS * (self.replay_bytes + self.priority_bytes + _CHECKPOINT_NETWORKS * self.network_bytes)

    def with_field(self, field: str, value: int) -> _Size:
        """This with ``field`` at ``value``; of ``hidden_sizes``, each layer at most that wide."""
        if field == "hidden_sizes":
            return replace(self, hidden_sizes=tuple(min(value, width) for width in self.hidden_sizes))
        values: dict[str, Any] = {field: value}
        return replace(self, **values)

    def value(self, field: str) -> int:
        return max(self.hidden_sizes, default=0) if field == "hidden_sizes" else int(getattr(self, field))


_LEAST = {"buffer_size": 1, "hidden_sizes": 1, "quantiles": 2, "batch_size": 1}
"""The fields that can make a run too large, each with its smallest value."""


def replay_memory(config: TrainingConfig) -> int:
    """Bytes of the replay memory of a run of ``config``; 0 where its environment is not known here."""
    size = _size_of(config)
    return 0 if size is None else size.replay_bytes


def run_memory(config: TrainingConfig) -> int:
    """Bytes of memory that a run of ``config`` takes at most; 0 where its environment is not known here."""
    size = _size_of(config)
    return 0 if size is None else size.memory


def check_memory(config: TrainingConfig, memory: int | None = None) -> None:
    """Refuse a run that cannot fit into this machine's memory.

    ``memory`` is what runs may take, :func:`memory_for_runs` if not given. An environment that cannot be made is not
    refused here: making it says more.

    Raises
    ------
    ConfigError
        A setting is too large; the message names the largest value that fits. Or the network does not go with the
        observations.
    """
    size = _size_of(config)
    limit = memory_for_runs() if memory is None else memory
    problems = [] if size is None else _problems(config, size, limit, _memory, _TOO_LARGE, _TOO_LARGE_TOGETHER)
    if problems:
        raise ConfigError(tuple(problems))


def check_run(config: TrainingConfig, folder: Path, memory: int | None = None) -> None:
    """Refuse a run to come as :func:`check_memory` does, and one that the disk of ``folder`` is too small for.

    Also one whose environment does not take its arguments, or whose single evaluations could take minutes. Raises
    :class:`~dqn_core.errors.ConfigError`.
    """
    with contextlib.suppress(UnsupportedEnvironmentError):  # making it says more
        check_environment(config)
    check_memory(config, memory)
    size = _size_of(config)
    if size is None:
        return
    problems = _evaluation_problems(config)
    problems += _problems(config, size, free_bytes(folder), _disk, _TOO_LARGE_FOR_DISK, _TOO_LARGE_FOR_DISK_TOGETHER)
    if problems:
        raise ConfigError(tuple(problems))


def _size_of(config: TrainingConfig) -> _Size | None:
    try:
        report = inspect_environment(*config.environment)
    except UnsupportedEnvironmentError:
        return None
    return _Size.of(config, report)


_memory = operator.attrgetter("memory")
_disk = operator.attrgetter("disk")


def _problems(  # noqa: PLR0913, PLR0917  what is measured, against what, and the two ways to say it
    config: TrainingConfig, size: _Size, limit: int, need: Callable[[_Size], int], alone: str, together: str
) -> list[FieldProblem]:
    """What makes ``need(size)`` more than ``limit``: the one field that helps most, or several where none is enough."""
    wanted = need(size)
    if wanted <= limit:
        return []
    fields = [field for field in _LEAST if size.value(field) > _LEAST[field]]
    saved = {field: wanted - need(size.with_field(field, _LEAST[field])) for field in fields}
    texts: dict[str, object] = {"need": size_text(wanted), "limit": size_text(limit)}
    first = max(fields, key=saved.__getitem__, default="buffer_size")
    if wanted - saved.get(first, 0) <= limit:
        largest = _largest(size, first, lambda each: need(each) <= limit)
        return [
            FieldProblem(first, getattr(config, first), alone, texts | {"largest": _as_given(size, first, largest)})
        ]
    heavy = [field for field in fields if saved[field] >= wanted // _TEN] or [first]
    return [FieldProblem(field, getattr(config, field), together, texts) for field in heavy]


def _largest(size: _Size, field: str, fits: Callable[[_Size], bool]) -> int:
    """The largest value of ``field`` that ``fits``; its least one does."""
    low, high = _LEAST[field], size.value(field)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(size.with_field(field, middle)) else (low, middle - 1)
    return low


def _as_given(size: _Size, field: str, value: int) -> int | str:
    return ", ".join(map(str, size.with_field(field, value).hidden_sizes)) if field == "hidden_sizes" else value


def size_text(size: int) -> str:
    """Bytes with two or three digits, in units of 1,024."""
    unit, amount = next(((name, size / scale) for name, scale in _SIZES if size >= scale), ("B", float(size)))
    return f"{amount:.1f} {unit}" if amount < _TEN and unit != "B" else f"{amount:,.0f} {unit}"


# ------------------------------------------------------------------------------------------------------ env steps


def step_limit(config: TrainingConfig) -> int:
    """Env steps after which an episode of ``config`` is truncated.

    Raises :class:`~dqn_core.errors.UnsupportedEnvironmentError` where the environment cannot be made here.
    """
    return inspect_environment(*config.environment).max_episode_steps


def shortened(config: TrainingConfig, most_steps: int) -> TrainingConfig:
    """``config`` with episodes that are truncated after ``most_steps``, if they are not before.

    Raises :class:`~dqn_core.errors.UnsupportedEnvironmentError` where the environment cannot be made here.
    """
    return config.replace(max_episode_steps=most_steps) if step_limit(config) > most_steps else config


def check_evaluation_steps(config: TrainingConfig, episodes: int, most_steps: int = MOST_EVALUATION_STEPS) -> None:
    """Refuse an evaluation that could take more than ``most_steps`` with :class:`RolloutError`."""
    try:
        steps = step_limit(config)
    except UnsupportedEnvironmentError:  # playing it will say so in words
        return
    if episodes * steps > most_steps:
        template = mark(
            "{episodes} episodes of up to {steps} steps are too much for one evaluation, which takes at most "
            "{most} steps: choose at most {largest} episodes."
        )
        largest = max(1, most_steps // steps)
        raise RolloutError(template, episodes=episodes, steps=steps, most=most_steps, largest=largest)


def check_experiment(configs: Sequence[TrainingConfig], folder: Path, memory: int | None = None) -> None:
    """Refuse an experiment one of whose runs cannot be, or which could take days or more than the disk.

    Raises :class:`~dqn_core.errors.ConfigError`, which names the setting.
    """
    for config in configs:
        check_run(config, folder, memory)
    check_steps(configs[0], len(configs), sum(map(run_steps, configs)))
    sizes = [size.disk for config in configs if (size := _size_of(config)) is not None]
    free = free_bytes(folder)
    if sum(sizes) > free:
        template = mark(
            "makes {count} runs whose checkpoints would need {need} on the disk, where {limit} is free: lower it, "
            "train fewer runs, or make room"
        )
        texts: dict[str, object] = {"count": len(configs), "need": size_text(sum(sizes)), "limit": size_text(free)}
        raise ConfigError((FieldProblem("buffer_size", configs[0].buffer_size, template, texts),))


def check_steps(config: TrainingConfig, runs: int, steps: int) -> None:
    """Refuse ``runs`` runs like ``config`` that could take ``steps`` env steps in all, if these are too many.

    Raises :class:`~dqn_core.errors.ConfigError`.
    """
    if steps > MOST_EXPERIMENT_STEPS:
        template = mark_plural(
            "makes {count} run of up to {steps} env steps, and it may take at most {most}: set it to at most {largest}",
            "makes {count} runs of up to {steps} env steps in all, and together they may take at most {most}: set it "
            "to at most {largest}, or train fewer runs",
            runs,
        )
        largest = MOST_EXPERIMENT_STEPS // runs
        values: dict[str, object] = {"count": runs, "steps": steps, "most": MOST_EXPERIMENT_STEPS, "largest": largest}
        raise ConfigError((FieldProblem("max_env_steps", config.max_env_steps, template, values),))


def run_steps(config: TrainingConfig) -> int:
    """Env steps after which a run of ``config`` ends at the latest; 0 where its environment is not known here."""
    try:
        by_episodes = config.max_episodes * step_limit(config) + config.warmup_steps
    except UnsupportedEnvironmentError:
        return 0
    return by_episodes if config.max_env_steps is None else min(by_episodes, config.max_env_steps)


def _evaluation_problems(config: TrainingConfig) -> list[FieldProblem]:
    """An evaluation while training that would keep the run from training for long."""
    if config.evaluate_every == 0:
        return []
    limit = step_limit(config)
    most = max(1, MOST_EVALUATION_STEPS // limit)
    template = mark(
        "is too large with episodes of up to {steps} steps: an evaluation takes at most {most} steps. At most "
        "{largest} fits; or lower {limit_name}"
    )
    values: dict[str, object] = {
        "steps": limit,
        "most": MOST_EVALUATION_STEPS,
        "largest": most,
        "limit_name": "max_episode_steps",
    }
    names = (
        ("evaluation_episodes", "confirmation_episodes") if config.goal_score is not None else ("evaluation_episodes",)
    )
    return [
        FieldProblem(name, getattr(config, name), template, values) for name in names if getattr(config, name) > most
    ]
