"""``python -m dqn_core train``: one run, new or resumed, in a folder of its own."""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import tyro
from tqdm import tqdm

from dqn_core.cli.process import on_stop, parsed_config, stdout_for_result
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, mark
from dqn_core.events import (
    Command,
    EpisodeEnded,
    Event,
    HyperparametersChanged,
    Notice,
    Progress,
    RunEnded,
    RunStarted,
    Stop,
)
from dqn_core.json_text import json_text
from dqn_core.presets import preset_config, preset_names
from dqn_core.runs.storage.folder_lock import run_folder_lock, server_lock_above
from dqn_core.runs.storage.records import new_run_id

if TYPE_CHECKING:
    import numpy as np

    from dqn_core.training.checkpoint import Checkpoint
    from dqn_core.training.run_folder import RunFolder

__all__ = ["train"]

_DEFAULT_ENV = "CartPole-v1"
_PROGRAM = "python -m dqn_core train"


@dataclass(frozen=True, kw_only=True)
class _TrainOptions:
    """Where to start from and where to write; every field of the config is an option too."""

    env: str | None = None
    """Gymnasium id of the environment; CartPole-v1 if not given."""
    preset: str | None = None
    """Ready-made config to start from; the environment's first one if not given."""
    out: Path | None = None
    """New folder for config.json, episodes.csv and the weights; runs/RUN_ID if not given."""
    resume: Path | None = None
    """Folder of a run to go on with from its checkpoint, as if it had never stopped; fields given may raise limits.
    Exploration goes on from where it stood, unless an epsilon field is given."""
    init_weights: Path | None = None
    """Weights to begin with: a .safetensors file, or the folder of a run, whose best are taken."""
    checkpoint_mb: int = 256
    """Megabytes of snapshots and checkpoints beside the newest checkpoint, the best and the last snapshot; beyond that,
    large and old ones are removed."""
    quiet: bool = False
    """No progress bar."""

    @property
    def kept_bytes(self) -> int:
        """The limit on snapshots and checkpoints."""
        return self.checkpoint_mb * 2**20


def train(arguments: list[str]) -> int:
    """The command; returns its exit status: 1 where the run failed."""
    options, rest = _train_options(arguments)
    if not options.quiet:
        logging.basicConfig(level=logging.INFO, format="%(message)s")  # what takes long before the bar moves is said
    from dqn_core.environments.settings import check_live_change
    from dqn_core.training.budget import check_memory

    with contextlib.ExitStack() as held:
        if options.resume is None:
            config = _new_config(options, rest)
            say = held.enter_context(stdout_for_result())
            start = _new_run(options, config, held)
        else:
            start = _resumed_run(options.resume, options, rest, held)
            say = held.enter_context(stdout_for_result())
            if start.resume_from is not None:
                check_live_change(start.resume_from.config, start.config)
            check_memory(start.config)
        return _trained(start, say, quiet=options.quiet)


def _trained(start: _Start, say: Callable[[str], None], *, quiet: bool) -> int:
    """Train to the run's end, whoever brings it about, and say how it ended; returns the exit status."""
    folder, state = start.folder, start.resume_from
    from dqn_core.analysis.advice import unfinished_exploration
    from dqn_core.training.checkpoint import with_last_checkpoint
    from dqn_core.training.run_folder import RunLog, end_summary
    from dqn_core.training.trainer import Trainer

    mailbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    with on_stop(lambda: mailbox.put(Stop())), _ProgressBar(start.config, quiet=quiet) as bar:
        if state is None and (found := unfinished_exploration(start.config)) is not None:
            bar.show(Notice(template=found.template, parameters=dict(found.parameters)))
        trainer = Trainer(start.config, mailbox, resume_from=state, initial_weights=start.initial_weights)
        events = trainer.events()
        beginning = _beginning(events)
        if state is not None:
            _refuse_failure(beginning[-1])  # nothing was written yet: what the run did before stays as it is
            folder.go_on(start.config, state)
        log = RunLog(folder, state)
        try:
            for event in itertools.chain(beginning, events):
                log.write(event)
                bar.show(event)
        finally:
            log.close()
    place = {"run_id": folder.path.name, "env": folder.config.env_id, "seed": folder.config.seed}
    summary = end_summary(with_last_checkpoint(bar.ended, folder.checkpoints()), folder.config)
    message = summary.pop("message")
    say(json_text(place | {"compute": bar.compute, "out": str(folder.path)} | summary))
    if message:
        print(f"error: {message}", file=sys.stderr)
    return 1 if message else 0


def _beginning(events: Iterator[Event]) -> list[Event]:
    """What a trainer says until it is at work, or has failed to begin."""
    said: list[Event] = []
    for event in events:
        said.append(event)
        if not isinstance(event, (RunStarted, Notice, HyperparametersChanged)):
            break
    return said


def _refuse_failure(event: Event) -> None:
    if isinstance(event, RunEnded) and event.template:
        raise DqnLabError(event.template, **event.parameters)


def _train_options(arguments: list[str]) -> tuple[_TrainOptions, list[str]]:
    """The options that are no fields of the config, and the arguments that remain; help shows all and ends."""
    kept = [argument for argument in arguments if argument not in {"-h", "--help"}]
    options, rest = tyro.cli(_TrainOptions, args=kept, return_unknown_args=True, add_help=False)
    if kept != arguments:
        with contextlib.suppress(SystemExit):  # the config's own fields follow
            tyro.cli(_TrainOptions, args=["--help"], prog=_PROGRAM)
        rest = ["--help"]
    return options, rest


@dataclass(frozen=True, kw_only=True)
class _Start:
    """Where a run begins or goes on."""

    folder: RunFolder
    config: TrainingConfig
    resume_from: Checkpoint | None = None
    initial_weights: dict[str, np.ndarray] | None = None


def _new_config(options: _TrainOptions, fields: list[str]) -> TrainingConfig:
    """The preset's config, in which each field given replaces its own."""
    env_id = options.env or _DEFAULT_ENV
    preset = preset_config(env_id, options.preset or preset_names(env_id)[0])
    return parsed_config(preset, fields, _PROGRAM)


def _new_run(options: _TrainOptions, config: TrainingConfig, held: contextlib.ExitStack) -> _Start:
    """A new folder, which ``held`` keeps from others."""
    from dqn_core.environments.make import inspect_environment
    from dqn_core.environments.settings import check_environment
    from dqn_core.training.budget import check_run
    from dqn_core.training.run_folder import RunFolder

    check_environment(config)  # refuses before a folder is made
    inspect_environment(*config.environment)
    path = options.out or Path("runs") / new_run_id(datetime.now(UTC))
    check_run(config, path)
    weights = _weights_to_begin_with(options.init_weights, config) if options.init_weights else None
    RunFolder.check_new(path)
    held.enter_context(run_folder_lock(path))
    folder = RunFolder.create(path, config, options.kept_bytes)
    return _Start(folder=folder, config=config, initial_weights=weights)


def _weights_to_begin_with(path: Path, config: TrainingConfig) -> dict[str, np.ndarray]:
    from dqn_core.training.weights_file import check_fit, weights_at

    weights = weights_at(path)
    check_fit(weights, config)
    return weights


def _resumed_run(path: Path, options: _TrainOptions, fields: list[str], held: contextlib.ExitStack) -> _Start:
    """An existing folder and where its run stood last; fields given change what may change while a run trains.

    Nothing is written yet; ``held`` keeps the folder from others.
    """
    from dqn_core.training.checkpoint import changed_config
    from dqn_core.training.run_folder import RunFolder

    folder = RunFolder.open(path, options.kept_bytes)
    _refuse_beside_resume(options, folder)
    held.enter_context(server_lock_above(path))
    held.enter_context(run_folder_lock(path))
    state = folder.checkpoint()
    parsed = parsed_config(state.config, fields, _PROGRAM)
    changes = {name: new for name, _old, new in state.config.differences(parsed)}
    changes |= {name: getattr(parsed, name) for name in _named(fields) if name.startswith("epsilon_")}
    config = changed_config(state.config, changes, state.values["counters"])  # refuses with its reason
    return _Start(folder=folder, config=config, resume_from=state)


def _refuse_beside_resume(options: _TrainOptions, folder: RunFolder) -> None:
    """Raise where an option was given that would have to be ignored."""
    if options.init_weights is not None:
        raise DqnLabError(mark("--resume continues with the run's own weights: leave out --init-weights."))
    if options.env is not None and options.env != folder.config.env_id:
        template = mark(
            "--resume continues in the run's own environment, {env_id}: leave out --env, or start a new run."
        )
        raise DqnLabError(template, env_id=folder.config.env_id)
    if options.preset is not None:
        template = mark(
            "--resume continues with the run's own settings: leave out --preset, and give only the fields to change."
        )
        raise DqnLabError(template)
    if options.out is not None and options.out.resolve() != folder.path.resolve():
        template = mark(
            "--resume continues in the run's own folder, {path}: leave out --out, or copy the folder first."
        )
        raise DqnLabError(template, path=folder.path)


def _named(arguments: Sequence[str]) -> set[str]:
    """Names of the fields that are given among command-line ``arguments``."""
    return {each.partition("=")[0][2:].replace("-", "_") for each in arguments if each.startswith("--")}


class _ProgressBar:
    """Shows a run's events on stderr, and remembers how it ended."""

    ended: RunEnded
    compute = ""

    def __init__(self, config: TrainingConfig, *, quiet: bool) -> None:
        self._bar = tqdm(total=config.max_episodes, disable=quiet, unit="episode", file=sys.stderr, dynamic_ncols=True)
        self._last: EpisodeEnded | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._bar.close()

    def show(self, event: Event) -> None:
        """Show what ``event`` says; a terminal that is gone, or a pipe that nobody reads, ends no run."""
        try:
            self._show(event)
        except OSError:
            self._bar.disable = True

    def _show(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.compute = event.compute
                reason = event.compute_template.format(**event.compute_parameters)
                self._write(f"{event.parameters:,} parameters. {reason}")
                self._bar.reset()  # its clock starts with the training
            case EpisodeEnded():
                self._last = event
                self._bar.update()
            case Progress():
                self._bar.set_postfix_str(self._numbers(event), refresh=False)
            case Notice():
                self._write(event.template.format(**event.parameters), always=True)
            case RunEnded():
                self.ended = event

    def _numbers(self, progress: Progress) -> str:
        numbers = f"epsilon {progress.epsilon:.3f}, {progress.steps_per_s:,.0f} steps/s"
        if self._last is None:
            return f"{progress.phase}, {numbers}"
        return f"loss {self._last.loss_mean:.4g}, reward {self._last.episode_return:.1f}, {numbers}"

    def _write(self, text: str, *, always: bool = False) -> None:
        if always or not self._bar.disable:
            tqdm.write(text, file=sys.stderr)
