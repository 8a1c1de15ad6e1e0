"""A run as a topic: what a viewer gets of it, from its cursor on, at its own pace."""

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
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.view import RunView
from pages.shared.browser.live_socket import News, Subscription, Topic
from pages.train import stream
from pages.train.stream import run_topic
from pages.train.wire import Cursor
from scripted_trainer import ended, episode, frame, progress

_RUN = "20260401-143501-x7k2"


class OneRun:
    """A manager of one run: what a topic asks of one, and what it was asked."""

    def __init__(self, view: RunView) -> None:
        self.own = view
        self.looks: list[tuple[str, float, float]] = []  # of what kind, for how long, when

    @property
    def feed(self) -> LiveFeed:
        return self.own.feed

    def view(self, run_id: str) -> RunView:
        assert run_id == _RUN
        return self.own

    def look(self, _run_id: str) -> None:
        self.looks.append(("look", 0.0, time.monotonic()))

    def watch(self, _run_id: str, seconds: float, *, with_saliency: bool) -> None:
        self.looks.append(("watch with saliency" if with_saliency else "watch", seconds, time.monotonic()))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[OneRun]:
    config = TrainingConfig()
    now = datetime(2026, 4, 1, tzinfo=UTC)
    record = RunRecord(run_id=_RUN, name="a run", config=config, initial_config=config, started_at=now)
    store = RunStore(tmp_path / "runs.sqlite")
    store.create_run(record)
    yield OneRun(RunView(LiveFeed(record), store))
    store.close()


def _topic(run: OneRun) -> Topic:
    return run_topic(lambda: run)  # type: ignore[arg-type, return-value]


def _subscription(language: str = "en", *, frames: bool = False, **cursor: int) -> Subscription:
    return Subscription(parameters={"run": _RUN, "frames": frames}, cursor=cursor, language=language)


def _opened(run: OneRun, subscription: Subscription | None = None) -> AsyncGenerator[News]:
    return _topic(run)(subscription or _subscription())


def _data(news: News) -> dict[str, Any]:
    values: dict[str, Any] = json.loads("{" + news.text)["data"]
    return values


def _episodes(news: News) -> list[int]:
    numbers: list[int] = _data(news)["episodes"]["columns"]["episode"]
    return numbers


def test_frames_are_asked_for_with_what_matters_in_them(run: OneRun) -> None:
    parameters = {"run": _RUN, "frames": True, "saliency": True}

    async def look() -> None:
        async with aclosing(_opened(run, Subscription(parameters=parameters, cursor={}, language="en"))) as messages:
            await anext(messages)

    asyncio.run(look())
    assert [kind for kind, *_ in run.looks] == ["watch with saliency"]


def test_the_first_message_waits_for_no_tick(run: OneRun, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(stream, "next_tick", never)

    async def look() -> News:
        async with aclosing(_opened(run)) as messages:
            return await anext(messages)

    assert _episodes(asyncio.run(look())) == []


def test_messages_come_ten_times_a_second_at_most(run: OneRun) -> None:
    async def look() -> float:
        async with aclosing(_opened(run)) as messages:
            await anext(messages)
            began = time.monotonic()
            for step in range(5):
                run.feed.publish(progress(step))
                await anext(messages)
            return time.monotonic() - began

    assert asyncio.run(look()) >= 0.4  # of five ticks, the first may have been near


def test_a_slow_viewer_gets_one_larger_update(run: OneRun) -> None:
    async def look() -> News:
        async with aclosing(_opened(run)) as messages:
            await anext(messages)
            for number in range(1, 101):  # while the viewer's connection takes nothing
                run.feed.publish(episode(number))
                run.feed.publish(progress(number))
            return await anext(messages)

    news = asyncio.run(look())
    assert _episodes(news) == list(range(1, 101))
    assert news.cursor == {"rows": 100, "changes": 0, "frame": 0}


def test_a_viewer_that_comes_back_with_its_cursor_gets_what_follows(run: OneRun) -> None:
    for number in range(1, 11):
        run.feed.publish(episode(number))

    async def look(subscription: Subscription) -> News:
        async with aclosing(_opened(run, subscription)) as messages:
            return await anext(messages)

    first = asyncio.run(look(_subscription(rows=4)))
    assert _episodes(first) == [5, 6, 7, 8, 9, 10]
    assert first.cursor["rows"] == 10
    assert _episodes(asyncio.run(look(Subscription(parameters={"run": _RUN}, cursor=first.cursor)))) == []


def test_viewers_with_the_same_rows_share_a_message(run: OneRun, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = stream.message

    def count(update: FeedUpdate, since: Cursor, language: str, *, with_frames: bool) -> str:
        made.append(update.version)
        return make(update, since, language, with_frames=with_frames)

    monkeypatch.setattr(stream, "message", count)

    async def look(topic: Topic) -> list[int]:
        return [number async for news in topic(_subscription()) for number in _episodes(news)]

    async def crowd() -> list[list[int]]:
        topic = _topic(run)
        viewers = [asyncio.ensure_future(look(topic)) for _ in range(50)]
        for number in range(1, 6):
            await asyncio.sleep(0.1)
            run.feed.publish(episode(number))
        run.feed.publish(ended())
        run.feed.close()
        return await asyncio.gather(*viewers)

    assert asyncio.run(crowd()) == [[1, 2, 3, 4, 5]] * 50
    assert len(made) < 50  # one a tick, where each on its own would have made 50 a tick


def test_a_viewer_that_leaves_takes_nothing_from_the_others(run: OneRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both wait for the same message, which is made in a worker thread."""
    monkeypatch.setattr(stream, "_INLINE_ROWS", -1)

    async def crowd() -> News:
        topic = _topic(run)
        leaves, stays = (
            asyncio.ensure_future(anext(topic(_subscription()))),
            asyncio.ensure_future(anext(topic(_subscription()))),
        )
        await asyncio.sleep(0)
        leaves.cancel()
        return await stays

    assert _episodes(asyncio.run(crowd())) == []


def test_readers_of_two_languages_each_get_their_own(run: OneRun) -> None:
    async def look() -> list[str]:
        topic = _topic(run)
        async with aclosing(topic(_subscription("en"))) as english, aclosing(topic(_subscription("ko"))) as korean:
            return [_data(await anext(each))["message"] for each in (english, korean)]

    assert asyncio.run(look()) == ["Preparing the learner…", "학습기를 준비하는 중…"]


@pytest.mark.parametrize(("frames", "kind"), [(True, "watch"), (False, "look")])
def test_a_viewer_is_noticed_as_long_as_it_is_there(
    run: OneRun, monkeypatch: pytest.MonkeyPatch, frames: bool, kind: str
) -> None:
    monkeypatch.setattr(stream, "_BETWEEN_LOOKS_S", 0.15)

    async def look() -> None:
        async with aclosing(_opened(run, _subscription(frames=frames))) as messages:
            await anext(messages)
            waiting = asyncio.ensure_future(anext(messages))
            while len(run.looks) < 3:  # noqa: ASYNC110  the manager is no coroutine's
                await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(look())
    (first, second, third) = run.looks[:3]
    assert {each[0] for each in run.looks} == {kind}
    assert second[2] - first[2] >= 0.15
    assert not frames or third[2] - second[2] < first[1]  # asked for again before the frames end


def test_frames_come_to_those_who_watch_each_once(run: OneRun) -> None:
    run.feed.publish(frame(1))

    async def look() -> None:
        topic = _topic(run)
        async with aclosing(topic(_subscription(frames=True))) as watching, aclosing(topic(_subscription())) as other:
            news = await anext(watching)
            assert _data(news)["frame"]["number"] == 1
            assert _data(await anext(other))["frame"] is None
            run.feed.publish(progress(7))
            assert _data(await anext(watching))["frame"] is None
            async with aclosing(topic(_subscription(frames=True, **news.cursor))) as again:
                assert _data(await anext(again))["frame"] is None

    asyncio.run(look())
