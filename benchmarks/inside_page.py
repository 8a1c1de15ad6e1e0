"""What looking into an agent costs the training that it looks at.

    python -m benchmarks.inside_page [--quick]

prints one JSON object. One endless run trains in a thread of this very process, as it does in the server. Its rate is
taken over windows, in turns: without anybody, and with a part of the page opened at the window's beginning. The page's
script runs as in the server, fresh checkpoint included; only the browser is missing.

Beside it stands the processor time of one opening, taken while the run is paused. Training can lose no more than
that, whatever else the machine does meanwhile.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measuring import interleaved, ratios, summary
from dqn_core.cli.bench import speed_config
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager

__all__ = ["measure"]

WANTED_SHARE = 0.95
"""Of the rate without anybody, what is left with the page opened once in a window."""
_MANY_STEPS = 1_000_000_000
_LOOK_EVERY_S = 0.02
_BEFORE_S = 5.0
"""Snapshots are taken, and the memory fills."""
_PARTS = ("environment", "network", "update", "landscape", "memory", "overestimation")


def measure(*, window_s: float = 10.0, repetitions: int = 5, env_id: str = "CartPole-v1") -> dict[str, Any]:
    """Env steps a second, and the share of the rate without anybody that each part leaves."""
    import pages.server.process
    from pages.warm_up import WarmUp

    logging.disable(logging.WARNING)  # Streamlit's, about a script without a server
    warm_up = WarmUp()  # as the server does at its start
    warm_up.start()
    warm_up.wait()
    with tempfile.TemporaryDirectory() as folder:
        manager = RunManager(Path(folder), executor="thread")
        pages.server.process._managers.append(manager)  # noqa: SLF001  the pages' own, without the server around it
        try:
            run_id = manager.start(speed_config(env_id, _MANY_STEPS, seed=0, compute="fused"))
            time.sleep(_BEFORE_S)
            for part in _PARTS:
                _open(run_id, part)  # imports, and compiles what is not compiled yet
            contenders: dict[str, Callable[[], float]] = {"nobody": lambda: _rate(manager, run_id, window_s, None)}
            for part in _PARTS:
                contenders[part] = partial(_rate, manager, run_id, window_s, part)
            values = interleaved(contenders, repetitions)
            cpu_ms = _cpu_ms(manager, run_id, repetitions)
        finally:
            pages.server.process.close_manager()
    return {
        "env": env_id,
        "window_s": window_s,
        "steps_per_s": {name: summary(each) for name, each in values.items()},
        "share": {part: summary(ratios(values, part, "nobody")) for part in _PARTS},
        "wanted_share": WANTED_SHARE,
        "cpu_ms": {part: summary(each) for part, each in cpu_ms.items()},
        "share_at_least": {part: 1 - statistics.median(each) / 1e3 / window_s for part, each in cpu_ms.items()},
    }


def _rate(manager: RunManager, run_id: str, window_s: float, part: str | None) -> float:
    """Env steps a second over a window at whose beginning somebody opens ``part`` of the page."""
    steps, began = manager.snapshot(run_id).record.env_steps, time.perf_counter()
    if part is not None:
        _open(run_id, part)
    time.sleep(max(0.0, window_s - (time.perf_counter() - began)))
    return (manager.snapshot(run_id).record.env_steps - steps) / (time.perf_counter() - began)


def _cpu_ms(manager: RunManager, run_id: str, repetitions: int) -> dict[str, list[float]]:
    """Milliseconds of processor time that opening each part takes, checkpoint included."""
    manager.pause(run_id)
    while manager.snapshot(run_id).record.state is not RunState.PAUSED:
        time.sleep(_LOOK_EVERY_S)
    taken: dict[str, list[float]] = {part: [] for part in _PARTS}
    for _ in range(repetitions):
        for part in _PARTS:
            began = time.process_time()
            _open(run_id, part)
            taken[part].append(1e3 * (time.process_time() - began))
    return taken


def _open(run_id: str, part: str) -> None:
    """Open ``part`` of the page in a new tab, as the server does for a browser."""
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    import pages.server.process

    navigation = Path(pages.__file__).with_name("navigation.py")
    app = AppTest.from_file(str(navigation), default_timeout=60)
    app.query_params["run"] = run_id
    app.query_params["part"] = part
    app._page_hash = calc_hash("inside")  # noqa: SLF001  before its first run, it finds pages by their file's name
    app.run()
    if app.exception:
        raise RuntimeError(app.exception[0].message)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round: whether it works, not what it costs")
    quick = parser.parse_args().quick
    result = measure(window_s=2.0, repetitions=1) if quick else measure()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
