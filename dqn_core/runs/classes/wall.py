"""Every member of a class at a glance: which run they are at, how far it is, how good, and whether they are stuck.

A member's run is the newest of theirs in the class that is not over, or else the newest. A member counts as stuck who
has no run some minutes after there was something to do, whose run failed, or whose run has not had a better evaluation
in the second half of its env steps.
"""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from PIL import Image

from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError
from dqn_core.events import EndReason, EpisodeEnded, RunState
from dqn_core.runs.classes.classroom import Classroom, Member
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.run_list import RunLine, RunList
from dqn_core.runs.storage.records import RunRecord

__all__ = ["LARGE_PICTURE", "NO_RUN_MINUTES", "SMALL_PICTURE", "Card", "ClassWall", "Curve", "StuckReason"]

NO_RUN_MINUTES = 3
"""Minutes after which a member without a run counts as stuck."""
_LEAST_TRAINED_S = 60.0
"""Seconds of training before which no run counts as stuck."""
_CURVE_POINTS = 48
_GOOD_FOR_S = 0.2
"""Cards that were made for one teacher are good for the next one for this long."""
SMALL_PICTURE, LARGE_PICTURE = 160, 640
"""Widths of the agent's picture, in pixels."""
_QUALITY = 70
_FAILED = frozenset({RunState.FAILED, RunState.INTERRUPTED, RunState.DAMAGED})


class StuckReason(StrEnum):
    """Why a member counts as stuck."""

    NO_RUN = "no_run"
    FAILED = "failed"
    NO_PROGRESS = "no_progress"


@dataclass(frozen=True, kw_only=True)
class MemberRun:
    """A member's run, as far as the wall looks at it."""

    run_id: str
    env_id: str
    owner: str
    started_at: datetime
    state: RunState
    reason: EndReason | None
    episodes: int
    best_eval: float | None
    """None where nothing was evaluated."""
    wall_time_s: float


@dataclass(frozen=True, kw_only=True)
class Card:
    """One member at one moment."""

    member: Member
    run: MemberRun | None
    """None for a member who has started none in the class."""
    fraction: float
    """Done share of the run, 0 to 1; 0 without one."""
    score: float | None
    """Best evaluation of the member's runs in the environment of this one; None before there is any."""
    stuck: StuckReason | None
    curve: tuple[float, ...] = ()
    """Returns of the run, thinned to some dozen means."""
    differences: tuple[tuple[str, Any], ...] = ()
    """Settings of the run that are not as assigned, its seed left out, each with its value."""


class Curve:
    """The returns of a run as at most so many means of equally many episodes each, however long it is."""

    def __init__(self, most: int = _CURVE_POINTS) -> None:
        self._most = most
        self._each = 1
        self._means: list[float] = []
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        """One more return."""
        self._sum += value
        self._count += 1
        if self._count == self._each:
            self._means.append(self._sum / self._count)
            self._sum, self._count = 0.0, 0
            if len(self._means) == 2 * self._most:
                self._means = [(a + b) / 2 for a, b in zip(self._means[::2], self._means[1::2], strict=True)]
                self._each *= 2

    @property
    def points(self) -> tuple[float, ...]:
        """The means, the last one of fewer episodes."""
        last = (self._sum / self._count,) if self._count else ()
        return (*self._means, *last)


@dataclass
class _Track:
    """What was read of a run so far."""

    rows: int = 0
    curve: Curve = field(default_factory=Curve)
    best: float = -math.inf
    best_at: int = 0
    """Env steps at its best evaluation."""
    env_steps: int = 0

    def take(self, episodes: Iterable[EpisodeEnded]) -> None:
        for each in episodes:
            self.rows += 1
            self.curve.add(each.episode_return)
            self.env_steps = each.env_step
            if each.eval_return > self.best:
                self.best, self.best_at = each.eval_return, each.env_step

    @property
    def is_without_progress(self) -> bool:
        return self.best_at > 0 and self.env_steps > 2 * self.best_at


class ClassWall:
    """The cards of every class of a server; any thread may call any method."""

    def __init__(self, run_list: RunList, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._run_list = run_list
        self._manager = run_list.manager
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[str, tuple[float, list[Card]]] = {}
        self._tracks: dict[str, _Track] = {}
        self._configs: dict[str, TrainingConfig] = {}

    def cards(self, class_id: str) -> list[Card]:
        """A card for each present member, in the order in which they joined. Raises ClassError for no such class."""
        classroom = self._manager.classes.get(class_id)
        with self._lock:
            made_at, cards = self._made.get(class_id, (-math.inf, []))
            if time.monotonic() - made_at >= _GOOD_FOR_S:
                cards = self._cards(classroom)
                self._made[class_id] = (time.monotonic(), cards)
            return cards

    def picture(self, run_id: str, width: int) -> bytes | None:
        """The agent's newest picture as a small JPEG; None where there is none. Asks the run for the next ones."""
        self._manager.watch(run_id)
        feed = self._manager.feed(run_id)
        frame = None if feed is None else feed.read(feed.rows_total, 0, limit=0).frame
        if frame is None or not frame.jpeg:
            return None
        with Image.open(io.BytesIO(frame.jpeg)) as picture:
            picture.draft("RGB", (width, width))
            picture.thumbnail((width, width))
            file = io.BytesIO()
            picture.convert("RGB").save(file, "JPEG", quality=_QUALITY)
        return file.getvalue()

    # ---------------------------------------------------------------------------------- with the lock held

    def _cards(self, classroom: Classroom) -> list[Card]:
        members = self._manager.classes.members(classroom.class_id)
        runs: dict[str, list[MemberRun]] = {each.visitor_id: [] for each in members}
        for run in self._runs(classroom.class_id):
            if run.owner in runs:
                runs[run.owner].append(run)
        return [self._card(classroom, each, runs[each.visitor_id]) for each in members]

    def _runs(self, class_id: str) -> list[MemberRun]:
        """The runs of the class, newest first: of the list, a second old, or as they are now, in memory."""
        found = {line.run_id: _listed(line) for line in self._run_list.lines() if line.class_id == class_id}
        for record in self._manager.runs_in_memory():
            if record.class_id == class_id:
                found[record.run_id] = _present(record)
        return sorted(found.values(), key=lambda each: (each.started_at, each.run_id), reverse=True)

    def _card(self, classroom: Classroom, member: Member, runs: list[MemberRun]) -> Card:
        run = next((each for each in runs if each.state.is_active), runs[0] if runs else None)
        if run is None:
            stuck = StuckReason.NO_RUN if self._is_late(classroom, member) else None
            return Card(member=member, run=None, fraction=0.0, score=None, stuck=stuck)
        feed, track = self._manager.feed(run.run_id), self._read(run)
        scores = [each.best_eval for each in runs if each.env_id == run.env_id and each.best_eval is not None]
        return Card(
            member=member,
            run=run,
            fraction=feed.fraction if feed is not None and run.state.is_active else float(not run.state.is_active),
            score=max(scores, default=None),
            stuck=_stuck(run, track),
            curve=track.curve.points,
            differences=self._differences(classroom, run.run_id),
        )

    def _is_late(self, classroom: Classroom, member: Member) -> bool:
        begun = [member.joined_at]
        if classroom.assignment is not None:
            begun.append(classroom.assignment.pushed_at)
        return (self._clock() - max(begun)).total_seconds() >= 60 * NO_RUN_MINUTES

    def _read(self, run: MemberRun) -> _Track:
        """The run's track, with what is new in it."""
        track, feed = self._tracks.get(run.run_id), self._manager.feed(run.run_id)
        total = run.episodes if feed is None else feed.rows_total
        if track is None or total < track.rows:  # it went on from an earlier checkpoint
            track = self._tracks[run.run_id] = _Track()
        try:
            if total > track.rows:
                self._read_on(track, run.run_id, feed)
        except DqnLabError:  # it was deleted in this moment, or its rows cannot be read: the card shows what there is
            pass
        return track

    def _read_on(self, track: _Track, run_id: str, feed: LiveFeed | None) -> None:
        if feed is not None and track.rows >= feed.first_kept:
            track.take(feed.read(track.rows, 0).rows)
        else:
            track.take(self._manager.store.episodes(run_id, after=track.rows))

    def _differences(self, classroom: Classroom, run_id: str) -> tuple[tuple[str, Any], ...]:
        assigned = None if classroom.assignment is None else classroom.assignment.config
        config = self._config(run_id)
        if assigned is None or config is None:
            return ()
        return tuple((name, value) for name, value, _ in config.differences(assigned) if name != "seed")

    def _config(self, run_id: str) -> TrainingConfig | None:
        """As the run is now; of one that is over it is read once."""
        feed = self._manager.feed(run_id)
        if feed is not None:
            return feed.record().config
        try:
            if run_id not in self._configs:
                self._configs[run_id] = self._manager.snapshot(run_id).record.config
        except DqnLabError:
            return None
        return self._configs[run_id]


def _listed(line: RunLine) -> MemberRun:
    return MemberRun(**{each.name: getattr(line, each.name) for each in fields(MemberRun)})


def _present(record: RunRecord) -> MemberRun:
    return MemberRun(
        run_id=record.run_id,
        env_id=record.config.env_id,
        owner=record.owner,
        started_at=record.started_at,
        state=record.state,
        reason=record.reason,
        episodes=record.episodes,
        best_eval=record.best_eval,
        wall_time_s=record.wall_time_s,
    )


def _stuck(run: MemberRun, track: _Track) -> StuckReason | None:
    if run.state in _FAILED or run.reason is EndReason.DIVERGED:
        return StuckReason.FAILED
    if run.state.is_active and run.wall_time_s >= _LEAST_TRAINED_S and track.is_without_progress:
        return StuckReason.NO_PROGRESS
    return None
