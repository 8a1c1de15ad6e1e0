"""Fair comparisons on a machine that is never quite quiet: rounds, medians, spreads, and ratios round by round."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

__all__ = ["Summary", "interleaved", "microseconds_each", "ratios", "summary"]

Summary = dict[str, float]
"""``median``, ``low`` and ``high`` of ``count`` values."""


def interleaved(contenders: Mapping[str, Callable[[], float]], repetitions: int) -> dict[str, list[float]]:
    """What each contender returned in each round.

    Every round runs all of them, each time beginning with another, so that a slow minute of the machine falls on all.
    """
    names = list(contenders)
    values: dict[str, list[float]] = {name: [] for name in names}
    for round_number in range(repetitions):
        first = round_number % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            values[name].append(contenders[name]())
    return values


def ratios(values: Mapping[str, Sequence[float]], name: str, base: str) -> list[float]:
    """``name``'s value over ``base``'s, round by round."""
    return [own / other for own, other in zip(values[name], values[base], strict=True)]


def summary(values: Sequence[float]) -> Summary:
    """Median and spread."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "count": len(values)}


def microseconds_each(call: Callable[[], object], seconds: float, finish: Callable[[], object] | None = None) -> float:
    """Microseconds of one ``call``, over as many as fill ``seconds``; ``finish`` waits for what calls leave running."""
    calls, elapsed, portion = 0, 0.0, 1
    started_at = time.perf_counter()
    while elapsed < seconds:
        for _ in range(portion):
            call()
        calls += portion
        if finish is not None:
            finish()
        elapsed = time.perf_counter() - started_at
        # The clock is read, and a device waited for, about twenty times in all.
        portion = max(1, int(calls / elapsed * seconds / 20))
    return 1e6 * elapsed / calls
