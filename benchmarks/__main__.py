"""All benchmarks of speed: measures, keeps the results as JSON, and writes ``docs/performance.md`` from them.

python -m benchmarks                       everything, about half an hour; close other programs
python -m benchmarks --only loop lab       these parts anew; the others' results stay
python -m benchmarks --quick               everything in little, into test-output/, to see that it works
python -m benchmarks --only soak --soak-minutes 3    the server's memory over another time than ten minutes
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from benchmarks import (
    speed_class,
    speed_dashboard,
    speed_episodes,
    speed_frames,
    speed_lab,
    speed_loop,
    speed_memory,
    speed_newcomer,
    speed_parts,
    speed_processes,
    speed_replay,
    speed_soak,
    speed_update,
)
from benchmarks.machine import machine_summary, package_versions
from benchmarks.performance_page import performance_page
from benchmarks.sizes import FULL, QUICK, Sizes
from dqn_core.algorithm.devices import device_summary

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
QUICK_FOLDER = ROOT / "test-output"
_QUIET_LOAD = 0.5

Part = Literal[
    "loop",
    "lab",
    "update",
    "replay",
    "episodes",
    "parts",
    "memory",
    "processes",
    "frames",
    "newcomer",
    "dashboard",
    "class",
    "soak",
]
PARTS: dict[Part, Callable[[Sizes], dict[str, Any]]] = {
    "loop": speed_loop.measure,
    "lab": speed_lab.measure,
    "update": speed_update.measure,
    "replay": speed_replay.measure,
    "episodes": speed_episodes.measure,
    "parts": speed_parts.measure,
    "memory": speed_memory.measure,
    "processes": speed_processes.measure,
    "frames": speed_frames.measure,
    "newcomer": speed_newcomer.measure,
    "dashboard": speed_dashboard.measure,
    "class": speed_class.measure,
    "soak": speed_soak.measure,
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    only: tuple[Part, ...] = tuple(PARTS)
    """Parts to measure anew."""
    quick: bool = False
    """Measure in little, for a look; nothing that is kept changes."""
    soak_minutes: float | None = None
    """Minutes of the soak; ten if not given."""

    @property
    def sizes(self) -> Sizes:
        """How much is measured."""
        sizes = QUICK if self.quick else FULL
        return sizes if self.soak_minutes is None else replace(sizes, soak_s=60.0 * self.soak_minutes)


def measure_part(part: Part, sizes: Sizes) -> dict[str, Any]:
    """The part's result, with where and how it came about."""
    load, started_at = os.getloadavg()[0], time.perf_counter()
    measured = PARTS[part](sizes)
    return {
        "machine": machine_summary(),
        "device": device_summary(),
        "packages": package_versions(),
        "command": f"python -m benchmarks --only {part}",
        "load_before": round(load, 2),
        "took_s": round(time.perf_counter() - started_at, 1),
        "measured": measured,
    }


def main(options: Options) -> None:
    """Measure the parts wanted, each kept as soon as it is there."""
    if (load := os.getloadavg()[0]) > _QUIET_LOAD:
        print(f"Other programs are at work here (load {load:.1f}): the times will say less.")
    results_path, page_path = (
        (QUICK_FOLDER / "performance.json", QUICK_FOLDER / "performance.md") if options.quick else (RESULTS, PAGE)
    )
    results_path.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(results_path.read_text("utf-8")) if results_path.exists() else {}
    for part in options.only:
        print(f"{part} ... ", end="", flush=True)
        results[part] = measure_part(part, options.sizes)
        skipped = results[part]["measured"].get("skipped", "")
        print(f"skipped: {skipped}" if skipped else f"{results[part]['took_s']:.0f} s", flush=True)
        results_path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        page_path.write_text(performance_page(results), encoding="utf-8")
    print(f"Written: {page_path.relative_to(ROOT)}, {results_path.relative_to(ROOT)}")


if __name__ == "__main__":
    main(tyro.cli(Options, prog="python -m benchmarks"))
