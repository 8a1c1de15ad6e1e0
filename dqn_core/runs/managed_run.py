"""One run of this server: its feed, its thread, and what was last asked of it."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, FieldProblem, RunStateError, mark
from dqn_core.events import Pause, Resume, RunState, SetHyperparameter, SetPace, Step, Stop, TakeCheckpoint, Watch
from dqn_core.runs.executors.thread import Mailbox, RunThread
from dqn_core.runs.live_feed import LiveFeed

__all__ = ["ManagedRun"]

_BETWEEN_WATCHES_S = 0.5


class ManagedRun:
    """Passes commands on to a run's trainer; any thread may call any method.

    A command that makes no sense in the run's present state raises :class:`~dqn_core.errors.RunStateError`.
    """

    def __init__(self, feed: LiveFeed, mailbox: Mailbox, thread: RunThread) -> None:
        self.feed = feed
        self.mailbox = mailbox
        self.thread = thread
        self.wanted_config = feed.record().config
        """The config with the live changes that are on their way to the trainer."""
        self.pace: float | None = None
        self._lock = threading.Lock()
        self._is_pause_wanted = False
        self._next_watch_at = -math.inf

    @property
    def is_active(self) -> bool:
        """Whether the run is not over."""
        return self.feed.state.is_active

    def pause(self) -> None:
        """Stand still before the next env step; nothing happens where it does already."""
        with self._lock:
            self._is_pause_wanted = True
            self.mailbox.put(Pause())

    def resume(self) -> None:
        """Go on after a pause."""
        with self._lock:
            if not self._is_pause_wanted and self.feed.state is not RunState.PAUSED:
                template = mark("The run is {state}, not paused: there is nothing to resume.")
                raise RunStateError(template, state=self.feed.state)
            self._is_pause_wanted = False
            self.mailbox.put(Resume())

    def step(self) -> None:
        """Take one env step, then stand still again."""
        with self._lock:
            if not self._is_pause_wanted:
                raise RunStateError(mark("The run is {state}: pause it to take single steps."), state=self.feed.state)
            self.mailbox.put(Step())

    def stop(self, interruption: str = "") -> None:
        """End the run, keeping everything; with an ``interruption`` (a message template), it counts as interrupted."""
        self.mailbox.put(Stop(interruption))

    def take_checkpoint(self) -> None:
        """Have a checkpoint written before the next env step."""
        self.mailbox.put(TakeCheckpoint())

    def set_pace(self, steps_per_s: float | None) -> None:
        """Take at most ``steps_per_s`` env steps a second; None for full speed."""
        if steps_per_s is not None and not (math.isfinite(steps_per_s) and steps_per_s > 0.0):
            problem = mark("must be a number above 0 (env steps a second), or none for full speed")
            raise ConfigError((FieldProblem("pace", steps_per_s, problem, {}),))
        with self._lock:
            self.pace = steps_per_s
            self.mailbox.put(SetPace(steps_per_s))

    def watch(self, seconds: float) -> None:
        """Make frames for the next ``seconds``; asked for again and again by whoever looks on."""
        with self._lock:
            now = time.monotonic()
            if not self.feed.is_over and now >= self._next_watch_at:
                self._next_watch_at = now + _BETWEEN_WATCHES_S  # a thousand viewers fill no mailbox
                self.mailbox.put(Watch(seconds))

    def change(self, field: str, value: Any) -> TrainingConfig:
        """Change one hyperparameter; returns the config that the run will have."""
        with self._lock:
            wanted = self.wanted_config.changed_live(field, value)
            if wanted != self.wanted_config:
                self.mailbox.put(SetHyperparameter(field, getattr(wanted, field)))
                self.wanted_config = wanted
            return wanted
