"""A run's log as a TensorBoard event file: one event an episode, at its env step and its time on the clock."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dqn_core.events import EpisodeEnded
from dqn_core.export.run_content import RunContent

_ROWS_AT_A_TIME = 5_000

__all__ = ["TAGS", "tensorboard_file", "tensorboard_name", "tensorboard_portions"]

TAGS = {
    "episode_return": "episode/return",
    "length": "episode/length",
    "loss_mean": "training/loss_mean",
    "q_mean": "training/q_mean",
    "epsilon": "training/epsilon",
    "shaped_return": "training/shaped_return",
    "eval_return": "evaluation/return",
    "gamma": "settings/gamma",
    "learning_rate": "settings/learning_rate",
    "buffer_fill": "replay/fill",
}
"""Name of each curve, by the field of :class:`EpisodeEnded` that it shows."""


def tensorboard_name(content: RunContent) -> str:
    """A file name by which TensorBoard knows an event file."""
    return f"events.out.tfevents.{int(content.started_at.timestamp()):010}.{content.run_id}"


def tensorboard_file(content: RunContent) -> bytes:
    """The event file; put it into a folder of its own and point ``tensorboard --logdir`` at that."""
    return b"".join(tensorboard_portions(content))


def tensorboard_portions(content: RunContent) -> Iterator[bytes]:
    """What :func:`tensorboard_file` gives, as it is made."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter
    from tensorboardX.summary import text

    began = content.started_at.timestamp()
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "events").open("w+b") as made:
        writer = RecordWriter(made.name)
        try:
            settings = text("config", f"```json\n{content.config.to_json()}\n```")
            for event in (
                Event(wall_time=began, file_version="brain.Event:2"),
                Event(wall_time=began, step=0, summary=settings),
            ):
                writer.write(event.SerializeToString())
            for number, row in enumerate(content.episodes(), 1):
                written = Event(wall_time=began + row.wall_time_s, step=row.env_step)
                for tag, value in _values(row):
                    written.summary.value.add(tag=tag, simple_value=value)
                writer.write(written.SerializeToString())
                if number % _ROWS_AT_A_TIME == 0:
                    writer.flush()
                    yield made.read()
        finally:
            writer.close()
        yield made.read()


def _values(row: EpisodeEnded) -> Iterator[tuple[str, float]]:
    """(curve, value) of each number that the episode has."""
    for field, tag in TAGS.items():
        value = float(getattr(row, field))
        if not math.isnan(value):
            yield tag, value
