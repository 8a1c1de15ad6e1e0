"""One run as a viewer sees it: the present from memory, everything before that from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dqn_core.events import EpisodeEnded, HyperparametersChanged
from dqn_core.runs.live_feed import MESSAGE_ROWS, FeedUpdate, LiveFeed
from dqn_core.runs.storage.store import RunStore

__all__ = ["RunView"]


class RunView:
    """Reads a run's history from any cursor, each row once, whether the run goes on or is over."""

    def __init__(self, feed: LiveFeed, store: RunStore) -> None:
        self.feed = feed
        self._store = store

    @classmethod
    def of_stored_run(cls, run_id: str, store: RunStore) -> RunView:
        """A run that no thread of this process works at any more; raises UnknownRunError."""
        record = store.run(run_id)
        episodes = store.episode_count(run_id)
        tail = store.episodes(run_id, after=max(0, episodes - MESSAGE_ROWS))
        feed = LiveFeed(replace(record, episodes=episodes), tail=tail, changes=store.changes(run_id), is_over=True)
        return cls(feed, store)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.feed.run_id

    def is_in_memory(self, after_rows: int) -> bool:
        """Whether a read from this cursor needs no database."""
        return after_rows >= self.feed.first_kept

    def rows_after(self, after_rows: int) -> int:
        """How many episodes a viewer at this cursor lacks."""
        return self.feed.rows_total - after_rows

    def read(self, after_rows: int, after_changes: int, limit: int = MESSAGE_ROWS) -> FeedUpdate:
        """What is new after a cursor; at most ``limit`` rows. Raises StoreError where the database fails."""
        update = self.feed.read(after_rows, after_changes, limit)
        missing = update.rows_from - after_rows
        if missing <= 0:
            return update
        rows = self._store.episodes(self.run_id, after_rows, min(limit, missing))
        return replace(update, rows_from=after_rows, rows=rows) if rows else update

    def changes(self) -> Sequence[HyperparametersChanged]:
        """Every live change so far."""
        return self.feed.read(self.feed.rows_total, 0).changes

    def episodes(self, rows_at_a_time: int = MESSAGE_ROWS) -> Iterator[Sequence[EpisodeEnded]]:
        """All episodes there are when the reading begins, in portions."""
        position, end = 0, self.feed.rows_total
        while position < end:
            update = self.read(position, 0, min(rows_at_a_time, end - position))
            if not update.rows:
                return
            yield update.rows
            position = update.rows_from + len(update.rows)
