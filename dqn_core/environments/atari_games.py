"""Registers Atari's games, of the package ale-py, and has them say nothing of themselves in a server's log."""

from __future__ import annotations

from ale_py import ALEInterface, LoggerMode

__all__: list[str] = []

ALEInterface.setLoggerMode(LoggerMode.Error)
