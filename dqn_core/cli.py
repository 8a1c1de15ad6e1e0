"""The command line: train, experiment, evaluate, record, export, info, bench, on the dashboard's own core and config.

Progress goes to stderr, one JSON object to stdout, so that a result can be piped on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import tyro
from tqdm import tqdm

from dqn_core.cli_bench import bench
from dqn_core.cli_experiment import experiment
from dqn_core.cli_export import export
from dqn_core.cli_record import record
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, mark
from dqn_core.events import Command, EpisodeEnded, Notice, Progress, RunEnded, RunStarted, Stop
from dqn_core.presets import preset_config, preset_names
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
_MOST_EVALUATED = 1_000_000
_MOST_EVALUATION_STEPS = 1_000_000_000
"""Half a day; whoever waits at a command line can also break off."""
_FIELDS = "Every field of the config; what is not given is the preset's."
_TRAIN = "python -m dqn_core train"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (the process's own if None); returns the exit status."""
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
        return commands[given[0]](given[1:])
    except DqnLabError as error:
        print(f"error: {error}", file=sys.stderr)
        return _USAGE_ERROR


# ---------------------------------------------------------------------------------------------------- train


@dataclass(frozen=True, kw_only=True)
class _TrainOptions:
    """Where to start from and where to write; every field of the config is an option too."""

    env: str = "CartPole-v1"
    """Gymnasium id of the environment."""
    preset: str | None = None
    """Ready-made config to start from; the environment's first one if not given."""
    out: Path | None = None
    """New folder for config.json, episodes.csv and the weights; runs/RUN_ID if not given."""
    resume: Path | None = None
    """Folder of a run to go on with from its checkpoint, as if it had never stopped; fields given may raise limits."""
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
    start = _new_run(options, rest) if options.resume is None else _resumed_run(options.resume, options, rest)
    folder, state = start.folder, start.resume_from
    from dqn_core.training.last_good import with_last_good
    from dqn_core.training.run_folder import RunLog, end_summary
    from dqn_core.training.trainer import Trainer

    mailbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    log = RunLog(folder, state)
    with _stop_on_interrupt(mailbox), _ProgressBar(folder.config, quiet=options.quiet) as bar:
        try:
            trainer = Trainer(folder.config, mailbox, resume_from=state, initial_weights=start.initial_weights)
            for event in trainer.events():
                log.write(event)
                bar.show(event)
        finally:
            log.close()
    place = {"run_id": folder.path.name, "env": folder.config.env_id, "seed": folder.config.seed}
    summary = end_summary(with_last_good(bar.ended, folder.checkpoints()))
    message = summary.pop("message")
    print(json.dumps(place | {"compute": bar.compute, "out": str(folder.path)} | summary))
    if message:
        print(f"error: {message}", file=sys.stderr)
    return 1 if message else 0


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
    resume_from: TrainerState | None = None
    initial_weights: dict[str, np.ndarray] | None = None


def _new_run(options: _TrainOptions, fields: list[str]) -> _Start:
    """A new folder with the preset's config, in which each field given replaces its own."""
    preset = preset_config(options.env, options.preset or preset_names(options.env)[0])
    config = tyro.cli(TrainingConfig, default=preset, args=fields, prog=_TRAIN, description=_FIELDS)
    from dqn_core.training.budget import check_run
    from dqn_core.training.environments import inspect_environment
    from dqn_core.training.run_folder import RunFolder

    inspect_environment(config.env_id, config.max_episode_steps)  # refuses before a folder is made
    path = options.out or Path("runs") / new_run_id(datetime.now(UTC))
    check_run(config, path)
    weights = _given_weights(options.init_weights, config) if options.init_weights else None
    return _Start(folder=RunFolder.create(path, config, options.kept_bytes), initial_weights=weights)


def _given_weights(path: Path, config: TrainingConfig) -> dict[str, np.ndarray]:
    from dqn_core.training.given_weights import check_fit, weights_at

    weights = weights_at(path)
    check_fit(weights, config)
    return weights


def _resumed_run(path: Path, options: _TrainOptions, fields: list[str]) -> _Start:
    """An existing folder and where its run stood last; fields given change what may change while a run trains."""
    from dqn_core.training.budget import check_memory
    from dqn_core.training.run_folder import RunFolder

    if options.init_weights is not None:
        raise DqnLabError(mark("--resume goes on with a run's own weights: leave --init-weights out."))
    folder = RunFolder.open(path, options.kept_bytes)
    state = folder.checkpoint()
    config = tyro.cli(TrainingConfig, default=state.config, args=fields, prog=_TRAIN, description=_FIELDS)
    for name, _, value in state.config.differences(config):
        state.config.changed_live(name, value)  # refuses with its reason
    check_memory(config)
    folder.go_on(config, state)
    return _Start(folder=folder, resume_from=state)


@contextlib.contextmanager
def _stop_on_interrupt(mailbox: queue.SimpleQueue[Command]) -> Iterator[None]:
    """The first Ctrl-C asks the run to end and be saved; a second one breaks off."""

    def ask(_signal: int, _frame: Any) -> None:
        mailbox.put(Stop())
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
        self._bar.close()

    def show(self, event: object) -> None:
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
                self._write(event.template.format(**event.parameters))
            case RunEnded():
                self.ended = event

    def _numbers(self, progress: Progress) -> str:
        numbers = f"epsilon {progress.epsilon:.3f}, {progress.steps_per_s:,.0f} steps/s"
        if self._last is None:
            return f"{progress.phase}, {numbers}"
        return f"loss {self._last.loss_mean:.4g}, reward {self._last.episode_return:.1f}, {numbers}"

    def _write(self, text: str) -> None:
        if not self._bar.disable:
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
    weights: str = "best"
    """Weights to play with: "best" (of the best evaluation), "last" (of the run's end), or a snapshot's name."""


def _evaluate(arguments: list[str]) -> int:
    options = tyro.cli(_EvaluateOptions, args=arguments, prog="python -m dqn_core evaluate")
    import numpy as np

    from dqn_core.analysis.bootstrap import bootstrap_interval
    from dqn_core.training.budget import check_evaluation_steps
    from dqn_core.training.evaluation import evaluate_folder
    from dqn_core.training.rollout import check_evaluation
    from dqn_core.training.run_folder import RunFolder

    check_evaluation(options.episodes, options.seed, _MOST_EVALUATED)
    folder = RunFolder.open(options.folder)
    check_evaluation_steps(folder.config, options.episodes, _MOST_EVALUATION_STEPS)
    result = evaluate_folder(folder, options.weights, episodes=options.episodes, seed=options.seed)
    low, high = bootstrap_interval(np.array(result.returns)[:, None])  # of one column
    report = {
        "env": folder.config.env_id,
        "weights": options.weights,
        "seed": result.seed,
        "episodes": len(result.returns),
        "mean": result.mean,
        "std": result.std,
        "interval_95": None if len(result.returns) == 1 else [float(low[0]), float(high[0])],
        "returns": list(result.returns),
    }
    print(json.dumps(report))
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

    if options.warm_up:
        warm_up_kernels(lambda text: print(text, file=sys.stderr))
    print(report_text(TrainingConfig(env_id=options.env, hidden_sizes=options.hidden_sizes)))
    return 0
