"""Tasks for jobs' processes, which import them from here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dqn_core.errors import VideoError, mark


@dataclass(frozen=True)
class Say:
    """Comes to ``value``, half way first."""

    value: Any

    def run(self, report: Callable[[float], object]) -> Any:
        report(0.5)
        return self.value, os.getpid(), os.nice(0)

    def clear(self) -> None:
        message = "a task that is done is not cleared"
        raise AssertionError(message)


@dataclass(frozen=True)
class Fail:
    """Fails: as this project does ("known"), as others do ("strange"), by leaving, or by a crash."""

    how: str
    cleared: Path

    def run(self, report: Callable[[float], object]) -> Any:
        if self.how == "known":
            raise VideoError(mark("The video could not be written to {path} ({cause})."), path="here", cause="full")
        if self.how == "leaving":
            raise SystemExit(3)
        if self.how == "crash":
            os._exit(7)
        message = "a motor on fire"
        raise RuntimeError(message)

    def clear(self) -> None:
        self.cleared.write_text("cleared")


@dataclass(frozen=True)
class Wait:
    """Writes its process's id to ``begun``, then goes on until ``end`` is there."""

    begun: Path
    end: Path

    def run(self, report: Callable[[float], object]) -> str:
        report(0.25)
        self.begun.with_suffix(".part").write_text(str(os.getpid()))
        self.begun.with_suffix(".part").rename(self.begun)
        while not self.end.exists():
            time.sleep(0.01)
        return "waited"

    def clear(self) -> None:
        self.begun.unlink(missing_ok=True)
