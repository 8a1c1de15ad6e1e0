"""One of several servers of a laboratory on a PostgreSQL and a cluster, made to be killed.

    python dashboard.py DATA_DIR DATABASE ADDRESS [START]

with START, starts a run. It prints lines of JSON: again and again, what a viewer of all runs has seen by now.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from clustered_server import PACES, config
from dqn_core.runs.manager import RunManager


def main(data_dir: Path, database: str, address: str, *, starts: bool) -> None:
    manager = RunManager(data_dir, database=database, executor="ray", ray_address=address)
    if starts:
        manager.set_pace(manager.start(config(0)), PACES[1])
    while True:
        seen = {}
        for each in manager.list_runs():
            snapshot = manager.snapshot(each.run_id)
            own = manager.feed(each.run_id) is not None
            seen[each.run_id] = {"state": snapshot.record.state, "rows": snapshot.record.episodes, "own": own}
        os.write(1, json.dumps(seen).encode() + b"\n")  # in one piece, or not at all
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], starts=len(sys.argv) > 4)
