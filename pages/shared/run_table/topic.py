"""The list of runs as a topic of the live socket: whole at first, then what is new in it."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from dqn_core.json_text import json_text
from dqn_core.runs.classes.service import Classes
from dqn_core.runs.run_list import ListUpdate, RunLine, RunList
from pages.server.process import get_run_list
from pages.shared.browser.live_socket import News, Shared, Subscription, Topic, next_tick
from pages.shared.texts.i18n import translate
from pages.shared.texts.run_names import run_name
from pages.shared.visitor.identity import owner_mark, owner_name

__all__ = ["run_list_topic"]

_EVERY_S = 2.0


def run_list_topic(run_list: Callable[[], RunList] = get_run_list) -> Topic:
    """The topic: with the parameter ``fresh``, what changed in this very moment is in the first message."""
    shared: Shared[tuple[News, bool]] = Shared(_EVERY_S)

    def read(version: int, language: str, *, at_once: bool) -> tuple[News, bool]:
        source = run_list()
        update = source.since(version, at_once=at_once)
        is_new = update.is_whole or update.version != version
        values = _update_values(update, source.manager.classes, functools.partial(translate, language))
        return News(json_text(values, is_ascii=False), {"version": update.version}), is_new

    async def follow(subscription: Subscription) -> AsyncGenerator[News]:
        version, language, is_first = subscription.reached("version"), subscription.language, True
        while True:
            at_once = is_first and subscription.flag("fresh")
            now = functools.partial(read, version, language, at_once=at_once)
            make = functools.partial(run_in_threadpool, now)
            news, is_new = await (make() if at_once else shared.get((version, language), make))
            if is_new or is_first:  # the first says that there is nothing new: the connection is good
                yield news
            version, is_first = news.cursor["version"], False
            await next_tick(_EVERY_S)

    return follow


def _update_values(update: ListUpdate, classes: Classes, say: Callable[[str], str]) -> dict[str, Any]:
    """What is new in the list, as JSON values."""
    return {
        "version": update.version,
        "whole": update.is_whole,
        "runs": [_line_values(line, classes, say) for line in update.lines],
        "removed": list(update.removed),
    }


def _line_values(line: RunLine, classes: Classes, say: Callable[[str], str]) -> dict[str, Any]:
    """One run's line, as JSON values with numbers no longer than a screen shows."""
    return {
        "id": line.run_id,
        "name": run_name(line, say),
        "env": line.env_id,
        "preset": line.preset,
        "seed": line.seed,
        "state": line.state,
        "reason": line.reason,
        "episodes": line.episodes,
        "best": _short(line.best_eval),
        "rate": _short(line.steps_per_s),
        "seconds": round(line.wall_time_s),
        "started": line.started_at.timestamp(),
        "size": line.size,
        "owner": owner_mark(line.owner),
        "nickname": owner_name(line.owner, line.class_id, classes),
        "tags": line.tags,
        "experiment": line.experiment_id,
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
