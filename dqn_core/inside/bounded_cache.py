"""Results kept in memory up to a bound; what was not asked for the longest goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

__all__ = ["BoundedCache"]

Value = TypeVar("Value")


class BoundedCache:
    """Holds results by key, at most ``max_bytes`` of them in all; any thread may ask."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """The result for ``key``, made now where it is not kept; ``size`` gives its bytes.

        Two threads that ask at once may both make it: nobody waits for another's work. A result larger than all the
        room is made, and not kept.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast("Value", self._kept[key][0])
        made = make()
        n_bytes = size(made)
        with self._lock:
            if n_bytes <= self._max_bytes:
                self._kept[key] = (made, n_bytes)
                self._kept.move_to_end(key)
            while sum(each for _, each in self._kept.values()) > self._max_bytes:
                self._kept.popitem(last=False)
        return made

    @property
    def n_bytes(self) -> int:
        """What the kept results take."""
        with self._lock:
            return sum(each for _, each in self._kept.values())
