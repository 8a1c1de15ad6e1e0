"""The game of one person over one WebSocket: the environment runs here at its own pace, the browser sends keys.

    WS /live/play?env=CartPole-v1&seed=3&speed=0.5      an environment, or
    WS /live/play?run=RUN_ID&seed=3&speed=0.5           that of a run, with the run's limit of steps and arguments

The browser sends ``{"action": 1}`` or ``{"action": null}`` whenever other keys are held, and ``{"speed": 0.5}``; the
first action begins the game. It gets a message for each state: a little-endian uint32, so many bytes of JSON, and a
JPEG, left out where the server falls behind. A game that cannot be has one message with an ``error``. The environment
is closed when the game is over or the socket goes, whichever is first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dqn_core.config import EnvironmentChoice
from dqn_core.environments.make import inspect_environment
from dqn_core.episodes.episode import as_rollout_error
from dqn_core.episodes.human import HumanEpisode
from dqn_core.errors import BusyError, LimitReachedError, RolloutError, mark
from dqn_core.json_text import json_text
from dqn_core.presets import find_preset
from dqn_core.runs.manager import RunManager
from pages.server.process import get_manager
from pages.server.shutdown import is_closing
from pages.shared.texts.i18n import error_text, language_of
from pages.shared.visitor.identity import browser_of

__all__ = ["SPEEDS", "play_routes"]

SPEEDS = (0.25, 0.5, 1.0)
"""Multiples of real time that a person may play at."""
_MOST_GAMES = max(4, 3 * (os.cpu_count() or 1))
_MOST_OF_ONE = 2
"""Games of one browser."""
_PATIENCE_S = 300.0
"""A game that has not begun by then is closed."""
_TICK_S = 0.1
_BETWEEN_PICTURES_S = 0.1
"""A server that falls behind sends pictures no less often than this."""
_BEHIND_S = 0.25
"""Behind further than this, the game slows down, rather than run away from its player."""


@dataclass
class _Keys:
    """What the player does, as last heard."""

    action: int | None = None
    speed: float = 1.0
    has_begun: bool = False


class _Games:
    """How many games go on."""

    def __init__(self) -> None:
        self.count = 0
        self._of_one: Counter[str] = Counter()  # by browser

    @contextlib.contextmanager
    def one_more(self, browser: str) -> Iterator[None]:
        """Count a game of ``browser`` (an id; empty where it is not known) while it lasts.

        Raises :class:`BusyError` where there are too many, and :class:`LimitReachedError` where too many are its own.
        """
        if browser and self._of_one[browser] >= _MOST_OF_ONE:
            template = mark("You already have {count} games open: close one of their tabs, then play here.")
            raise LimitReachedError(template, count=_MOST_OF_ONE)
        if self.count >= _MOST_GAMES:
            raise BusyError(
                mark("All {count} places on the server are taken: try again in a minute."), count=self.count
            )
        self.count += 1
        self._of_one[browser] += 1
        try:
            yield
        finally:
            self.count -= 1
            self._of_one[browser] -= 1
            if not self._of_one[browser]:
                del self._of_one[browser]


def play_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The route of the games; ``manager`` gives the manager of the runs."""
    games = _Games()

    async def play(socket: WebSocket) -> None:
        if not _is_from_here(socket):
            await socket.close()
            return
        await socket.accept()
        try:
            with games.one_more(await run_in_threadpool(browser_of, socket)):
                await _play(socket, manager)
        except WebSocketDisconnect:
            return
        except Exception as raised:  # noqa: BLE001  an environment is other people's code
            error = as_rollout_error(raised)
            with contextlib.suppress(WebSocketDisconnect):
                await _send(socket, {"error": error_text(language_of(socket), error)})
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the browser may close it at the same moment
            await socket.close()

    return [WebSocketRoute("/live/play", play)]


def _is_from_here(socket: WebSocket) -> bool:
    """Whether the page that opens the socket is this server's: browsers let any page open one anywhere."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


async def _play(socket: WebSocket, manager: Callable[[], RunManager]) -> None:
    episode, frames_per_s, speed = await run_in_threadpool(_opened, dict(socket.query_params), manager)
    keys = _Keys(speed=speed)
    listening = asyncio.create_task(_listen(socket, keys, episode.n_actions))
    try:
        await _send(socket, _state(episode), await run_in_threadpool(episode.picture))
        if await _has_begun(keys, listening):
            await _run(socket, episode, keys, listening, frames_per_s)
    finally:
        listening.cancel()
        await run_in_threadpool(episode.close)


def _opened(query: dict[str, str], manager: Callable[[], RunManager]) -> tuple[HumanEpisode, float, float]:
    """The episode asked for, env steps a second at real time, and the share of that."""
    choice = EnvironmentChoice(query.get("env", ""))
    if "run" in query:
        choice = manager().snapshot(query["run"]).record.config.as_evaluated.environment
    elif ":" in choice.env_id:  # an address imports nothing
        template = mark("{env_id} names a module: start a run with it on the Train page, then play against that run.")
        raise RolloutError(template, env_id=choice.env_id[:200])
    seed, speed = query.get("seed", "0"), query.get("speed", "1")
    if not re.fullmatch(r"\d{1,12}", seed, re.ASCII):
        raise RolloutError(mark("{seed} is not a seed: enter a whole number."), seed=repr(seed[:40]))
    report = inspect_environment(*choice)
    preset = find_preset(choice.env_id)
    episode = HumanEpisode(choice, int(seed), preset.idle_actions if preset else ())
    return episode, report.frames_per_s, _speed(speed)


def _speed(value: object) -> float:
    """The speed nearest to what was asked for; real time where that is no number."""
    try:
        wanted = float(str(value))
    except ValueError:
        wanted = 1.0
    return min(SPEEDS, key=lambda speed: abs(speed - wanted)) if math.isfinite(wanted) else 1.0


async def _listen(socket: WebSocket, keys: _Keys, n_actions: int) -> None:
    """Take down what the player does, until the socket goes; what makes no sense is passed over."""
    with contextlib.suppress(WebSocketDisconnect, KeyError):
        while True:
            try:
                said = json.loads(await socket.receive_text())
            except (ValueError, RecursionError):
                continue
            if not isinstance(said, dict):
                continue
            if "speed" in said:
                keys.speed = _speed(said["speed"])
            action = said.get("action")
            if "action" in said and (action is None or (type(action) is int and 0 <= action < n_actions)):
                keys.action = action
                keys.has_begun = keys.has_begun or action is not None


async def _has_begun(keys: _Keys, listening: asyncio.Task[None]) -> bool:
    """Wait for the first key; False where none comes."""
    for _ in range(int(_PATIENCE_S / _TICK_S)):
        if keys.has_begun or listening.done() or is_closing():
            break
        await asyncio.sleep(_TICK_S / 4)
    return keys.has_begun and not listening.done()


async def _run(
    socket: WebSocket, episode: HumanEpisode, keys: _Keys, listening: asyncio.Task[None], frames_per_s: float
) -> None:
    """The game, in time."""
    due = pictured_at = time.monotonic()
    while not episode.is_over and not listening.done() and not is_closing():
        due += 1.0 / (frames_per_s * keys.speed)
        await run_in_threadpool(episode.step, keys.action)
        now = time.monotonic()
        is_shown = now < due or now > pictured_at + _BETWEEN_PICTURES_S or episode.is_over
        picture = await run_in_threadpool(episode.picture) if is_shown else b""
        pictured_at = now if is_shown else pictured_at
        await _send(socket, _state(episode), picture)
        due = max(due, time.monotonic() - _BEHIND_S)
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _state(episode: HumanEpisode) -> dict[str, Any]:
    return {
        "step": episode.length,
        "episode_return": episode.episode_return,
        "over": episode.is_over,
        "truncated": episode.truncated and not episode.terminated,
    }


async def _send(socket: WebSocket, values: dict[str, Any], picture: bytes = b"") -> None:
    text = json_text(values).encode()
    await socket.send_bytes(struct.pack("<I", len(text)) + text + picture)
