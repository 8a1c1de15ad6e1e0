"""Peak memory by part, each in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.memory_probe import PROBES
from benchmarks.rivals import has_stable_baselines
from benchmarks.sizes import Sizes

__all__ = ["measure"]

ROOT = Path(__file__).resolve().parents[1]


def measure(sizes: Sizes) -> dict[str, Any]:
    """Peak bytes by probe, and the counts that they were given."""
    counts = dict.fromkeys(PROBES, sizes.trial_steps) | {
        "replay_4": sizes.many_rows,
        "replay_8": sizes.many_rows,
        "episodes": sizes.episodes,
    }
    names = [name for name in PROBES if name != "sb3" or has_stable_baselines()]
    return {name: {"count": counts[name], "bytes": _peak(name, counts[name])} for name in names}


def _peak(name: str, count: int) -> int:
    command = [sys.executable, "-m", "benchmarks.memory_probe", name, str(count)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise RuntimeError(answer.stderr)
    return int(answer.stdout.split()[-1])
