"""``docs/results.md``, made whole from the kept results of the learning study."""

from __future__ import annotations

import json
import statistics
from itertools import groupby
from pathlib import Path
from typing import Any

__all__ = ["write_results_page"]

PAGE = Path(__file__).parent.parent / "docs" / "results.md"

_HEAD = """# Results

Made by `make results` (`python -m benchmarks.learning --presets lab8 fast`), which writes this page from the files in
`benchmarks/results/learning/`. Training used no result of the seeds shown here to choose a setting of `lab8`, which is
the lab's own; the settings of `fast` were chosen on seeds 100 to 104. "20 episodes" and "100 episodes" are greedy
episodes with the weights of the best evaluation, on reset seeds 10000, 10001, ..., which no training saw. Env steps
include the warm-up; evaluation steps are not counted. The wall time is the whole run, start-up and evaluations
included.

## Beside the lab

The lab's report (Keras, one run each): CartPole-v1 366 episodes, 53,192 env steps, 1 h 23 min, mean of 20 episodes
483.25; LunarLander 77 episodes, 40,249 env steps, 1 h 4 min, mean of 20 episodes 127.2.

One run says little: with the same settings some seeds reach the goal and others do not learn at all, as the tables of
`lab8` show. Its goal also asks for three good evaluation episodes only, so a run can end before its agent is good.
"""

_COLUMNS = (
    "| seed | reason | episodes | env steps | updates | best evaluation | 20 episodes | 100 episodes | wall time |",
    "|---:|---|---:|---:|---:|---:|---:|---:|---:|",
)


def write_results_page(results: Path) -> None:
    """Write the page from every ``*.json`` in ``results``."""
    rows = sorted(
        (json.loads(path.read_text(encoding="utf-8")) for path in results.glob("*.json")),
        key=lambda row: (row["env"], row["preset"] != "lab8", row["preset"], row["seed"]),
    )
    parts = [_HEAD]
    for (env_id, preset), group in groupby(rows, key=lambda row: (row["env"], row["preset"])):
        parts.append(_section(env_id, preset, list(group)))
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _section(env_id: str, preset: str, rows: list[dict[str, Any]]) -> str:
    lines = [
        f"## {env_id}, `{preset}`",
        "",
        *_COLUMNS,
        *map(_row, rows),
        "",
        _summary(rows),
        "",
    ]
    return "\n".join(lines)


def _summary(rows: list[dict[str, Any]]) -> str:
    means = [_mean(row["returns"]) for row in rows]
    spread = f" ± {statistics.stdev(means):.1f}" if len(means) > 1 else ""
    machines = ", ".join(sorted({f"{row['machine']}, compute {row['compute']}" for row in rows}))
    solved = sum(row["solved"] for row in rows)
    return (
        f"Over {len(rows)} seeds: mean of 100 episodes {statistics.mean(means):.1f}{spread} (standard deviation of the "
        f"seeds' means); the run's own goal was reached and confirmed on {solved} of {len(rows)}. "
        f"Measured on {machines}."
    )


def _row(row: dict[str, Any]) -> str:
    returns, best = row["returns"], row["best_eval"]
    cells = (
        row["seed"],
        row["reason"].replace("_", " "),
        row["episodes"],
        f"{row['env_steps']:,}",
        f"{row['updates']:,}",
        "-" if best is None else f"{best:.1f}",
        f"{_mean(returns[:20]):.1f}",
        f"{_mean(returns):.1f}",
        f"{row['wall_s']:.1f} s",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _mean(values: list[float]) -> float:
    return statistics.fmean(values)
