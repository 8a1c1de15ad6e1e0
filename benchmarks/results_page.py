"""``docs/results.md`` and its picture, made whole from the kept results of the learning study."""

from __future__ import annotations

import json
import statistics
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.results_goals import goals_table
from benchmarks.results_picture import learning_curves_svg
from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError
from dqn_core.presets import preset_config

__all__ = ["VERSION", "is_current", "write_results_page"]

VERSION = 1
"""Raise it when the same config and seed come to learn something else: then all kept results are of the past."""

DOCS = Path(__file__).parent.parent / "docs"
_ORDER = ("CartPole-v1", "LunarLander-v3", "Acrobot-v1", "MountainCar-v0")
_PRESETS = ("lab8", "fast", "strong")

_HEAD = """# Results

Made by `make results` (`python -m benchmarks.learning`), which writes this page and its picture from the files in
`benchmarks/results/learning/`. Seeds 0 to 9 are reported and none is left out; settings were chosen on seeds from 100
on (`lab8` has the lab's own). "100 episodes" are greedy episodes with the weights that the run itself chose, those of
its best evaluation, on reset seeds 10000, 10001, ..., which no training and no choice of weights saw. Rewards are the
environments' own. Env steps include the warm-up; those of evaluations are not counted, as in the references. The wall
time is the whole run, start-up and evaluations included. "Goal" is the first evaluation to reach 475 (CartPole), 200
(LunarLander), -100 (Acrobot) or -110 (MountainCar).

![Evaluation return over env steps](pictures/results.svg)

Mean over the seeds, and the range from the worst to the best of them. The lowest 2 % of all evaluations lie on the
edge.
"""

_COLUMNS = (
    "| seed | reason | episodes | env steps | updates | best eval. | 20 episodes | 100 episodes | goal | wall time |",
    "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
)


def write_results_page(results: Path) -> None:
    """Write the page and its picture from every ``*.json`` in ``results`` that is current."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in results.glob("*.json")]
    rows = sorted(filter(is_current, kept), key=_place)
    groups = {key: list(group) for key, group in groupby(rows, key=lambda row: (row["env"], row["preset"]))}
    (DOCS / "pictures" / "results.svg").write_text(learning_curves_svg(groups), encoding="utf-8")
    sections = [_section(env_id, preset, group) for (env_id, preset), group in groups.items()]
    (DOCS / "results.md").write_text("\n".join([_HEAD, goals_table(groups), *sections]), encoding="utf-8")


def is_current(row: dict[str, Any]) -> bool:
    """Whether a kept result is of its preset as it is now, and of this version."""
    try:
        config = TrainingConfig.from_dict(row["config"])
    except ConfigError:  # of a version whose fields are no more
        return False
    return row.get("version") == VERSION and config == preset_config(row["env"], row["preset"]).replace(
        seed=row["seed"]
    )


def _place(row: dict[str, Any]) -> tuple[int, int, int]:
    return _ORDER.index(row["env"]), _PRESETS.index(row["preset"]), row["seed"]


def _section(env_id: str, preset: str, rows: list[dict[str, Any]]) -> str:
    return "\n".join([f"## {env_id}, `{preset}`", "", *_COLUMNS, *map(_row, rows), "", _summary(rows), ""])


def _summary(rows: list[dict[str, Any]]) -> str:
    means = [statistics.fmean(row["returns"]) for row in rows]
    spread = f" ± {statistics.stdev(means):.1f}" if len(means) > 1 else ""
    machines = ", ".join(sorted({f"{row['machine']}, compute {row['compute']}" for row in rows}))
    solved = sum(row["solved"] for row in rows)
    return (
        f"Over {len(rows)} seeds: mean of 100 episodes {statistics.mean(means):.1f}{spread} (standard deviation of the "
        f"seeds' means); the run's own goal was reached and confirmed on {solved} of {len(rows)}. "
        f"Measured on {machines}."
    )


def _row(row: dict[str, Any]) -> str:
    returns, best, goal = row["returns"], row["best_eval"], row.get("goal")
    cells = (
        row["seed"],
        row["reason"].replace("_", " "),
        row["episodes"],
        f"{row['env_steps']:,}",
        f"{row['updates']:,}",
        "-" if best is None else f"{best:.1f}",
        f"{statistics.fmean(returns[:20]):.1f}",
        f"{statistics.fmean(returns):.1f}",
        f"{goal['env_steps']:,} steps, {goal['wall_s']:.1f} s" if goal else "-",
        f"{row['wall_s']:.1f} s",
    )
    return "| " + " | ".join(map(str, cells)) + " |"
