"""All runs as lines of a list that many people look at: read once a moment for all of them, told as what is new."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError
from dqn_core.events import EndReason, RunState
from dqn_core.json_text import json_text
from dqn_core.presets import preset_name
from dqn_core.runs.data_folder import FolderSizes
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunBrief

__all__ = ["ListUpdate", "RunLine", "RunList"]

_LASTS_S = 1.0
"""What was read is good for this long, and at most a tenth of the time is spent on reading."""
_LARGEST_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """What the list says of one run."""

    run_id: str
    name: str
    env_id: str
    preset: str
    """As :func:`~dqn_core.presets.preset_name` says."""
    seed: int
    state: RunState
    reason: EndReason | None
    episodes: int
    best_eval: float | None
    """None where nothing was evaluated."""
    steps_per_s: float | None
    """Env steps a second: now, of a run that trains; of its whole time, of one that is over. None without any."""
    wall_time_s: float
    started_at: datetime
    size: int
    """Bytes of its folder."""
    owner: str
    tags: tuple[str, ...]
    experiment_id: str | None
    class_id: str | None


@dataclass(frozen=True, kw_only=True)
class ListUpdate:
    """What is new since a version of the list."""

    version: int
    is_whole: bool
    """Whether ``lines`` are all there are, and what is not among them is gone."""
    lines: Sequence[RunLine]
    removed: Sequence[str]


@dataclass(frozen=True)
class _Origin:
    """What of a run never changes."""

    env_id: str
    preset: str
    seed: int
    is_damaged: bool = False


class RunList:
    """The list of one server; any thread may call any method. Raises StoreError where the database fails.

    A version counts the changes of this server's list: one that is larger than the list's own is another server's.
    """

    def __init__(self, manager: RunManager, clock: Callable[[], float] = time.monotonic) -> None:
        self.manager = manager
        self._clock = clock
        self._lock = threading.Lock()
        self._good_until = -math.inf
        self._version = 0
        self._lines: dict[str, tuple[int, RunLine]] = {}
        self._removed: dict[str, int] = {}
        self._origins: dict[str, _Origin] = {}
        self._presets: dict[str, str] = {}
        self._sizes = FolderSizes(clock)

    def lines(self, *, at_once: bool = False) -> list[RunLine]:
        """Every run, newest first; ``at_once`` also what changed in this very moment."""
        with self._lock:
            self._refresh(at_once=at_once)
            return [line for _, line in self._lines.values()]

    def since(self, version: int, *, at_once: bool = False) -> ListUpdate:
        """What is new after ``version`` (0: everything)."""
        with self._lock:
            self._refresh(at_once=at_once)
            is_whole = version <= 0 or version > self._version
            after = 0 if is_whole else version
            return ListUpdate(
                version=self._version,
                is_whole=is_whole,
                lines=[line for changed_at, line in self._lines.values() if changed_at > after],
                removed=[run_id for run_id, gone_at in self._removed.items() if gone_at > after and not is_whole],
            )

    # ---------------------------------------------------------------------------------- with the lock held

    def _refresh(self, *, at_once: bool) -> None:
        began = self._clock()
        if began < self._good_until and not at_once:
            return
        briefs = self.manager.store.briefs()
        self._learn_origins(brief.run_id for brief in briefs)
        self._take([self._line(brief) for brief in briefs])
        now = self._clock()
        self._good_until = now + max(_LASTS_S, (now - began) / _LARGEST_SHARE)

    def _take(self, lines: Sequence[RunLine]) -> None:
        known, self._lines = self._lines, {}
        version = self._version + 1
        for line in lines:
            old = known.pop(line.run_id, None)
            self._lines[line.run_id] = old if old is not None and old[1] == line else (version, line)
        for run_id in known:
            self._removed[run_id] = version
            self._origins.pop(run_id, None)
            self._sizes.forget(run_id)
        if known or any(changed_at == version for changed_at, _ in self._lines.values()):
            self._version = version

    def _learn_origins(self, run_ids: Iterable[str]) -> None:
        unknown = [run_id for run_id in run_ids if run_id not in self._origins]
        for run_id, settings in self.manager.store.initial_settings(unknown).items():
            self._origins[run_id] = self._origin(settings)

    def _origin(self, settings: Mapping[str, Any]) -> _Origin:
        """Hundreds of runs share a few settings: each is compared with the presets once."""
        key = json_text([(name, value) for name, value in settings.items() if name != "seed"])
        try:
            if key not in self._presets:
                self._presets[key] = preset_name(TrainingConfig.from_dict(settings))
            return _Origin(settings["env_id"], self._presets[key], settings["seed"])
        except (ConfigError, KeyError, TypeError):  # a damaged row
            return _Origin(str(settings.get("env_id", "")), "", 0, is_damaged=True)

    def _line(self, brief: RunBrief) -> RunLine:
        origin, feed = self._origins[brief.run_id], self.manager.feed(brief.run_id)
        brief, rate = (brief, _mean_rate(brief)) if feed is None else _present(feed)
        return RunLine(
            run_id=brief.run_id,
            name=brief.name,
            env_id=origin.env_id,
            preset=origin.preset,
            seed=origin.seed,
            state=RunState.DAMAGED if origin.is_damaged else brief.state,
            reason=None if origin.is_damaged else brief.reason,
            episodes=brief.episodes,
            best_eval=brief.best_eval,
            steps_per_s=rate,
            wall_time_s=brief.wall_time_s,
            started_at=brief.started_at,
            size=self._sizes.of(self.manager.folder_of(brief.run_id)),
            owner=brief.owner,
            tags=brief.tags,
            experiment_id=brief.experiment_id,
            class_id=brief.class_id,
        )


def _present(feed: LiveFeed) -> tuple[RunBrief, float | None]:
    """A run of this server as it stands now, and its rate."""
    update = feed.read(0, 0, limit=0)
    brief = update.record.brief()
    rate = update.progress.steps_per_s if brief.state is RunState.RUNNING else None
    return brief, _mean_rate(brief) if not brief.state.is_active else rate


def _mean_rate(brief: RunBrief) -> float | None:
    return brief.env_steps / brief.wall_time_s if brief.wall_time_s > 0.0 else None
