"""What goes over the wire to the panel: one JSON object a message, in columns, with short numbers and no NaN."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dqn_core.events import EpisodeEnded, Frame, HyperparametersChanged
from dqn_core.json_text import json_text
from dqn_core.runs.live_feed import FeedUpdate
from pages.server.paths import shown_parameters

__all__ = ["HEARTBEAT", "Cursor", "message"]

HEARTBEAT = b": still here\n\n"
"""A comment: keeps proxies from closing a quiet stream, and tells the server when a viewer is gone."""

_COLUMNS = {
    "episode": ("episode", "%d,"),
    "env_step": ("env_step", "%d,"),
    "return": ("episode_return", "%.6g,"),
    "length": ("length", "%d,"),
    "loss_mean": ("loss_mean", "%.6g,"),
    "epsilon": ("epsilon", "%.6g,"),
    "eval_return": ("eval_return", "%.6g,"),
    "wall_time_s": ("wall_time_s", "%.6g,"),
}
"""By column of the wire: the field of EpisodeEnded that fills it, and the format of its numbers."""


@dataclass(frozen=True)
class Cursor:
    """What a viewer has already: so many episodes, so many changes, the frame of that number."""

    rows: int = 0
    changes: int = 0
    frame: int = 0

    def after(self, update: FeedUpdate) -> Cursor:
        """The cursor of a viewer that received ``update``."""
        return Cursor(
            rows=update.rows_from + len(update.rows),
            changes=update.changes_from + len(update.changes),
            frame=max(self.frame, update.frame_number),
        )


def message(update: FeedUpdate, since: Cursor, *, with_frames: bool) -> bytes:
    """One server-sent event with everything in ``update``; its id is the cursor to go on from."""
    reached = since.after(update)
    text = json_text(_values(update, since, with_frames=with_frames), is_compact=True, default=str)
    episodes = f'{{"from":{update.rows_from},"columns":{_columns(update.rows)}}}'
    return f'id: {reached.rows}.{reached.changes}\ndata: {text[:-1]},"episodes":{episodes}}}\n\n'.encode()


def _values(update: FeedUpdate, since: Cursor, *, with_frames: bool) -> dict[str, Any]:
    record = update.record
    is_new_frame = with_frames and update.frame is not None and update.frame_number > since.frame
    return {
        "run_id": record.run_id,
        "state": record.state,
        "over": update.is_last,
        "message": _text(record.message_template, record.message_parameters) if record.message_template else None,
        "reason": record.reason,
        "queue_place": update.queue_place,
        "progress": _progress(update),
        "changes": {"from": update.changes_from, "items": [_change(each) for each in update.changes]},
        "notices": [_text(each.template, each.parameters) for each in update.notices],
        "frame": _frame(update.frame_number, update.frame) if is_new_frame and update.frame else None,
    }


def _progress(update: FeedUpdate) -> dict[str, Any]:
    values = asdict(update.progress) | {
        "fraction": update.fraction,
        "eta_s": update.eta_s,
        "return_mean_100": update.return_mean_100,
        "last_return": update.last_return,
        "best_eval": update.record.best_eval,
        "compute": update.record.compute,
        "max_episodes": update.record.config.max_episodes,
    }
    return {name: _short(value) for name, value in values.items()}


def _columns(rows: Sequence[EpisodeEnded]) -> str:
    """JSON of the columns.

    One format call a column takes 11 ms for 5,000 rows; a number at a time took 37 ms, for which a trainer waits.
    """
    return "{" + ",".join(f'"{name}":[{_numbers(rows, *column)}]' for name, column in _COLUMNS.items()) + "}"


def _numbers(rows: Sequence[EpisodeEnded], field: str, number_format: str) -> str:
    text = (number_format * len(rows)) % tuple(map(operator.attrgetter(field), rows))
    return text[:-1].replace("nan", "null").replace("-inf", "null").replace("inf", "null")


def _change(event: HyperparametersChanged) -> dict[str, Any]:
    return {
        "wall_time_s": _short(event.wall_time_s),
        "env_step": event.env_step,
        "episode": event.episode,
        "changes": [asdict(each) for each in event.changes],
    }


def _frame(number: int, frame: Frame) -> dict[str, Any]:
    return {
        "number": number,
        "episode": frame.episode,
        "env_step": frame.env_step,
        "episode_step": frame.episode_step,
        "episode_return": _short(frame.episode_return),
        "q_values": [_short(each) for each in frame.q_values],
        "action": frame.action,
        "is_greedy": frame.is_greedy,
    }


def _text(template: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A message for the reader's language; "nan" is a word there, as in English."""
    return {"template": template, "parameters": shown_parameters(parameters)}


def _short(value: Any) -> Any:
    """Six digits are more than a screen shows; JSON has no NaN and no infinity."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None
