"""The command line on the dashboard's own core: train, experiment, evaluate, record, export, check, info, and so on.

Progress goes to stderr, one JSON object to stdout, so that a result can be piped on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from dqn_core.cli.bench import bench
from dqn_core.cli.check import check
from dqn_core.cli.database import database
from dqn_core.cli.experiment import experiment
from dqn_core.cli.export import export
from dqn_core.cli.process import (
    ARGUMENTS_BY_NAME,
    find_environments,
    print_anything,
    signals_unwind,
    stdout_for_result,
    weights_or_last,
)
from dqn_core.cli.record import record
from dqn_core.cli.train import train
from dqn_core.config import NO_ARGUMENTS, Arguments, TrainingConfig
from dqn_core.errors import DqnLabError
from dqn_core.json_text import json_text

__all__ = ["main"]

_USAGE = """usage: python -m dqn_core COMMAND [OPTIONS]

  train      train an agent:       python -m dqn_core train --env CartPole-v1 --preset lab8 --seed 0 --out runs/a
  experiment many seeds, values:  python -m dqn_core experiment --field gamma --values 0.9 0.99 --seeds 0 1 2 --out data
  evaluate   play greedy episodes: python -m dqn_core evaluate runs/a --episodes 20 --seed 10000
  record     video of an episode: python -m dqn_core record runs/a --seed 1 --out episode.mp4
  export     take a run elsewhere: python -m dqn_core export runs/a --format onnx --out agent.onnx
  database   another database:    python -m dqn_core database copy data postgresql+psycopg://user:password@host/name
  check      try an environment out: python -m dqn_core check mypackage:My-v0
  info       environment, network and devices: python -m dqn_core info --env CartPole-v1
  bench      how fast this machine trains: python -m dqn_core bench --env CartPole-v1 --steps 20000

Each command says more with --help."""

_USAGE_ERROR = 2
_INTERRUPTED = 130
_MOST_EVALUATED = 1_000_000
_MOST_EVALUATION_STEPS = 1_000_000_000
"""Half a day; whoever waits at a command line can also break off."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (the process's own if None); returns the exit status."""
    print_anything()
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands: dict[str, Callable[[list[str]], int]] = {
        "train": train,
        "experiment": experiment,
        "evaluate": _evaluate,
        "record": record,
        "export": export,
        "database": database,
        "check": check,
        "info": _info,
        "bench": bench,
    }
    if not given or given[0] not in commands:
        asked_for_help = bool(given) and given[0] in {"-h", "--help"}
        print(_USAGE, file=sys.stdout if asked_for_help else sys.stderr)
        return 0 if asked_for_help else _USAGE_ERROR
    try:
        with signals_unwind():
            if not {"-h", "--help"} & set(given[1:]):
                find_environments()
            return commands[given[0]](given[1:])
    except DqnLabError as error:
        print(f"error: {error}", file=sys.stderr)
        return _USAGE_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # whoever was to read the result is gone; what it tells of is done
        return 1


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
    env_kwargs: Arguments = NO_ARGUMENTS
    """Arguments of the environment that differ from those of the run, as in gravity=-3.7; if none is given: those that
    the run's own evaluations had."""


def _evaluate(arguments: list[str]) -> int:
    options = tyro.cli(_EvaluateOptions, args=arguments, prog="python -m dqn_core evaluate", registry=ARGUMENTS_BY_NAME)
    import numpy as np

    from dqn_core.analysis.bootstrap import bootstrap_interval
    from dqn_core.environments.settings import check_environment
    from dqn_core.episodes.episode import check_evaluation
    from dqn_core.training.budget import check_evaluation_steps
    from dqn_core.training.evaluation import evaluate_folder
    from dqn_core.training.run_folder import RunFolder

    check_evaluation(options.episodes, options.seed, _MOST_EVALUATED)
    folder = RunFolder.open(options.folder)
    weights = weights_or_last(folder, options.weights)
    with stdout_for_result() as say:
        config = folder.config.played_with(options.env_kwargs or None)
        check_environment(config)
        check_evaluation_steps(config, options.episodes, _MOST_EVALUATION_STEPS)
        result = evaluate_folder(folder, weights, episodes=options.episodes, seed=options.seed, config=config)
        low, high = bootstrap_interval(np.array(result.returns)[:, None])  # of one column
        report = {
            "env": config.env_id,
            **_as_played(config),
            "weights": weights,
            "seed": result.seed,
            "episodes": len(result.returns),
            "mean": result.mean,
            "std": result.std,
            "interval_95": None if len(result.returns) == 1 else [float(low[0]), float(high[0])],
            "returns": list(result.returns),
        }
        if result.shaped_returns:
            report |= {"reward_formula": config.reward_formula, "shaped_returns": list(result.shaped_returns)}
        say(json_text(report))
    return 0


def _as_played(config: TrainingConfig) -> dict[str, Any]:
    """What is special of the environment, if anything is."""
    return {"env_kwargs": config.env_kwargs.to_dict()} if config.env_kwargs else {}


# ----------------------------------------------------------------------------------------------------- info


@dataclass(frozen=True, kw_only=True)
class _InfoOptions:
    """Describe an environment, the network for it, and the devices of this machine."""

    env: str = "CartPole-v1"
    """Gymnasium id of the environment."""
    hidden_sizes: tuple[int, ...] = (32, 32)
    """Width of each hidden layer."""
    warm_up: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Compile the learners' kernels now, so that the first run starts at once."""


def _info(arguments: list[str]) -> int:
    options = tyro.cli(_InfoOptions, args=arguments, prog="python -m dqn_core info")
    from dqn_core.algorithm.fused_learner import warm_up_kernels
    from dqn_core.algorithm.fused_pictures import warm_up_picture_kernels
    from dqn_core.training.report import report_text

    with stdout_for_result() as say:
        if options.warm_up:
            for warm_up in (warm_up_kernels, warm_up_picture_kernels):
                warm_up(lambda text: print(text, file=sys.stderr))
        say(report_text(TrainingConfig(env_id=options.env, hidden_sizes=options.hidden_sizes)))
    return 0
