"""A worker's events on their way out: gathered for a moment, so that pickling costs little, and never lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from dqn_core.algorithm.compute import KnownRates
from dqn_core.errors import DqnLabError
from dqn_core.events import EpisodeEnded, EpisodeRecorded, Event, Frame, Progress, WeightsReady

__all__ = ["Measured", "Message", "Outbox"]


@dataclass(frozen=True)
class Measured:
    """The learners' speed for this run's network, which nobody has to measure again."""

    rates: KnownRates


Message = Event | Measured | DqnLabError
"""What a worker sends: events, and as the last an error where its trainer could not even tell of it by an event."""

_CAN_WAIT = (EpisodeEnded, EpisodeRecorded, Frame, Progress, WeightsReady)
"""Anything else is news that somebody waits for, and goes at once."""


class Outbox:
    """Between a trainer, which puts messages in, and the thread that sends them.

    A server that is slow for a while delays nobody: messages wait here. Where more than ``most_waiting`` have gathered
    (minutes of an ordinary run), the trainer waits with them, so that memory stays bounded and nothing is lost.

    Parameters
    ----------
    gather_s
        Seconds that an ordinary message waits for others to come along.
    most_waiting, most_at_once
        Messages that may wait, and messages of one batch.
    """

    def __init__(self, *, gather_s: float = 0.02, most_waiting: int = 10_000, most_at_once: int = 1_000) -> None:
        self._gather_s = gather_s
        self._most_waiting = most_waiting
        self._most_at_once = most_at_once
        self._waiting: list[Message] = []
        self._is_urgent = False
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, message: Message) -> None:
        """Hand ``message`` over; blocks only while the outbox is full."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < self._most_waiting)
            self._waiting.append(message)
            is_news = not isinstance(message, _CAN_WAIT)
            self._is_urgent = self._is_urgent or is_news
            if is_news or len(self._waiting) == 1:  # who gathers already needs no waking for each one more
                self._changed.notify_all()

    def take(self) -> list[Message]:
        """The next batch, in order; waits for it. Empty once the outbox is closed and everything is taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._changed.wait_for(lambda: self._is_urgent or self._is_closed, self._gather_s)
            batch = self._waiting[: self._most_at_once]
            del self._waiting[: self._most_at_once]
            self._is_urgent = bool(self._waiting)
            self._changed.notify_all()
            return batch

    def close(self) -> None:
        """Nothing more will be put in."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
