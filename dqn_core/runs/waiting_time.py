"""How long runs that wait will wait: an estimate of what was measured on this server, or nothing at all.

A run is taken to last as long as one with the same settings did, whatever its seed; or as long as its limit of env
steps takes at the rate of a run in the same environment, which is an estimate from above. Where neither was measured,
or it depends on a run of which nothing is known, the time is unknown, and said to be.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from dqn_core.config import TrainingConfig

__all__ = ["Durations", "waiting_times"]

_KEPT = 200
"""Settings, and environments, of which a measurement is kept."""
_SHORTEST_S = 0.5
"""A run that trained for less says nothing of the rate."""
_NEWEST = 0.3
"""What the newest run counts in the average."""


class Durations:
    """What runs took on this server; not safe for use by several threads at once."""

    def __init__(self) -> None:
        self._measured: _Latest[TrainingConfig] = _Latest()
        """By settings without the seed: seconds of a whole run, on average over the last few."""
        self._foreseen: _Latest[TrainingConfig] = _Latest()
        """The same, of one that still trains."""
        self._rates: _Latest[str] = _Latest()
        """By environment: env steps a second."""

    def measured(self, config: TrainingConfig) -> float | None:
        """Seconds of whole runs with these settings; None where none has ended."""
        return self._measured.get(_without_seed(config))

    def add(self, config: TrainingConfig, seconds: float) -> None:
        """A run of ``config`` came to its own end after ``seconds`` of training."""
        key = _without_seed(config)
        before = self._measured.get(key)
        self._measured.set(key, seconds if before is None else (1 - _NEWEST) * before + _NEWEST * seconds)

    def foresee(self, config: TrainingConfig, seconds: float) -> None:
        """A run of ``config`` that trains will have trained for ``seconds`` at its limits."""
        self._foreseen.set(_without_seed(config), seconds)

    def add_rate(self, env_id: str, env_steps: int, seconds: float) -> None:
        """A run in ``env_id`` took ``env_steps`` in ``seconds``."""
        if seconds >= _SHORTEST_S and env_steps > 0:
            self._rates.set(env_id, env_steps / seconds)

    def expected(self, config: TrainingConfig, left: float, most_steps: int) -> float | None:
        """Seconds that a run of ``config`` will train; None where nothing is known of it.

        Parameters
        ----------
        left
            Share of the whole run that it still has to do, 0 to 1.
        most_steps
            Env steps that it takes at most from here on; 0 where that is not known.
        """
        key = _without_seed(config)
        for whole in (self._measured.get(key), self._foreseen.get(key)):
            if whole is not None:
                return whole * left
        rate = self._rates.get(config.env_id)
        return None if rate is None or not most_steps else most_steps / rate


@functools.lru_cache(maxsize=1_000)
def _without_seed(config: TrainingConfig) -> TrainingConfig:
    return config.replace(seed=0)


def waiting_times(durations: Sequence[float | None], training: Iterable[float | None], places: int) -> list[float]:
    """Seconds until each of the runs that wait begins, in the order of their turns; infinite where that is unknown.

    Parameters
    ----------
    durations
        How long each of them will train; None where it is not known.
    training
        How long each of those that train still will; None where it is not known.
    places
        How many may train at a time.
    """
    free_at = [math.inf if each is None else each for each in training]
    free_at += [0.0] * (places - len(free_at))
    heapq.heapify(free_at)
    for _ in range(len(free_at) - places):  # a run that went on after a pause leaves no place behind
        heapq.heappop(free_at)
    waits: list[float] = []
    for duration in durations:
        wait = heapq.heappop(free_at)
        waits.append(wait)
        heapq.heappush(free_at, math.inf if duration is None else wait + duration)
    return waits


K = TypeVar("K")


class _Latest(Generic[K]):
    """The latest value of each key, for the keys that were set last."""

    def __init__(self) -> None:
        self._values: OrderedDict[K, float] = OrderedDict()

    def get(self, key: K) -> float | None:
        return self._values.get(key)

    def set(self, key: K, value: float) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > _KEPT:
            self._values.popitem(last=False)
