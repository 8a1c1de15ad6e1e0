"""The machine that a figure was measured on, in a line, and what was installed there."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

from scripts.find_chromium import NoChromiumError, find_chromium

__all__ = ["browser_or_reason", "machine_summary", "missing_packages", "package_versions"]

_PACKAGES = ("torch", "numba", "numpy", "gymnasium", "stable-baselines3", "streamlit")


def machine_summary() -> str:
    """Processor, cores and Python version."""
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def package_versions() -> dict[str, str]:
    """Versions of the packages that speed depends on, those that are installed."""
    return {name: version for name in _PACKAGES if (version := _version(name))}


def missing_packages(*names: str) -> str:
    """What is not installed of ``names``, and what installs it; empty where nothing is missing."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return f"{' and '.join(missing)} not installed: pip install -r requirements-dev.txt" if missing else ""


def browser_or_reason() -> tuple[Path | None, str]:
    """The Chromium to measure with; None, and why there is none or nothing to drive it with."""
    if missing := missing_packages("playwright", "httpx"):
        return None, missing
    try:
        return find_chromium(), ""
    except NoChromiumError as error:
        return None, str(error).partition("\n")[0]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
