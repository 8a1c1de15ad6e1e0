"""A server with endless runs, for measuring its memory: says its address and its runs, as JSON, and goes on.

python -m benchmarks.soak_server FOLDER ENV_ID RUNS    until it is interrupted, or its standard input ends
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time

import uvicorn

__all__ = ["main"]

_ENDLESS = 10_000_000
_LOOK_EVERY_S = 0.2


def main(folder: str, env_id: str, runs: str) -> None:
    """Serve the app over the data in ``folder``, with so many runs."""
    os.environ |= {"DQN_LAB_DATA": folder, "DQN_LAB_MAX_ACTIVE_RUNS": runs}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config("app:app", log_level="warning", access_log=False, ws_per_message_deflate=False)
        server = uvicorn.Server(config)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=_begin, args=(server, url, env_id, int(runs)), daemon=True).start()
        server.run(sockets=[listener])


def _begin(server: uvicorn.Server, url: str, env_id: str, count: int) -> None:
    from dqn_core.presets import preset_config
    from pages.server.process import get_manager

    while not server.started:
        time.sleep(_LOOK_EVERY_S)
    manager = get_manager()
    config = preset_config(env_id, "fast").replace(max_episodes=_ENDLESS, max_env_steps=None, goal_score=None)
    run_ids = [manager.start(config.replace(seed=seed)) for seed in range(count)]
    while not all(manager.snapshot(run_id).record.env_steps for run_id in run_ids):
        time.sleep(_LOOK_EVERY_S)
    print(json.dumps({"url": url, "runs": run_ids}), flush=True)
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    main(*sys.argv[1:])
