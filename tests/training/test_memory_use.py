"""The memory that is told before a run is the memory that it takes, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import memory_use

_SCRIPT = Path(memory_use.__file__)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("env_id", "states", "network", "compute"),
    [
        ("MinAtar/Breakout-v1", 100_000, "auto", "fused"),  # an episode of random play is ten steps long
        ("MinAtar/Breakout-v1", 10_000, "dense", "fused"),
        (memory_use.STACKS, 6_000, "auto", "torch-cpu"),
        ("CartPole-v1", 300_000, "auto", "fused"),
    ],
)
def test_a_run_takes_what_was_told(env_id: str, states: int, network: str, compute: str) -> None:
    root = Path(__file__).parents[2]
    measured = subprocess.run(
        [sys.executable, _SCRIPT, env_id, str(states), network, compute],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        check=True,
        text=True,
    )
    told = json.loads(measured.stdout.splitlines()[-1])
    assert told["replay"] > 10_000_000
    assert told["grown"] == pytest.approx(told["replay"], rel=0.1)
    assert told["most"] < told["run"]
