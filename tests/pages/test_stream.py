from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.runs.live_feed import FeedUpdate, LiveFeed
from dqn_core.runs.records import RunRecord
from dqn_core.runs.store import RunStore
from dqn_core.runs.view import RunView
from pages.train import stream
from pages.train.stream import RunStreams
from pages.train.wire import HEARTBEAT, Cursor
from scripted_trainer import ended, episode, progress

_RUN = "20260401-143501-x7k2"


@pytest.fixture
def view(tmp_path: Path) -> Iterator[RunView]:
    config = TrainingConfig()
    now = datetime(2026, 4, 1, tzinfo=UTC)
    record = RunRecord(run_id=_RUN, name="a run", config=config, initial_config=config, started_at=now)
    store = RunStore(tmp_path / "runs.sqlite")
    store.create_run(record)
    yield RunView(LiveFeed(record), store)
    store.close()


def _nothing() -> None:
    """What a stream does for a run that nobody counts the viewers of."""


def _episodes(text: bytes) -> list[int]:
    values: dict[str, Any] = json.loads(text.decode().split("data: ")[1])
    numbers: list[int] = values["episodes"]["columns"]["episode"]
    return numbers


def test_the_first_message_comes_at_once(view: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_TICK_S", 3_600.0)

    async def look() -> bytes:
        async with aclosing(RunStreams(lambda: False).events(view, Cursor(), _nothing, with_frames=False)) as messages:
            return await asyncio.wait_for(anext(messages), timeout=30)

    assert _episodes(asyncio.run(look())) == []


def test_messages_come_ten_times_a_second_at_most(view: RunView) -> None:
    async def look() -> float:
        async with aclosing(RunStreams(lambda: False).events(view, Cursor(), _nothing, with_frames=False)) as messages:
            await anext(messages)
            began = time.monotonic()
            for step in range(5):
                view.feed.publish(progress(step))
                await anext(messages)
            return time.monotonic() - began

    assert asyncio.run(look()) >= 0.4  # of five ticks, the first may have been near


def test_a_slow_viewer_gets_one_larger_update(view: RunView) -> None:
    async def look() -> list[int]:
        async with aclosing(RunStreams(lambda: False).events(view, Cursor(), _nothing, with_frames=False)) as messages:
            await anext(messages)
            for number in range(1, 101):  # while the viewer's connection takes nothing
                view.feed.publish(episode(number))
                view.feed.publish(progress(number))
            return _episodes(await anext(messages))

    assert asyncio.run(look()) == list(range(1, 101))


def test_viewers_with_the_same_rows_share_a_message(view: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = stream.message

    def count(update: FeedUpdate, since: Cursor, *, with_frames: bool) -> bytes:
        made.append(update.version)
        return make(update, since, with_frames=with_frames)

    monkeypatch.setattr(stream, "message", count)

    async def look(streams: RunStreams) -> list[int]:
        return [
            number
            async for text in streams.events(view, Cursor(), _nothing, with_frames=False)
            for number in _episodes(text)
        ]

    async def crowd() -> list[list[int]]:
        streams = RunStreams(lambda: False)
        viewers = [asyncio.ensure_future(look(streams)) for _ in range(50)]
        for number in range(1, 6):
            await asyncio.sleep(0.1)
            view.feed.publish(episode(number))
        view.feed.publish(ended())
        view.feed.close()
        return await asyncio.gather(*viewers)

    assert asyncio.run(crowd()) == [[1, 2, 3, 4, 5]] * 50
    assert len(made) < 50  # one a tick, where each on its own would have made 50 a tick


def test_a_viewer_that_leaves_takes_nothing_from_the_others(view: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both wait for the same message, which is made in a worker thread."""
    monkeypatch.setattr(stream, "_INLINE_ROWS", -1)

    async def crowd() -> bytes:
        streams = RunStreams(lambda: False)
        leaves, stays = (
            asyncio.ensure_future(anext(streams.events(view, Cursor(), _nothing, with_frames=False))),
            asyncio.ensure_future(anext(streams.events(view, Cursor(), _nothing, with_frames=False))),
        )
        await asyncio.sleep(0)
        leaves.cancel()
        return await stays

    assert _episodes(asyncio.run(crowd())) == []


def test_a_quiet_stream_gives_signs_of_life(view: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_HEARTBEAT_S", 0.2)

    async def look() -> bytes:
        async with aclosing(RunStreams(lambda: False).events(view, Cursor(), _nothing, with_frames=False)) as messages:
            await anext(messages)
            return await anext(messages)

    assert asyncio.run(look()) == HEARTBEAT


def test_a_stream_ends_with_the_server(view: RunView) -> None:
    closing: list[bool] = []

    async def look() -> int:
        count = 0
        async for _ in RunStreams(lambda: bool(closing)).events(view, Cursor(), _nothing, with_frames=False):
            count += 1
            closing.append(True)
        return count

    assert asyncio.run(look()) == 1


def test_frames_are_asked_for_as_long_as_the_viewer_is_there(view: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_BETWEEN_LOOKS_S", 0.15)
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())

    async def look() -> None:
        streams = RunStreams(lambda: len(asked) == 3)
        async with aclosing(streams.events(view, Cursor(), ask, with_frames=True)) as messages:
            async for _ in messages:
                pass

    asyncio.run(look())
    assert asked[1] - asked[0] >= 0.15
    assert len(asked) == 3


def test_a_browser_with_many_streams_keeps_connections_for_everything_else(view: RunView) -> None:
    view.feed.publish(episode(1))
    streams = RunStreams(lambda: False)

    async def look() -> None:
        def opened(browser: str = "ann", rows: int = 0) -> AsyncGenerator[bytes]:
            return streams.events(view, Cursor(rows=rows), _nothing, with_frames=False, browser=browser)

        lasting = [opened() for _ in range(3)]
        for each in lasting:
            assert _episodes(await anext(each)) == [1]
        assert [_episodes(each) async for each in opened()] == [[1]]  # it has brought all, and ends
        assert [_episodes(each) async for each in opened(rows=1)] == [[]]
        for other in ("ben", ""):
            async with aclosing(opened(other)) as elsewhere:
                assert _episodes(await anext(elsewhere)) == [1]
                view.feed.publish(progress(7))
                assert _episodes(await anext(elsewhere)) == []
        await lasting.pop().aclose()
        async with aclosing(opened()) as next_one:  # in its place
            await anext(next_one)
            view.feed.publish(progress(8))
            await anext(next_one)
        for each in lasting:
            await each.aclose()

    asyncio.run(look())
