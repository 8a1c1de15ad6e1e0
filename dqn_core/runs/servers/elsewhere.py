"""Runs that other servers of the lab train, as this one shows them and has them steered.

Such a run has a :class:`~dqn_core.runs.live_feed.LiveFeed` here too, which is filled from the database while somebody
looks: its rows, its record and its standing. Its pictures stay where it trains.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dqn_core.errors import DqnLabError, StoreError, UnknownRunError, mark
from dqn_core.events import Notice
from dqn_core.runs.live_feed import MESSAGE_ROWS, LiveFeed
from dqn_core.runs.servers.commands import Commands
from dqn_core.runs.servers.standings import Standing, Standings
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore

__all__ = ["Elsewhere", "Remote"]

_LOG = logging.getLogger(__name__)
_READ_EVERY_S = 0.4
_SEEN_S = 10.0
"""A run that nobody has looked at for so long is not read any more."""
_TELL_EVERY_S = 5.0
_LIST_LASTS_S = 1.0
_NO_PICTURES = Notice(
    template=mark(
        "Another server of the lab trains this run. Its curves are live here, and it can be controlled here; the "
        "agent's pictures are shown only there."
    )
)


class _Run:
    """One run of another server, while somebody looks at it."""

    def __init__(self, feed: LiveFeed, standing: Standing) -> None:
        self.feed = feed
        self.standing = standing
        self.seen_at = time.monotonic()
        self.told_at = 0.0


class Remote:
    """Has another server steer its run: what :class:`~dqn_core.runs.managed_run.ManagedRun` does for one of this."""

    def __init__(self, elsewhere: Elsewhere, run_id: str) -> None:
        self._ask = functools.partial(elsewhere.ask, run_id)

    def pause(self) -> None:
        """Pause before the next env step."""
        self._ask("pause", {})

    def resume(self) -> None:
        """Go on after a pause."""
        self._ask("resume", {})

    def step(self) -> None:
        """Take one env step, then pause again."""
        self._ask("step", {})

    def stop(self) -> None:
        """End the run, keeping everything."""
        self._ask("stop", {})

    def take_checkpoint(self) -> None:
        """Have a checkpoint written before the next env step."""
        self._ask("take_checkpoint", {})

    def set_pace(self, steps_per_s: float | None, *, is_automatic: bool = False) -> None:
        """Take at most ``steps_per_s`` env steps a second."""
        self._ask("set_pace", {"steps_per_s": steps_per_s, "is_automatic": is_automatic})

    def change(self, field: str, value: Any) -> None:
        """Change one hyperparameter."""
        self._ask("change", {"field": field, "value": value})

    def relabel(self, labels: Mapping[str, Any]) -> None:
        """Show what people call the run by now."""
        self._ask("relabel", labels)


class Elsewhere:
    """The runs of other servers; any thread may call any method. Raises StoreError where the database fails."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._standings = Standings(store.database)
        self._commands = Commands(store.database)
        self._lock = threading.RLock()  # held while the database is read: each row is taken in once
        self._runs: dict[str, _Run] = {}
        self._launches: Counter[str] = Counter()
        self._listed: tuple[float, list[RunRecord]] = (0.0, [])
        self._is_closed = threading.Event()
        self._reader: threading.Thread | None = None

    # ------------------------------------------------------------------------------------------------ looking

    def feed(self, record: RunRecord) -> LiveFeed:
        """The feed of a run that another server trains, now and from now on while somebody looks."""
        return self._run(record).feed

    def seen(self, record: RunRecord) -> tuple[RunRecord, Standing]:
        """The run as it stands, and what its server told of it."""
        run = self._run(record)
        return run.feed.record(), run.standing

    def launches(self, run_id: str) -> int:
        """How often the run was taken on, as far as it was seen here."""
        return self._launches[run_id]

    def look(self, run_id: str) -> None:
        """Somebody looks at the run; said again and again. Its server hears of it now and then. Never raises."""
        run = self._runs.get(run_id)
        if run is None:
            return
        run.seen_at = now = time.monotonic()
        if now - run.told_at >= _TELL_EVERY_S and not run.feed.is_over:
            run.told_at = now
            threading.Thread(target=self._tell_of_look, args=(run_id,), name="look", daemon=True).start()

    def active(self, *, at_once: bool = False) -> list[RunRecord]:
        """The active runs of other servers, a second ago at most, or ``at_once``; the last known of a database away."""
        read_at, records = self._listed
        if at_once or time.monotonic() - read_at >= _LIST_LASTS_S:
            with contextlib.suppress(StoreError):
                records = self._store.active_elsewhere()
            self._listed = (time.monotonic(), records)
        return records

    def ask(self, run_id: str, name: str, arguments: Mapping[str, Any]) -> None:
        """Have the run's server do something to it: see :meth:`Commands.ask`. What it did shows at once."""
        self._commands.ask(run_id, name, arguments)
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None:
                run.standing = self._standings.get(run_id)

    def leave(self, run_id: str) -> None:
        """The run is this server's now: whoever looks at it here finds its feed there."""
        with self._lock:
            run = self._runs.pop(run_id, None)
        if run is not None:
            run.feed.leave()

    def close(self) -> None:
        """Read no more."""
        self._is_closed.set()
        if self._reader is not None:
            self._reader.join()

    # ------------------------------------------------------------------------------------------------ reading

    def _run(self, record: RunRecord) -> _Run:
        run_id = record.run_id
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None and not run.feed.is_over:
                run.seen_at = time.monotonic()
                return run
            count = self._store.episode_count(run_id)
            tail = self._store.episodes(run_id, after=max(0, count - MESSAGE_ROWS))
            feed = LiveFeed(replace(record, episodes=count), tail=tail, changes=self._store.changes(run_id))
            run = self._runs[run_id] = _Run(feed, Standing())
            self._launches[run_id] += 1
            self._take(run, record, rows_from=count)
            if self._reader is None:
                self._reader = threading.Thread(target=self._keep_reading, name="elsewhere", daemon=True)
                self._reader.start()
            return run

    def _keep_reading(self) -> None:
        is_away = False
        while not self._is_closed.wait(_READ_EVERY_S):
            for run_id, run in list(self._runs.items()):
                try:
                    self._read(run_id, run)
                    is_away = False
                except StoreError as error:
                    if not is_away:
                        _LOG.warning("Runs of other servers cannot be read: %s", error)
                    is_away = True

    def _read(self, run_id: str, run: _Run) -> None:
        with self._lock:
            if self._runs.get(run_id) is not run:
                return
            if time.monotonic() - run.seen_at > _SEEN_S:
                del self._runs[run_id]
                run.feed.leave()  # who looks after all finds another
                return
            if run.feed.is_over:
                return
            try:
                record = self._store.run(run_id)
            except UnknownRunError:
                run.feed.close()
                del self._runs[run_id]
                return
            if record.episodes < run.feed.rows_total:  # it goes on from a checkpoint
                del self._runs[run_id]
                run.feed.close()
            else:
                self._take(run, record, rows_from=run.feed.rows_total)
                if not record.state.is_active:
                    run.feed.close()

    def _take(self, run: _Run, record: RunRecord, rows_from: int) -> None:
        run.standing = self._standings.get(record.run_id) if record.state.is_active else Standing()
        rows = self._store.episodes(record.run_id, after=rows_from)
        known = len(run.feed.read(run.feed.rows_total, 0, limit=0).changes)
        changes = self._store.changes(record.run_id)[known:]
        notices = (*run.standing.notices, _NO_PICTURES) if record.state.is_active else ()
        queue = (run.standing.queue_position, run.standing.queue_wait_s)
        run.feed.follow(record, rows, changes, progress=run.standing.progress, notices=notices, queue=queue)

    def _tell_of_look(self, run_id: str) -> None:
        try:
            self._commands.tell(run_id, "look", {})
        except DqnLabError as error:
            _LOG.debug("A look at %s is not told: %s", run_id, error)
