"""What goes over the wire to the panel: one JSON object a message, in columns, with short numbers and no NaN."""

from __future__ import annotations

import base64
import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dqn_core.errors import mark, mark_plural
from dqn_core.events import EndReason, EpisodeEnded, Frame, HyperparametersChanged, Phase, RunState
from dqn_core.json_text import json_text
from dqn_core.runs.live_feed import FeedUpdate
from pages.shared.texts.i18n import message_text, translate
from pages.shared.texts.numbers import number_text
from pages.shared.texts.value_text import changes_text
from pages.shared.texts.words import CHOICE_LABELS

__all__ = ["Cursor", "message"]

_COLUMNS = {
    "episode": ("episode", "%d,"),
    "env_step": ("env_step", "%d,"),
    "return": ("episode_return", "%.6g,"),
    "length": ("length", "%d,"),
    "loss_mean": ("loss_mean", "%.6g,"),
    "epsilon": ("epsilon", "%.6g,"),
    "eval_return": ("eval_return", "%.6g,"),
    "wall_time_s": ("wall_time_s", "%.6g,"),
    "shaped_return": ("shaped_return", "%.6g,"),
}
"""By column of the wire: the field of EpisodeEnded that fills it, and the format of its numbers."""
_ENDINGS = {
    EndReason.MAX_EPISODES: mark("The episode limit was reached."),
    EndReason.MAX_ENV_STEPS: mark("The limit of environment steps was reached."),
    EndReason.STOPPED: mark("Stopped by hand; everything up to this point is saved."),
    EndReason.DIVERGED: mark("The loss became infinite or not a number; the last good weights are kept."),
    EndReason.FAILED: mark("The run ended with an error."),
    EndReason.INTERRUPTED: mark(
        "The server went down while this run was training; everything up to that point is saved."
    ),
}
_AFTER_FAILURE = mark("You can also start a new run or choose another environment; the server's log says more.")
_PLACE = mark(
    "Waiting for its turn: number {n} in the queue. It starts automatically; how long that takes is not known yet."
)
_PLACE_SOON = mark("Waiting for its turn: number {n} in the queue. It starts automatically, probably within a minute.")
_PLACE_MINUTES = mark(
    "Waiting for its turn: number {n} in the queue. It starts automatically, probably within {minutes} minutes."
)
_PLACE_HOURS = mark(
    "Waiting for its turn: number {n} in the queue. It starts automatically, probably within {hours} hours."
)
_PREPARING = mark("Preparing the learner…")
_FILLING = mark("Filling the replay memory with a random policy…")
_MOST_MINUTES = 90
"""A longer wait is said in hours."""

Say = Callable[[str], str]
"""Puts a text into the reader's language."""


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


def message(update: FeedUpdate, since: Cursor, language: str, *, with_frames: bool) -> str:
    """Everything in ``update`` as JSON text, its words in ``language``."""
    say = functools.partial(translate, language)
    values = _values(update, since, say, with_frames=with_frames)
    text = json_text(values, is_compact=True, is_ascii=False, default=str)
    episodes = f'{{"from":{update.rows_from},"columns":{_columns(update.rows)}}}'
    return f'{text[:-1]},"episodes":{episodes}}}'


def _values(update: FeedUpdate, since: Cursor, say: Say, *, with_frames: bool) -> dict[str, Any]:
    record = update.record
    is_new_frame = with_frames and update.frame is not None and update.frame_number > since.frame
    return {
        "state": record.state,
        "reason": record.reason,
        "message": _message(update, say),
        "progress": _progress(update, say),
        "changes": {"from": update.changes_from, "items": [_change(each, say) for each in update.changes]},
        "notices": [message_text(say, each.template, each.parameters) for each in update.notices],
        "frame": _frame(update.frame_number, update.frame) if is_new_frame and update.frame else None,
    }


def _message(update: FeedUpdate, say: Say) -> str:
    """What is to be said beside the run's state: why it ended, or what it waits for."""
    record = update.record
    if record.message_template:
        cause = message_text(say, record.message_template, record.message_parameters)
        return f"{cause} {say(_AFTER_FAILURE)}" if record.reason is EndReason.FAILED else cause
    if record.reason is EndReason.SOLVED:
        count = record.config.confirmation_episodes or record.config.evaluation_episodes
        template = mark_plural(
            "The goal was reached, and confirmed over {count} episode.",
            "The goal was reached, and confirmed over {count} episodes.",
            count,
        )
        return say(template).format(count=count)
    if record.reason is not None:
        return say(_ENDINGS[record.reason])
    match record.state:
        case RunState.INTERRUPTED:
            return say(_ENDINGS[EndReason.INTERRUPTED])
        case RunState.QUEUED if update.queue_position is not None:
            return _place(update.queue_position, update.queue_wait_s, say)
        case RunState.STARTING:
            return say(_PREPARING)
        case RunState.RUNNING if update.progress.phase is Phase.WARMUP:
            return say(_FILLING)
    return ""


def _place(position: int, wait_s: float | None, say: Say) -> str:
    n, minutes = number_text(position), math.ceil((wait_s or 0.0) / 60)
    if wait_s is None:  # nothing like it was measured yet
        return say(_PLACE).format(n=n)
    if minutes <= 1:
        return say(_PLACE_SOON).format(n=n)
    if minutes <= _MOST_MINUTES:
        return say(_PLACE_MINUTES).format(n=n, minutes=minutes)
    return say(_PLACE_HOURS).format(n=n, hours=number_text(math.ceil(minutes / 60)))


def _progress(update: FeedUpdate, say: Say) -> dict[str, Any]:
    compute = update.record.compute
    values = asdict(update.progress) | {
        "episodes": update.rows_total,
        "fraction": update.fraction,
        "eta_s": update.eta_s,
        "return_mean_100": update.return_mean_100,
        "last_return": update.last_return,
        "best_eval": update.record.best_eval,
        "compute": say(CHOICE_LABELS.get(compute, compute)),
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


def _change(event: HyperparametersChanged, say: Say) -> dict[str, Any]:
    return {
        "text": changes_text(event, say),
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
        "picture": base64.b64encode(frame.jpeg).decode(),
        "seen": base64.b64encode(frame.seen).decode(),
        "important": base64.b64encode(frame.important).decode(),
    }


def _short(value: Any) -> Any:
    """Six digits are more than a screen shows; JSON has no NaN and no infinity."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None
