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
    EpisodeRecorded,
    Event,
    HyperparametersChanged,
    Notice,
    RunEnded,
    RunStarted,
    StateChanged,
    WeightsReady,
)
from dqn_core.runs.folder_writer import FolderWriter
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.records import RunRecord
from dqn_core.runs.store import RunStore
from dqn_core.training.checkpoint import with_last_checkpoint
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
        self._files = FolderWriter(folder, feed, clock)
        self._clock = clock
        self._rows_stored_at = self._stored_at = self._retry_at = -math.inf
        self._stored = feed.record()
        self._trouble: Notice | None = None
        """What viewers were told while the database takes nothing."""

    def take(self, event: Event) -> None:
        """Publish ``event`` and store what is due. A failing disk becomes a notice, never an exception."""
        match event:
            case WeightsReady():
                self._files.snapshot(event)
            case CheckpointReady():
                self._files.checkpoint(event)
            case EpisodeRecorded():
                self._files.recording(event)
            case RunEnded():
                self._take_turn(with_last_checkpoint(event, self._folder.checkpoints()))
            case StateChanged() | RunStarted() | HyperparametersChanged():
                self._take_turn(event)
            case _:
                self.feed.publish(event)
                if self._is_due():
                    self.flush()

    def flush(self) -> bool:
        """Store everything that is not stored yet; False where the database or the disk did not take it."""
        has_files = self._files.flush()
        return self._store_log() and has_files

    def _store_log(self) -> bool:
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
        if self._trouble is not None:
            self.feed.withdraw(self._trouble)
            self._trouble = None
            self.feed.publish(
                Notice(template=mark("This run's log is being stored in the database again; nothing was lost."))
            )
        return True

    def _take_turn(self, event: Event) -> None:
        """The run pauses, ends, or goes on another way: what was before is stored before anybody hears of it."""
        self._files.flush()
        if self.feed.has_unstored and self._trouble is None:
            self._store_log()
        self.feed.publish(event)
        if isinstance(event, HyperparametersChanged):
            self._files.config(self.feed.record().config)
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
        if self._trouble is not None:
            return
        _LOG.warning("%s", error)
        template = mark(
            "This run's log cannot be stored at the moment and is held in memory until it can ({cause}). Make room "
            "on the disk, or close the program that is using the database; the training continues."
        )
        self._trouble = Notice(template=template, parameters={"cause": str(error)})
        self.feed.publish(self._trouble)


def _news(record: RunRecord, stored: RunRecord) -> dict[str, Any]:
    """The fields in which ``record`` goes beyond what is stored."""
    pairs = ((name, getattr(record, name), getattr(stored, name)) for name in _NAMES)
    return {name: new for name, new, old in pairs if new is not old and new != old}
