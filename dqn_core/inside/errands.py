"""Long measurements in processes of their own, one at a time for a run, whose progress any page may look at."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Errand", "Errands"]

_TAIL = 600
"""Characters of a failed measurement's last words that are kept."""
_MOST = 2
"""Measurements at work in all; they are niced, and a machine may have two cores."""


class Errand:
    """One measurement on its way."""

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        self.done = 0
        self.total = 0
        """Episodes in all; 0 before it is known."""
        self.failure = ""
        """Its last words where it failed."""
        command = [sys.executable, "-m", "dqn_core.inside.measure", str(folder.resolve()), *arguments]
        self._process = subprocess.Popen(  # noqa: S603  our own module and checked values
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self._thread = threading.Thread(target=self._follow, name=f"measure-{folder.name}", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether its result is there, or it failed."""
        return not self._thread.is_alive()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; whether it came."""
        self._thread.join(timeout_s)
        return self.is_over

    def cancel(self) -> None:
        """End it without a result."""
        self._process.kill()

    def _follow(self) -> None:
        process = self._process
        with process:
            assert process.stdout is not None  # noqa: S101  pipes, as asked for above
            assert process.stderr is not None  # noqa: S101
            for line in process.stdout:
                done, _, total = line.strip().partition("/")
                if done.isdecimal() and total.isdecimal():
                    self.done, self.total = int(done), int(total)
            words = process.stderr.read()
        if process.returncode > 0:
            self.failure = words.strip()[-_TAIL:]


class Errands:
    """The measurements of a server by run folder; any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[Path, Errand] = {}

    def start(self, folder: Path, *, episodes: int, moments: int) -> Errand | None:
        """Measure the run in ``folder``, or go on with it where that is on its way; None where too many are."""
        with self._lock:
            going = {path: errand for path, errand in self._latest.items() if not errand.is_over}
            if folder in going:
                return going[folder]
            if len(going) >= _MOST:
                return None
            arguments = ["--episodes", str(int(episodes)), "--moments", str(int(moments))]
            self._latest = going | {folder: Errand(folder, arguments)}
            return self._latest[folder]

    def latest(self, folder: Path) -> Errand | None:
        """The run's measurement that is on its way or was made last; None where there was none lately."""
        with self._lock:
            return self._latest.get(folder)

    def close(self) -> None:
        """End whatever is on its way."""
        with self._lock:
            errands, self._latest = list(self._latest.values()), {}
        for errand in errands:
            errand.cancel()
            errand.join(timeout_s=2.0)
