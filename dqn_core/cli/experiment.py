"""``python -m dqn_core experiment``: settings over seeds, and over the values of one field, trained side by side."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tqdm import tqdm

from dqn_core.cli.process import database_setting, on_stop, parsed_config, preloaded_modules, stdout_for_result
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, mark
from dqn_core.events import EPISODE_COLUMNS
from dqn_core.json_text import json_text
from dqn_core.presets import preset_config, preset_names

if TYPE_CHECKING:
    from dqn_core.runs.experiments.service import Experiments, ExperimentStatus
    from dqn_core.runs.experiments.spec import ExperimentSpec
    from dqn_core.runs.manager import RunManager

__all__ = ["experiment"]

_PROGRAM = "python -m dqn_core experiment"
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, kw_only=True)
class _ExperimentOptions:
    """Train one config over several seeds, for each value of one field; every field of the config is an option too."""

    out: Path
    """Folder for the runs (a data folder of the dashboard: DQN_LAB_DATA=DIR make app shows them) and episodes.csv."""
    env: str = "CartPole-v1"
    """Gymnasium id of the environment."""
    preset: str | None = None
    """Ready-made config to start from; the environment's first one if not given."""
    field: str | None = None
    """The field that varies; without one, the config runs over the seeds alone."""
    values: tuple[str, ...] = ()
    """Values of the field; the widths of one network's layers are parted by commas."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the runs of each value."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No progress bar."""


def experiment(arguments: list[str]) -> int:
    """The command; returns its exit status: 1 where a run failed, or did not come to its end."""
    options, rest = tyro.cli(_ExperimentOptions, args=arguments, prog=_PROGRAM, return_unknown_args=True)
    preset = preset_config(options.env, options.preset or preset_names(options.env)[0])
    base = parsed_config(preset, rest, _PROGRAM)
    _refuse_without_effect(options, preset, base)
    from dqn_core.environments.make import inspect_environment
    from dqn_core.environments.settings import check_environment
    from dqn_core.runs.experiments.spec import ExperimentSpec, parsed_value

    values = [parsed_value(options.field, text) for text in options.values] if options.field else []
    spec = ExperimentSpec.sweep(base, options.field, values, options.seeds)
    with stdout_for_result() as say:
        inspect_environment(*base.environment)  # refuses before a folder is made
        for config in {cell.variant: cell.config for cell in spec.cells}.values():
            check_environment(config)
        _warn_of_unfinished_exploration(spec)
        status = _trained(spec, options)
        say(json_text(_report(status, options.out)))
    return 0 if status.done == status.total and all(run.state != "failed" for run in status.runs) else 1


def _refuse_without_effect(options: _ExperimentOptions, preset: TrainingConfig, base: TrainingConfig) -> None:
    """Raise where something was given that would have to be ignored."""
    if options.values and options.field is None:
        raise DqnLabError(mark("--values apply to one field: name it with --field."))
    if base.seed != preset.seed:
        raise DqnLabError(mark("The seeds of an experiment are given by --seeds: leave out --seed."))
    if options.field is not None and options.field in {name for name, _, _ in base.differences(preset)}:
        template = mark("{field} varies: its values are given by --values. Leave out {option}.")
        raise DqnLabError(template, field=options.field, option=f"--{options.field.replace('_', '-')}")


def _warn_of_unfinished_exploration(spec: ExperimentSpec) -> None:
    found = spec.unfinished_exploration()
    if found is not None:
        changes, advice = found
        values = "".join(f"{name} {value}: " for name, value in changes.items())
        print(f"{values}{advice.template.format(**advice.parameters)}", file=sys.stderr)


def _trained(spec: ExperimentSpec, options: _ExperimentOptions) -> ExperimentStatus:
    """Train the experiment, to its end or until somebody stops it, and write down what was trained."""
    from dqn_core.runs.experiments.service import Experiments
    from dqn_core.runs.manager import RunManager

    asked: list[bool] = []  # a signal's handler may append; a lock might be held by what it interrupts
    manager = RunManager(options.out, database=database_setting(), preload=preloaded_modules())
    try:
        with on_stop(lambda: asked.append(True)):
            experiments = Experiments(manager)
            experiment_id = experiments.start(spec, "")
            _follow(experiments, experiment_id, asked, quiet=options.quiet)
            if asked:  # every run leaves a checkpoint; Resume on the experiment's page goes on with all
                manager.close()
                manager = RunManager(options.out, database=database_setting(), preload=preloaded_modules())
            status = Experiments(manager).status(experiment_id)
            _write_episodes(options.out / "episodes.csv", status, manager)
    finally:
        manager.close()
    return status


def _follow(experiments: Experiments, experiment_id: str, asked: Sequence[bool], *, quiet: bool) -> None:
    """Wait for the experiment's end, or until ``asked`` to stop, showing how far it is."""
    status = experiments.status(experiment_id)
    bar_format = "{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
    with tqdm(total=1.0, disable=quiet, file=sys.stderr, dynamic_ncols=True, bar_format=bar_format) as bar:
        while status.is_active and not asked:
            time.sleep(_LOOK_EVERY_S)
            status = experiments.status(experiment_id)
            with contextlib.suppress(OSError):  # a terminal that is gone ends no run
                bar.set_description_str(f"{status.done} of {status.total} runs", refresh=False)
                bar.update(status.fraction - bar.n)


def _write_episodes(path: Path, status: ExperimentStatus, manager: RunManager) -> None:
    """Every episode of every run, with the fields that vary and the seed before the log's own columns."""
    from dqn_core.training.csv_log import csv_text, episode_rows

    fields = (*status.record.spec.fields, "seed")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_text([[f"config_{name}" for name in fields] + list(EPISODE_COLUMNS)]))
        for run in status.runs:
            settings = [run.initial_config.value(name) for name in fields]
            file.write(csv_text(settings + row for row in episode_rows(manager.store.episodes(run.run_id))))


def _report(status: ExperimentStatus, out: Path) -> dict[str, Any]:
    fields = status.record.spec.fields
    runs = [
        {"run_id": run.run_id}
        | {name: run.initial_config.value(name) for name in (*fields, "seed")}
        | {
            "reason": run.reason,
            "episodes": run.episodes,
            "env_steps": run.env_steps,
            "wall_s": round(run.wall_time_s, 3),
            "best_eval": run.best_eval,
        }
        for run in status.runs
    ]
    return {"experiment_id": status.record.experiment_id, "out": str(out), "runs": runs}
