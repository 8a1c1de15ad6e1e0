"""Writes a run's files into its folder; what the disk does not take waits in memory until it does."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable

from dqn_core.config import TrainingConfig
from dqn_core.errors import mark
from dqn_core.events import CheckpointReady, EpisodeRecorded, Notice, WeightsReady
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.training.kept_episodes import KeptEpisodes
from dqn_core.training.run_folder import RunFolder

__all__ = ["FolderWriter"]

_LOG = logging.getLogger(__name__)
_RETRY_AFTER_S = 2.0
_KEPT = "kept episodes"


class FolderWriter:
    """Used by one run's thread alone.

    Of what waits there is one of a kind (the settings, each kind of checkpoint, snapshot and recording), the newest: a
    disk that stays full for days costs no more memory than one that is full for a moment. The feed's viewers are told
    once that the disk fails and what to do, and once that it works again.
    """

    def __init__(self, folder: RunFolder, feed: LiveFeed, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._feed = feed
        self._clock = clock
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
            self._kept.let_go_of_all_but_newest()

    def _write(self, name: str, write: Callable[[], None]) -> None:
        self._waiting.pop(name, None)
        self._try(name, write)

    def _try(self, name: str, write: Callable[[], None]) -> bool:
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
