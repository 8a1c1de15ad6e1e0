"""Warm processes are told from cold ones by nothing but the time that they take."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from warm_python import IS_POSSIBLE, WarmPopen

pytestmark = pytest.mark.skipif(not IS_POSSIBLE, reason="forks are for Linux alone")

_STATE = """
import json, os, signal, sys, threading
print("a line for errors", file=sys.stderr)
print(json.dumps({
    "arguments": sys.argv,
    "folder": os.getcwd(),
    "environment": {name: value for name, value in os.environ.items() if name != "WARM_PYTHON"},
    "path": sys.path,
    "name": __name__,
    "threads": threading.active_count(),
    "open": sorted(os.listdir("/proc/self/fd"))[:3],
    "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "input": sys.stdin.read(),
    "is_alone": os.getsid(0) == os.getpid(),
}))
sys.exit(3)
"""


@pytest.mark.parametrize("is_module", [False, True])
@pytest.mark.parametrize("is_alone", [False, True])
def test_a_warm_process_is_in_the_state_of_a_fresh_one(tmp_path: Path, *, is_module: bool, is_alone: bool) -> None:
    (tmp_path / "state_of_a_process.py").write_text(_STATE)
    command = ["-m", "state_of_a_process"] if is_module else ["-c", _STATE]
    found: list[Any] = []
    for popen in (subprocess.Popen, WarmPopen):
        process = popen(
            [sys.executable, *command, "first", "--second"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{tmp_path / 'a'}:{tmp_path / 'b'}", "OF_THIS_TEST": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=is_alone,
            text=True,
        )
        said, wrong = process.communicate("what it is told")
        found.append((process.returncode, wrong, json.loads(said)))
    cold, warm = found
    assert warm == cold
    assert (cold[0], cold[2]["input"], cold[2]["is_alone"]) == (3, "what it is told", is_alone)


@pytest.mark.parametrize(
    ("program", "status", "last_line"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit('bye')", 1, "bye"),
        ("raise ValueError('no')", 1, "ValueError: no"),
        ("import os; os._exit(7)", 7, ""),
        ("import atexit; atexit.register(lambda: __import__('os').write(2, b'at its end'))", 0, "at its end"),
        (f"import os; os.kill(os.getpid(), {signal.SIGKILL})", -signal.SIGKILL, ""),
        (f"import os; os.kill(os.getpid(), {signal.SIGTERM})", -signal.SIGTERM, ""),
    ],
)
def test_it_ends_as_a_fresh_one(program: str, status: int, last_line: str) -> None:
    for popen in (subprocess.Popen, WarmPopen):
        process = popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
        _, said = process.communicate()
        assert (process.returncode, said.strip().rpartition("\n")[2]) == (status, last_line), popen


def test_it_is_waited_for_and_ended() -> None:
    process = WarmPopen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.05)
    process.terminate()
    assert process.wait(20) == process.poll() == -signal.SIGTERM


def test_no_two_draw_the_same_numbers() -> None:
    program = "import random, numpy; print(random.random(), numpy.random.random())"
    drawn = {
        WarmPopen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True).communicate()[0] for _ in range(3)
    }
    assert len(drawn) == 3
