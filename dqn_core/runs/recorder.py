"""Brings a run's events where they are looked for: the live feed, the database, the run's folder.

A trainer's work is worth more than its log: a full disk or a locked database never ends a run. Rows wait in memory
until a later attempt succeeds, and a notice says what to do meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from dqn_core.config import TrainingConfig
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
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore
from dqn_core.training.checkpoint import with_last_checkpoint
from dqn_core.training.run_folder import KeptEpisodes, RunFolder

__all__ = ["FolderWriter", "RunRecorder"]

_LOG = logging.getLogger(__name__)
_RETRY_AFTER_S = 2.0
"""Pause after a failed write: waiting for a disk or a locked database must not become the run's main work."""
_KEPT = "kept episodes"


class FolderWriter:
    """Writes what a run leaves into its folder; used by that run's thread alone.

    Of what waits there is one of a kind (the settings, each kind of checkpoint, snapshot and recording), the newest: a
    disk that stays full for days costs no more memory than one that is full for a moment. The feed's viewers are told
    once that the disk fails and what to do, and once that it works again. ``check`` is called before each write, and
    raises where the folder is not this server's to write any more.
    """

    def __init__(
        self, folder: RunFolder, feed: LiveFeed, clock: Callable[[], float], check: Callable[[], None] = lambda: None
    ) -> None:
        self._folder = folder
        self._feed = feed
        self._clock = clock
        self._check = check
        self._kept = KeptEpisodes()
        self._waiting: dict[str, Callable[[], None]] = {}
        self._retry_at = -math.inf
        self._trouble: Notice | None = None

    def snapshot(self, event: WeightsReady) -> None:
        """Keep a state of the learner; one of those along the way with the next :meth:`flush`."""
        if event.kind == "kept":
            self._gather(event)
        else:
            self._write(f"snapshot-{event.kind}", functools.partial(self._folder.write_snapshot, event))

    def checkpoint(self, event: CheckpointReady) -> None:
        """Keep a checkpoint, and first what the run left on its way there."""
        self._write_kept()
        self._write(f"checkpoint-{event.kind}", functools.partial(self._folder.write_checkpoint, event))

    def recording(self, event: EpisodeRecorded) -> None:
        """Keep an episode to see again; a training episode with the next :meth:`flush`."""
        if event.kind == "training":
            self._gather(event)
        else:
            self._write(f"recording-{event.kind}", functools.partial(self._folder.write_recording, event))

    def config(self, config: TrainingConfig) -> None:
        """Keep the run's settings."""
        self._write("config", functools.partial(self._folder.write_config, config))

    def flush(self) -> bool:
        """Write what was gathered, and what waits if its time has come; False where something still waits."""
        self._write_kept()
        if self._waiting and not self._try_later:
            for name, write in list(self._waiting.items()):
                if not self._try(name, write):
                    break  # a full disk takes none of the others either
        return not self._waiting

    @property
    def has_written_all(self) -> bool:
        """Whether nothing waits to be written."""
        return not (self._kept or self._waiting)

    @property
    def _try_later(self) -> bool:
        return self._clock() < self._retry_at

    def _gather(self, event: WeightsReady | EpisodeRecorded) -> None:
        self._kept.add(event)
        if self._kept.is_full:
            self._write_kept()

    def _write_kept(self) -> None:
        if self._kept and not (_KEPT in self._waiting and self._try_later):
            self._write(_KEPT, functools.partial(self._folder.write_kept, self._kept))
        if _KEPT in self._waiting:
            self._kept.keep_newest_only()

    def _write(self, name: str, write: Callable[[], None]) -> None:
        self._waiting.pop(name, None)
        self._try(name, write)

    def _try(self, name: str, write: Callable[[], None]) -> bool:
        self._check()
        try:
            write()
        except OSError as error:
            self._waiting[name] = write
            self._retry_at = self._clock() + _RETRY_AFTER_S
            self._tell_trouble(error)
            return False
        self._waiting.pop(name, None)
        if self._trouble is not None and not self._waiting:
            self._feed.withdraw(self._trouble)
            self._trouble = None
            self._feed.publish(Notice(template=mark("This run's files can be written again; the newest are saved.")))
        return True

    def _tell_trouble(self, error: OSError) -> None:
        if self._trouble is not None:
            return
        _LOG.warning("Run %s: %s", self._folder.path.name, error)
        template = mark(
            "This run's files cannot be written to {path} at the moment ({cause}). Make room on the disk, or check "
            "that the folder can be written. The training continues; the newest weights, checkpoint and settings are "
            "held in memory."
        )
        self._trouble = Notice(template=template, parameters={"path": str(self._folder.path), "cause": str(error)})
        self._feed.publish(self._trouble)


# ------------------------------------------------------------------------------- the feed, the database, and the folder

_ROWS_EVERY_S = 0.25
"""Finished episodes are stored this often, and at once after a longer silence: at a slow pace the next event, and
with it the next chance to store, may be seconds away."""
_PROGRESS_EVERY_S = 0.4

_NAMES = tuple(each.name for each in fields(RunRecord))


class RunRecorder:
    """Takes the events of one run; used by that run's thread alone. ``clock`` gives seconds.

    ``lapses`` gives how often another server may have taken the run over without this one's knowledge; None while
    that may be so now. Rows are refused then by the database (:meth:`~dqn_core.runs.storage.store.RunStore.append`);
    before a file is written, it is asked. Whatever is called here raises :class:`~dqn_core.errors.RunLostError` where
    another has it.
    """

    def __init__(
        self,
        feed: LiveFeed,
        store: RunStore,
        folder: RunFolder,
        *,
        clock: Callable[[], float] = time.monotonic,
        lapses: Callable[[], int | None] = lambda: 0,
    ) -> None:
        self.feed = feed
        self._store = store
        self._folder = folder
        self._files = FolderWriter(folder, feed, clock, self._check_own)
        self._lapses = lapses
        self._known_lapses = lapses()
        self._ask_at = -math.inf
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
                if self._trouble is None:
                    self._store_log()  # a run that goes on from here after a kill has every episode before it
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

    @property
    def has_stored_all(self) -> bool:
        """Whether the rows and files of every event so far are stored."""
        return self._files.has_written_all and not self.feed.has_unstored

    def flush(self) -> bool:
        """Store everything that is not stored yet; False where the database or the disk did not take it."""
        has_files = self._files.flush()
        return self._store_log() and has_files

    def _check_own(self) -> None:
        """Raises RunLostError. While the database is away, nobody takes anything over: it is asked now and then."""
        lapses = self._lapses()
        if (lapses is None or lapses != self._known_lapses) and self._clock() >= self._ask_at:
            self._ask_at = self._clock() + _RETRY_AFTER_S
            with contextlib.suppress(StoreError):
                self._store.check_own(self.feed.run_id)
                self._known_lapses = lapses

    def _store_log(self) -> bool:
        record, rows, changes = self.feed.unstored()
        if not rows and not changes and record == self._stored:
            return True
        try:
            news = _news(record, self._stored)
            self._store.append(record.run_id, rows, changes, stored=self.feed.stored, **news)
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
