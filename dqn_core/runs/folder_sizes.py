"""How much the runs' folders take on disk, without walking through all of them again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dqn_core.runs.removal import folder_bytes

__all__ = ["FolderSizes"]

_LASTS_S = 10.0


@dataclass
class _Known:
    size: int
    dates: dict[Path, int]
    """Date of change of each folder in it: one in which a file is replaced, made or removed has another."""
    good_until: float = -math.inf


class FolderSizes:
    """Sizes in bytes by folder, looked at each ten seconds; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def of(self, folder: Path) -> int:
        """Bytes of all files in ``folder``; 0 where there is none."""
        known, now = self._known.get(folder.name), self._clock()
        if known is not None and now < known.good_until:
            return known.size
        if known is None or any(_date(each) != date for each, date in known.dates.items()):
            known = _Known(folder_bytes(folder), _dates(folder))
            self._known[folder.name] = known
        known.good_until = now + _LASTS_S
        return known.size

    def forget(self, name: str) -> None:
        """The folder of that name is gone."""
        self._known.pop(name, None)


def _dates(folder: Path) -> dict[Path, int]:
    folders = [folder, *(each for each in folder.rglob("*") if each.is_dir())]
    return {each: _date(each) for each in folders}


def _date(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
