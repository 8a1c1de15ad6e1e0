"""Brings a run's events where they are looked for: the live feed, the database, the run's folder.

A trainer's work is worth more than its log: a full disk or a locked database never ends a run. Rows wait in memory
until a later attempt succeeds, and a notice says what to do meanwhile.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from dqn_core.errors import StoreError, mark
from dqn_core.events import (
    CheckpointReady,
    Event,
    HyperparametersChanged,
    Notice,
    RunEnded,
    RunStarted,
    StateChanged,
    WeightsReady,
)
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.records import RunRecord
from dqn_core.runs.store import RunStore
from dqn_core.training.run_folder import RunFolder

__all__ = ["RunRecorder"]

_LOG = logging.getLogger(__name__)

_ROWS_EVERY_S = 0.25
"""Finished episodes are stored this often, and at once after a longer silence: at a slow pace the next event, and
with it the next chance to store, may be seconds away."""
_PROGRESS_EVERY_S = 0.4
_RETRY_AFTER_S = 2.0
"""Pause after a failed write: waiting for a locked database must not become the run's main work."""

_NAMES = tuple(each.name for each in fields(RunRecord))


class RunRecorder:
    """Takes the events of one run; used by that run's thread alone. ``clock`` gives seconds."""

    def __init__(
        self, feed: LiveFeed, store: RunStore, folder: RunFolder, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.feed = feed
        self._store = store
        self._folder = folder
        self._clock = clock
        self._rows_stored_at = self._stored_at = self._retry_at = -math.inf
        self._stored = feed.record()
        self._is_behind = False

    def take(self, event: Event) -> None:
        """Publish ``event`` and store what is due. A failing disk becomes a notice, never an exception."""
        match event:
            case WeightsReady():
                self._keep_weights(event)
            case CheckpointReady():
                self._keep_checkpoint(event)
            case StateChanged() | RunStarted() | HyperparametersChanged() | RunEnded():
                self._take_turn(event)
            case _:
                self.feed.publish(event)
                if self._is_due():
                    self.flush()

    def flush(self) -> bool:
        """Store everything that is not stored yet; False where the database did not take it."""
        record, rows, changes = self.feed.unstored()
        if not rows and not changes and record == self._stored:
            return True
        try:
            self._store.append(record.run_id, rows, changes, **_news(record, self._stored))
        except StoreError as error:
            self._fall_behind(error)
            return False
        self.feed.mark_stored(len(rows), len(changes))
        self._stored = record
        self._stored_at = self._clock()
        if rows:
            self._rows_stored_at = self._stored_at
        if self._is_behind:
            self._is_behind = False
            self._tell(Notice(template=mark("The database takes this run's log again; nothing of it is lost.")))
        return True

    def _take_turn(self, event: Event) -> None:
        """The run pauses, ends, or goes on another way: what was before is stored before anybody hears of it."""
        if self.feed.has_unstored and not self._is_behind:
            self.flush()
        self.feed.publish(event)
        if isinstance(event, HyperparametersChanged):
            self._keep_config()
        self.flush()

    def _is_due(self) -> bool:
        now = self._clock()
        if now < self._retry_at:
            return False
        return now >= self._stored_at + _PROGRESS_EVERY_S or (
            now >= self._rows_stored_at + _ROWS_EVERY_S and self.feed.has_unstored
        )

    def _fall_behind(self, error: StoreError) -> None:
        self._retry_at = self._clock() + _RETRY_AFTER_S
        if self._is_behind:
            return
        self._is_behind = True
        _LOG.warning("%s", error)
        template = mark(
            "This run's log cannot be stored just now and is kept in memory until it can ({cause}). Make room on the "
            "disk, or close the program that holds the database; the training goes on."
        )
        self._tell(Notice(template=template, parameters={"cause": str(error)}))

    def _keep_weights(self, event: WeightsReady) -> None:
        try:
            self._folder.write_snapshot(event)
        except OSError as error:
            template = mark("The {kind} weights could not be written to {path} ({cause}): make room on the disk.")
            self._tell_failed_file(template, error, kind=event.kind)

    def _keep_checkpoint(self, event: CheckpointReady) -> None:
        try:
            self._folder.write_checkpoint(event)
        except OSError as error:
            template = mark(
                "The checkpoint could not be written to {path} ({cause}): make room on the disk. Until then the run "
                "would go on from its last one."
            )
            self._tell_failed_file(template, error)

    def _keep_config(self) -> None:
        try:
            self._folder.write_config(self.feed.record().config)
        except OSError as error:
            template = mark("The changed settings could not be written to {path} ({cause}): make room on the disk.")
            self._tell_failed_file(template, error)

    def _tell_failed_file(self, template: str, error: OSError, **parameters: str) -> None:
        _LOG.warning("Run %s: %s", self._folder.path.name, error)
        places = {"path": str(self._folder.path), "cause": str(error)}
        self._tell(Notice(template=template, parameters=parameters | places))

    def _tell(self, notice: Notice) -> None:
        if not self.feed.is_over:
            self.feed.publish(notice)


def _news(record: RunRecord, stored: RunRecord) -> dict[str, Any]:
    """The fields in which ``record`` goes beyond what is stored."""
    pairs = ((name, getattr(record, name), getattr(stored, name)) for name in _NAMES)
    return {name: new for name, new, old in pairs if new is not old and new != old}
