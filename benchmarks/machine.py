"""The machine that a figure was measured on, in a line."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["machine_summary"]


def machine_summary() -> str:
    """Processor, cores and Python version."""
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
