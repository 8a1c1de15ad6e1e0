"""A run as a folder: its config, its log, its weights.

DIR/
├── config.json          the config, live changes included
├── episodes.csv         a row an episode
├── changes.csv          a row a changed field
├── summary.json         how it ended
├── best.safetensors     weights of the best evaluation
└── last.safetensors     weights at the end
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from dqn_core.config import TrainingConfig, config_from_json
from dqn_core.errors import RunFolderError, mark
from dqn_core.events import EPISODE_COLUMNS, EpisodeEnded, Event, HyperparametersChanged, RunEnded, WeightsReady
from dqn_core.training.checkpoint import read_weights, write_atomically, write_weights
from dqn_core.training.csv_log import CHANGE_COLUMNS, change_rows, csv_text, episode_rows

__all__ = ["RunFolder", "RunLog", "WeightsKind", "end_summary"]

WeightsKind = Literal["best", "last"]
_FLUSH_S = 0.5


class RunFolder:
    """An existing run folder; make one with :meth:`create` or :meth:`open`."""

    def __init__(self, path: Path, config: TrainingConfig) -> None:
        self.path = path
        self.config = config

    @classmethod
    def create(cls, path: Path, config: TrainingConfig) -> Self:
        """Make the folder ``path`` for a new run; raises :class:`RunFolderError` where it cannot be."""
        if (path / "config.json").exists():
            raise RunFolderError(mark("{path} holds a run already: choose another folder."), path=path)
        folder = cls(path, config)
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder.write_config(config)
        except OSError as error:
            raise RunFolderError(mark("{path} cannot be written: {cause}"), path=path, cause=error) from error
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the run in ``path``; raises :class:`RunFolderError` where there is none."""
        try:
            text = (path / "config.json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            template = mark(
                "{path} is not a run folder (no readable config.json in it). Give the --out folder of a run."
            )
            raise RunFolderError(template, path=path) from error
        return cls(path, config_from_json(text))

    def write_config(self, config: TrainingConfig) -> None:
        """Keep ``config`` as the run's present one."""
        write_atomically(self.path / "config.json", (config.to_json() + "\n").encode())
        self.config = config

    def write_weights(self, kind: WeightsKind, weights: dict[str, np.ndarray]) -> None:
        """Keep ``weights`` as the run's best or last."""
        write_weights(self.path / f"{kind}.safetensors", weights)

    def weights(self, kind: WeightsKind) -> dict[str, np.ndarray]:
        """The run's best or last weights; raises :class:`RunFolderError` where there are none."""
        return read_weights(self.path / f"{kind}.safetensors")


class RunLog:
    """Writes a trainer's events into a run folder; at most half a second of them is in memory only."""

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._episodes = (folder.path / "episodes.csv").open("w", encoding="utf-8")
        self._changes = (folder.path / "changes.csv").open("w", encoding="utf-8")
        self._episodes.write(csv_text([EPISODE_COLUMNS]))
        self._changes.write(csv_text([CHANGE_COLUMNS]))
        self._flush()

    def write(self, event: Event) -> None:
        """Keep what ``event`` says."""
        match event:
            case EpisodeEnded():
                self._episodes.write(csv_text(episode_rows([event])))
            case HyperparametersChanged():
                self._changes.write(csv_text(change_rows([event])))
                changed = {change.field: change.new for change in event.changes}
                self.folder.write_config(self.folder.config.replace(**changed))
            case WeightsReady(kind=("best" | "last") as kind):
                self.folder.write_weights(kind, event.weights)
            case RunEnded():
                summary = json.dumps(end_summary(event), indent=2) + "\n"
                write_atomically(self.folder.path / "summary.json", summary.encode())
        if self._clock() - self._flushed_at >= _FLUSH_S:
            self._flush()

    def close(self) -> None:
        """Write out everything."""
        self._episodes.close()
        self._changes.close()

    def _flush(self) -> None:
        self._episodes.flush()
        self._changes.flush()
        self._flushed_at = self._clock()


def end_summary(event: RunEnded) -> dict[str, Any]:
    """How a run ended, as JSON values."""
    return {
        "episodes": event.episodes,
        "env_steps": event.env_steps,
        "updates": event.updates,
        "wall_s": round(event.wall_time_s, 3),
        "steps_per_s": round(event.env_steps / event.wall_time_s, 1) if event.wall_time_s else 0.0,
        "best_eval": None if math.isnan(event.best_eval) else event.best_eval,
        "solved": event.solved,
        "reason": str(event.reason),
        "message": event.template.format(**event.parameters),
    }
