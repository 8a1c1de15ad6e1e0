"""A server whose runs train on a cluster, made to be killed.

    python clustered_server.py DATA_DIR ADDRESS

takes up the runs that an earlier one left, or starts two. It prints lines of JSON: again and again, what a viewer of
its runs has seen by now.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from dqn_core.config import TrainingConfig
from dqn_core.runs.manager import RunManager
from trainer_runs import short_config

PACES = (700.0, 2_000.0)
"""Env steps a second."""


def config(number: int) -> TrainingConfig:
    """What the run with that number trains."""
    return short_config(compute="fused", max_episodes=1_000_000, epsilon_schedule="linear_steps", seed=number)


def main(data_dir: Path, address: str) -> None:
    manager = RunManager(data_dir, executor="ray", ray_address=address)
    active = sorted(record.run_id for record in manager.runs_in_memory())
    if not active:
        for number, pace in enumerate(PACES):
            active.append(manager.start(config(number)))
            manager.set_pace(active[-1], pace)
    while True:
        records = [manager.snapshot(run_id).record for run_id in active]
        seen = {record.run_id: {"state": record.state, "rows": record.episodes} for record in records}
        os.write(1, json.dumps(seen).encode() + b"\n")  # in one piece, or not at all
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
