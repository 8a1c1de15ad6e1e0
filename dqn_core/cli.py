"""The command line: train, experiment, evaluate, record, export, info, bench, on the dashboard's own core and config.

Progress goes to stderr, one JSON object to stdout, so that a result can be piped on.
"""

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
from typing import TYPE_CHECKING, Annotated, Self

import tyro
from tqdm import tqdm

from dqn_core.cli_bench import bench
from dqn_core.cli_experiment import experiment
from dqn_core.cli_export import export
from dqn_core.cli_process import on_stop, print_anything, signals_unwind, stdout_for_result, weights_or_last
from dqn_core.cli_record import record
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
from dqn_core.runs.folder_lock import run_folder_lock, server_lock_above
from dqn_core.runs.records import new_run_id

if TYPE_CHECKING:
    import numpy as np

    from dqn_core.training.run_folder import RunFolder
    from dqn_core.training.trainer_state import TrainerState

__all__ = ["main"]

_USAGE = """usage: python -m dqn_core COMMAND [OPTIONS]

  train      train an agent:       python -m dqn_core train --env CartPole-v1 --preset lab8 --seed 0 --out runs/a
  experiment many seeds, values:  python -m dqn_core experiment --field gamma --values 0.9 0.99 --seeds 0 1 2 --out data
  evaluate   play greedy episodes: python -m dqn_core evaluate runs/a --episodes 20 --seed 10000
  record     film an episode:     python -m dqn_core record runs/a --seed 1 --out episode.mp4
  export     take a run elsewhere: python -m dqn_core export runs/a --format onnx --out agent.onnx
  info       environment, network and devices: python -m dqn_core info --env CartPole-v1
  bench      how fast this machine trains: python -m dqn_core bench --env CartPole-v1 --steps 20000

Each command says more with --help."""

_USAGE_ERROR = 2
_INTERRUPTED = 130
_DEFAULT_ENV = "CartPole-v1"
_MOST_EVALUATED = 1_000_000
_FIELDS = "Every field of the config; what is not given is the preset's."
_TRAIN = "python -m dqn_core train"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (the process's own if None); returns the exit status."""
    print_anything()
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands: dict[str, Callable[[list[str]], int]] = {
        "train": _train,
        "experiment": experiment,
        "evaluate": _evaluate,
        "record": record,
        "export": export,
        "info": _info,
        "bench": bench,
    }
    if not given or given[0] not in commands:
        asked_for_help = bool(given) and given[0] in {"-h", "--help"}
        print(_USAGE, file=sys.stdout if asked_for_help else sys.stderr)
        return 0 if asked_for_help else _USAGE_ERROR
    try:
        with signals_unwind():
            return commands[given[0]](given[1:])
    except DqnLabError as error:
        print(f"error: {error}", file=sys.stderr)
        return _USAGE_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # whoever was to read the result is gone; what it tells of is done
        return 1


# ---------------------------------------------------------------------------------------------------- train


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
    """Megabytes that the run's snapshots and checkpoints may take; beyond it, old ones are removed."""
    quiet: bool = False
    """No progress bar."""

    @property
    def kept_bytes(self) -> int:
        """The limit on snapshots and checkpoints."""
        return self.checkpoint_mb * 2**20


def _train(arguments: list[str]) -> int:
    options, rest = _train_options(arguments)
    if not options.quiet:
        logging.basicConfig(level=logging.INFO, format="%(message)s")  # what takes long before the bar moves is said
    with contextlib.ExitStack() as held:
        if options.resume is None:
            config = _new_config(options, rest)
            say = held.enter_context(stdout_for_result())
            start = _new_run(options, config, held)
        else:
            start = _resumed_run(options.resume, options, rest, held)
            say = held.enter_context(stdout_for_result())
        return _trained(start, say, quiet=options.quiet)


def _trained(start: _Start, say: Callable[[str], None], *, quiet: bool) -> int:
    """Train to the run's end, whoever brings it about, and say how it ended; returns the exit status."""
    folder, state = start.folder, start.resume_from
    from dqn_core.training.last_good import with_last_good
    from dqn_core.training.run_folder import RunLog, end_summary
    from dqn_core.training.trainer import Trainer

    mailbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    with on_stop(lambda: mailbox.put(Stop())), _ProgressBar(start.config, quiet=quiet) as bar:
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
    summary = end_summary(with_last_good(bar.ended, folder.checkpoints()))
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
            tyro.cli(_TrainOptions, args=["--help"], prog=_TRAIN)
        rest = ["--help"]
    return options, rest


@dataclass(frozen=True, kw_only=True)
class _Start:
    """Where a run begins or goes on."""

    folder: RunFolder
    config: TrainingConfig
    resume_from: TrainerState | None = None
    initial_weights: dict[str, np.ndarray] | None = None


def _new_config(options: _TrainOptions, fields: list[str]) -> TrainingConfig:
    """The preset's config, in which each field given replaces its own."""
    env_id = options.env or _DEFAULT_ENV
    preset = preset_config(env_id, options.preset or preset_names(env_id)[0])
    return tyro.cli(TrainingConfig, default=preset, args=fields, prog=_TRAIN, description=_FIELDS)


def _new_run(options: _TrainOptions, config: TrainingConfig, held: contextlib.ExitStack) -> _Start:
    """A new folder, which ``held`` keeps from others."""
    from dqn_core.training.environments import inspect_environment
    from dqn_core.training.run_folder import RunFolder

    inspect_environment(config.env_id, config.max_episode_steps)  # refuses before a folder is made
    weights = _given_weights(options.init_weights, config) if options.init_weights else None
    path = options.out or Path("runs") / new_run_id(datetime.now(UTC))
    RunFolder.check_new(path)
    held.enter_context(run_folder_lock(path))
    folder = RunFolder.create(path, config, options.kept_bytes)
    return _Start(folder=folder, config=config, initial_weights=weights)


def _given_weights(path: Path, config: TrainingConfig) -> dict[str, np.ndarray]:
    from dqn_core.training.given_weights import check_fit, weights_at

    weights = weights_at(path)
    check_fit(weights, config)
    return weights


def _resumed_run(path: Path, options: _TrainOptions, fields: list[str], held: contextlib.ExitStack) -> _Start:
    """An existing folder and where its run stood last; fields given change what may change while a run trains.

    Nothing is written yet; ``held`` keeps the folder from others.
    """
    from dqn_core.training.run_folder import RunFolder
    from dqn_core.training.trainer_state import changed_config

    folder = RunFolder.open(path, options.kept_bytes)
    _refuse_beside_resume(options, folder)
    held.enter_context(server_lock_above(path))
    held.enter_context(run_folder_lock(path))
    state = folder.checkpoint()
    parsed = tyro.cli(TrainingConfig, default=state.config, args=fields, prog=_TRAIN, description=_FIELDS)
    changes = {name: new for name, _old, new in state.config.differences(parsed)}
    changes |= {name: getattr(parsed, name) for name in _named(fields) if name.startswith("epsilon_")}
    config = changed_config(state.config, changes, state.values["counters"])  # refuses with its reason
    return _Start(folder=folder, config=config, resume_from=state)


def _refuse_beside_resume(options: _TrainOptions, folder: RunFolder) -> None:
    """Raise where an option was given that would have to be ignored."""
    if options.init_weights is not None:
        raise DqnLabError(mark("--resume goes on with a run's own weights: leave --init-weights out."))
    if options.env is not None and options.env != folder.config.env_id:
        template = mark("--resume goes on in the run's own environment, {env_id}: leave --env out, or start a new run.")
        raise DqnLabError(template, env_id=folder.config.env_id)
    if options.preset is not None:
        template = mark(
            "--resume goes on with the run's own settings: leave --preset out, and give the fields that are to change."
        )
        raise DqnLabError(template)
    if options.out is not None and options.out.resolve() != folder.path.resolve():
        template = mark("--resume goes on in the run's own folder, {path}: leave --out out, or copy the folder first.")
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


# ------------------------------------------------------------------------------------------------- evaluate


@dataclass(frozen=True, kw_only=True)
class _EvaluateOptions:
    """Play greedy episodes with a run's weights and print their returns."""

    folder: tyro.conf.Positional[Path]
    """A run's folder (the --out of train)."""
    episodes: int = 20
    """Episodes to play."""
    seed: int = 10_000
    """Reset seed of the first episode; the others follow by one."""
    weights: str | None = None
    """Weights to play with: "best" (of the best evaluation), "last" (of the run's end), or a snapshot's name. If not
    given: the best, or the last of a run that was never evaluated."""


def _evaluate(arguments: list[str]) -> int:
    options = tyro.cli(_EvaluateOptions, args=arguments, prog="python -m dqn_core evaluate")
    import numpy as np

    from dqn_core.analysis.bootstrap import bootstrap_interval
    from dqn_core.training.evaluation import evaluate_folder
    from dqn_core.training.rollout import check_evaluation
    from dqn_core.training.run_folder import RunFolder

    check_evaluation(options.episodes, options.seed, _MOST_EVALUATED)
    folder = RunFolder.open(options.folder)
    weights = weights_or_last(folder, options.weights)
    with stdout_for_result() as say:
        result = evaluate_folder(folder, weights, episodes=options.episodes, seed=options.seed)
        with np.errstate(invalid="ignore"):  # of infinite returns
            low, high = bootstrap_interval(np.array(result.returns)[:, None])  # of one column
        report = {
            "env": folder.config.env_id,
            "weights": weights,
            "seed": result.seed,
            "episodes": len(result.returns),
            "mean": result.mean,
            "std": result.std,
            "interval_95": None if len(result.returns) == 1 else [float(low[0]), float(high[0])],
            "returns": list(result.returns),
        }
        say(json_text(report))
    return 0


# ----------------------------------------------------------------------------------------------------- info


@dataclass(frozen=True, kw_only=True)
class _InfoOptions:
    """Describe an environment, the network for it, and the devices of this machine."""

    env: str = "CartPole-v1"
    """Gymnasium id of the environment."""
    hidden_sizes: tuple[int, ...] = (32, 32)
    """Width of each hidden layer."""
    warm_up: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Compile the learner's kernels now, so that the first run starts at once."""


def _info(arguments: list[str]) -> int:
    options = tyro.cli(_InfoOptions, args=arguments, prog="python -m dqn_core info")
    from dqn_core.algorithm.fused_learner import warm_up_kernels
    from dqn_core.training.report import report_text

    with stdout_for_result() as say:
        if options.warm_up:
            warm_up_kernels(lambda text: print(text, file=sys.stderr))
        say(report_text(TrainingConfig(env_id=options.env, hidden_sizes=options.hidden_sizes)))
    return 0
