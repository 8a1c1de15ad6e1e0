"""Servers that are made to be killed: each is born in a moment, as a fork of a process that has imported everything.

    python doomed_server.py DATA_DIR

reads a line for each server wanted. The server prints lines of JSON: its process id, then, again and again, what a
viewer of its runs has seen by now. Once it is dead, ``{"dead": true}`` follows.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from dqn_core.algorithm.compute import make_learner
from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from dqn_core.training import trainer  # noqa: F401  imported once, for all servers
from trainer_runs import short_config

PACES = (1_500.0, 4_000.0, None)
"""Env steps a second of each run that trains; None for full speed. One more run waits for its turn."""
_BETWEEN_LOOKS_S = 0.01
_LOOKS_BETWEEN_CHECKPOINTS = 2


def config(number: int) -> TrainingConfig:
    """What the run with that number trains."""
    return short_config(compute="fused", max_episodes=1_000_000, epsilon_schedule="linear_steps", seed=number)


class _Server:
    def __init__(self, data_dir: Path) -> None:
        self._manager = RunManager(data_dir, executor="thread", max_active_runs=len(PACES))
        self._runs = sorted(record.run_id for record in self._manager.list_runs())
        for run_id in self._runs:
            self._manager.go_on(run_id)
        self._runs = self._runs or [self._manager.start(config(number)) for number in range(len(PACES) + 1)]
        for run_id, pace in zip(self._runs, PACES, strict=False):
            self._manager.set_pace(run_id, pace)

    def live(self) -> None:
        """Show the runs to a viewer and have them leave checkpoints, until somebody puts an end to it."""
        look = 0
        while True:
            _say({"seen_at": time.monotonic(), "runs": {run_id: self._seen(run_id) for run_id in self._runs}})
            if look % _LOOKS_BETWEEN_CHECKPOINTS == 0:
                self._leave_checkpoint(self._runs[look // _LOOKS_BETWEEN_CHECKPOINTS % len(self._runs)])
            look += 1
            time.sleep(_BETWEEN_LOOKS_S)

    def _seen(self, run_id: str) -> dict[str, Any]:
        update = self._manager.view(run_id).read(0, 0, limit=0)
        return {"rows": update.rows_total, "state": update.record.state}

    def _leave_checkpoint(self, run_id: str) -> None:
        if self._manager.snapshot(run_id).record.state is RunState.RUNNING:
            self._manager.pause(run_id)  # a run that is paused leaves one
            self._manager.resume(run_id)


def main(data_dir: Path) -> None:
    make_learner(config(0), 4, 2, np.random.default_rng(0))
    for _line in sys.stdin:
        server = os.fork()
        if server == 0:
            _say({"pid": os.getpid()})
            _Server(data_dir).live()
        os.waitpid(server, 0)
        _say({"dead": True})


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")  # in one piece, or not at all


if __name__ == "__main__":
    main(Path(sys.argv[1]))
