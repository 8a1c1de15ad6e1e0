"""The live socket as such: subscriptions, cursors, errors, slow and rude browsers; the topics are the test's own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest
from starlette.applications import Starlette

from asgi_socket import AsgiSocket, SocketClosedError
from dqn_core.errors import StoreError, UnknownRunError
from pages.server.middleware import OwnOrigins
from pages.shared.browser import live_socket
from pages.shared.browser.live_socket import News, Subscription, Topic, live_socket_routes, next_tick, polled
from pages.shared.texts.i18n import translate

_DAMAGED = "This never should have happened"


async def _count(subscription: Subscription) -> AsyncGenerator[News]:
    """Counts on from its cursor, at each tick, up to its parameter ``to``."""
    count, end = subscription.reached("count"), subscription.parameters.get("to", 10**6)
    while count < end:
        count += 1
        yield News(str(count), {"count": count}, is_last=count == end)
        await next_tick()


async def _quiet(_subscription: Subscription) -> AsyncGenerator[News]:
    yield News('"here"')
    await asyncio.Event().wait()


def _opened(is_closing: Callable[[], bool] = lambda: False, **topics: Topic) -> AsgiSocket:
    given: dict[str, Topic] = {"count": _count, "quiet": _quiet, **topics}
    return AsgiSocket(Starlette(routes=live_socket_routes(given, is_closing)), "/live/socket")


def _say(socket: AsgiSocket, **values: Any) -> None:
    socket.send_text(json.dumps(values))


def _run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def test_a_topic_is_followed_from_a_cursor_to_its_end() -> None:
    async def follow() -> None:
        async with _opened() as socket:
            _say(socket, subscribe=7, topic="count", parameters={"to": 5}, cursor={"count": 2})
            heard = [await socket.receive_json() for _ in range(3)]
            assert heard[0] == {"subscription": 7, "cursor": {"count": 3}, "over": False, "data": 3}
            assert [each["data"] for each in heard] == [3, 4, 5]
            assert [each["over"] for each in heard] == [False, False, True]
            _say(socket, subscribe=7, topic="count", parameters={"to": 1})  # its number is free again
            assert (await socket.receive_json())["data"] == 1

    _run(follow)


def test_one_socket_carries_many_topics_until_each_is_let_go_of() -> None:
    async def follow() -> None:
        async with _opened() as socket:
            _say(socket, subscribe=1, topic="count")
            _say(socket, subscribe=2, topic="count", cursor={"count": 100})
            _say(socket, subscribe=3, topic="quiet")
            numbers = {(await socket.receive_json())["subscription"] for _ in range(3)}
            assert numbers == {1, 2, 3}
            _say(socket, unsubscribe=1)
            _say(socket, unsubscribe=77)  # nobody's
            _say(socket, subscribe=4, topic="quiet")
            while (await socket.receive_json())["subscription"] != 4:  # what came before it is read by now
                pass
            assert [(await socket.receive_json())["subscription"] for _ in range(3)] == [2, 2, 2]

    _run(follow)


def test_the_first_message_waits_for_no_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow() -> None:
        tick = asyncio.Event()
        monkeypatch.setattr(live_socket, "next_tick", lambda *_every_s: tick.wait())
        async with _opened(polled=polled(lambda _subscription: News("0", {"count": 0}), 0.1)) as socket:
            for number in range(20):
                _say(socket, subscribe=number, topic="polled")
                assert (await socket.receive_json())["subscription"] == number
            tick.set()

    _run(follow)


def test_nothing_is_queued_for_a_browser_that_does_not_read() -> None:
    made = 0

    async def growing(_subscription: Subscription) -> AsyncGenerator[News]:
        nonlocal made
        while True:
            made += 1
            yield News(str(made), {"count": made})
            await asyncio.sleep(0.001)

    async def follow() -> None:
        async with _opened(growing=growing) as socket:
            _say(socket, subscribe=1, topic="growing")
            await socket.receive_json()
            socket.stop_reading()
            await asyncio.sleep(0.3)
            before = made
            await asyncio.sleep(0.3)
            assert made == before  # nothing was made while the last message was not taken

    _run(follow)


def test_a_slow_topic_keeps_no_other_waiting() -> None:
    async def never(_subscription: Subscription) -> AsyncGenerator[News]:
        await asyncio.Event().wait()
        yield News("0")

    async def follow() -> None:
        async with _opened(never=never) as socket:
            _say(socket, subscribe=1, topic="never")
            _say(socket, subscribe=2, topic="count", parameters={"to": 3})
            assert [(await socket.receive_json())["data"] for _ in range(3)] == [1, 2, 3]

    _run(follow)


def test_who_wishes_the_same_shares_one_reading() -> None:
    read: list[str] = []

    def look(subscription: Subscription) -> News:
        read.append(subscription.language)
        return News(json.dumps(len(read)))

    async def crowd() -> None:
        app = Starlette(routes=live_socket_routes({"look": polled(look, 60.0)}, lambda: False))
        sockets = [AsgiSocket(app, "/live/socket") for _ in range(20)]
        for number, socket in enumerate(sockets):
            await socket.__aenter__()
            _say(socket, subscribe=1, topic="look", language="ko" if number == 0 else "en")
        heard = [(await socket.receive_json())["data"] for socket in sockets]
        assert sorted(read) == ["en", "ko"]
        assert len(set(heard[1:])) == 1
        for socket in sockets:
            await socket.__aexit__()

    _run(crowd)


def test_what_was_said_already_is_no_news() -> None:
    answers = ["1", "1", "1", "2", "2"]

    def look(_subscription: Subscription) -> News:
        text = answers.pop(0)
        return News(text, is_last=not answers)

    async def follow() -> None:
        async with _opened(look=polled(look, 0.02)) as socket:
            _say(socket, subscribe=1, topic="look")
            heard = [await socket.receive_json() for _ in range(3)]
            assert [each["data"] for each in heard] == [1, 2, 2]  # the last once more, for it is over

    _run(follow)


def test_a_passing_error_is_told_once_and_tried_again_from_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket, "_RETRY_S", 0.02)
    failures = [StoreError(_DAMAGED), StoreError(_DAMAGED), StoreError("Elsewhere")]

    async def shaky(subscription: Subscription) -> AsyncGenerator[News]:
        count = subscription.reached("count") + 1
        if count == 2 and failures:
            raise failures.pop(0)
        yield News(str(count), {"count": count}, is_last=count == 3)
        async for news in shaky(Subscription(cursor={"count": count})):
            yield news

    async def follow() -> None:
        async with _opened(shaky=shaky) as socket:
            _say(socket, subscribe=1, topic="shaky")
            heard = [await socket.receive_json() for _ in range(5)]
            assert [each.get("data", each.get("error")) for each in heard] == [1, _DAMAGED, "Elsewhere", 2, 3]
            assert [each["over"] for each in heard] == [False, False, False, False, True]

    _run(follow)


def test_an_error_for_good_ends_its_subscription_alone_in_the_readers_language() -> None:
    template = "There is no run {run_id}: choose one from the list of runs."

    async def lost(_subscription: Subscription) -> AsyncGenerator[News]:
        raise UnknownRunError(template, run_id="x")
        yield News("0")

    async def follow() -> None:
        async with _opened(lost=lost) as socket:
            _say(socket, subscribe=1, topic="lost", language="ko")
            heard = await socket.receive_json()
            assert (heard["subscription"], heard["over"]) == (1, True)
            assert heard["error"] == translate("ko", template).format(run_id="x")
            assert heard["error"] != template.format(run_id="x")
            _say(socket, subscribe=1, topic="count", parameters={"to": 1})
            assert (await socket.receive_json())["data"] == 1

    _run(follow)


def test_a_mistake_in_a_topics_code_is_logged_and_told_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_subscription: Subscription) -> AsyncGenerator[News]:
        raise ZeroDivisionError(_DAMAGED)
        yield News("0")

    async def follow() -> None:
        async with _opened(broken=broken) as socket:
            _say(socket, subscribe=1, topic="broken", language="ko")
            heard = await socket.receive_json()
            assert heard["over"]
            assert _DAMAGED not in heard["error"]
            assert "서버" in heard["error"]
            _say(socket, subscribe=2, topic="quiet")
            assert (await socket.receive_json())["data"] == "here"

    _run(follow)
    assert _DAMAGED in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "",
        "[]",
        "1",
        "null",
        "{}",
        '{"subscribe": "1", "topic": "count"}',
        '{"subscribe": true, "topic": "count"}',
        '{"subscribe": -1, "topic": "count"}',
        '{"subscribe": 1e3, "topic": "count"}',
        '{"subscribe": 99999999999999999999, "topic": "count"}',
        '{"unsubscribe": null}',
        "[" * 10_000,
        '{"subscribe": 1, "topic": "' + "x" * 20_000 + '"}',
        '{"subscribe": 1, "topic": "quiet", "x": ' + "[" * 500 + "]" * 500 + "}",
    ],
)
def test_what_makes_no_sense_is_said_and_the_socket_goes_on(text: str) -> None:
    async def follow() -> None:
        async with _opened() as socket:
            socket.send_text(text)
            heard = await socket.receive_json()
            assert heard.get("data") == "here" or ("subscription" not in heard and 10 < len(heard["error"]) < 200)
            _say(socket, subscribe=5, topic="quiet")
            assert (await socket.receive_json())["subscription"] == 5

    _run(follow)


def test_bytes_are_no_message() -> None:
    async def follow() -> None:
        async with _opened() as socket:
            socket.send_bytes(b'{"subscribe": 1, "topic": "quiet"}')
            assert "error" in await socket.receive_json()

    _run(follow)


@pytest.mark.parametrize(
    ("subscription", "said"),
    [
        ({"topic": "secrets"}, "topic must be one of count, quiet, not 'secrets'"),
        ({"topic": None}, "topic"),
        ({"topic": ["count"]}, "topic"),
        ({"topic": "count", "language": "xx"}, "language must be one of en, ko"),
        ({"topic": "count", "language": 3}, "language"),
        ({"topic": "count", "parameters": [1]}, "parameters"),
        ({"topic": "count", "cursor": 3}, "cursor"),
        ({"topic": "count", "cursor": {"count": -1}}, "count in the cursor"),
        ({"topic": "count", "cursor": {"count": 1.5}}, "count in the cursor"),
        ({"topic": "count", "cursor": {"count": True}}, "count in the cursor"),
        ({"topic": "count", "cursor": {"count": 10**30}}, "count in the cursor"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused_by_its_number(subscription: dict[str, Any], said: str) -> None:
    async def follow() -> None:
        async with _opened() as socket:
            _say(socket, subscribe=3, **subscription)
            heard = await socket.receive_json()
            assert (heard["subscription"], heard["over"]) == (3, True)
            assert said in heard["error"]

    _run(follow)


@pytest.mark.parametrize(
    ("parameters", "read", "said"),
    [
        ({}, lambda subscription: subscription.text("run"), "run must be a text, not None"),
        ({"run": 3}, lambda subscription: subscription.text("run"), "run must be a text, not 3"),
        ({"run": "x" * 500}, lambda subscription: subscription.flag("run"), "true or false"),
        ({"frames": 1}, lambda subscription: subscription.flag("frames"), "true or false, not 1"),
        ({"ids": "x"}, lambda subscription: subscription.texts("ids", 2), "at most 2 texts"),
        ({"ids": ["a", 1]}, lambda subscription: subscription.texts("ids", 2), "at most 2 texts"),
        ({"ids": ["a"] * 3}, lambda subscription: subscription.texts("ids", 2), "at most 2 texts"),
    ],
)
def test_parameters_are_checked_as_a_topic_reads_them(
    parameters: dict[str, Any], read: Callable[[Subscription], object], said: str
) -> None:
    async def strict(subscription: Subscription) -> AsyncGenerator[News]:
        yield News(json.dumps(read(subscription)))

    async def follow() -> None:
        async with _opened(strict=strict) as socket:
            _say(socket, subscribe=1, topic="strict", parameters=parameters)
            heard = await socket.receive_json()
            assert said in heard["error"]
            assert len(heard["error"]) < 150

    _run(follow)


def test_thousands_of_subscriptions_are_bounded() -> None:
    async def follow() -> None:
        async with _opened() as socket:
            for number in range(120):
                _say(socket, subscribe=number, topic="quiet")
            heard = [await socket.receive_json() for _ in range(120)]
            refused = [each for each in heard if "error" in each]
            assert len(refused) == 120 - 64
            assert {each["over"] for each in refused} == {True}
            assert "at most 64" in refused[0]["error"]
            _say(socket, subscribe=0, topic="quiet")
            assert "already" in (await socket.receive_json())["error"]

    _run(follow)


def test_a_flood_is_read_slowly_and_costs_its_sender_alone() -> None:
    async def follow() -> None:
        async with _opened() as rude, _opened() as polite:
            for _ in range(10_000):
                rude.send_text("flood")
            began = time.monotonic()
            _say(polite, subscribe=1, topic="count", parameters={"to": 5})
            assert [(await polite.receive_json())["data"] for _ in range(5)] == [1, 2, 3, 4, 5]
            assert rude.unread <= 201 + 20 * (time.monotonic() - began)  # two hundred at once, then twenty a second
            said = [(await rude.receive_json())["error"] for _ in range(rude.unread)]
            assert sum("too many messages" in each for each in said) == 1

    _run(follow)


def test_a_quiet_socket_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket, "_HEARTBEAT_S", 0.2)

    async def follow() -> None:
        async with _opened() as socket:
            assert await socket.receive_json() == {"beat": 1}
            _say(socket, subscribe=1, topic="count", parameters={"to": 8})
            heard = [await socket.receive_json()]
            while heard[-1] != {"beat": 1} or heard[-2].get("data") != 8:
                heard.append(await socket.receive_json())
            assert [each["data"] for each in heard if "data" in each] == [1, 2, 3, 4, 5, 6, 7, 8]

    _run(follow)


@pytest.mark.parametrize("is_reading", [True, False])
def test_every_socket_ends_with_the_server(is_reading: bool) -> None:
    closing: list[bool] = []

    async def follow() -> None:
        async with _opened(lambda: bool(closing)) as socket:
            _say(socket, subscribe=1, topic="quiet")
            await socket.receive_json()
            if not is_reading:
                socket.stop_reading()
            closing.append(True)
            await socket.ended()
            assert is_reading is (socket.unread == 1)  # the close

    _run(follow)


def test_topics_are_closed_when_the_tab_goes() -> None:
    closed: list[int] = []

    async def watched(subscription: Subscription) -> AsyncGenerator[News]:
        try:
            async for news in _count(subscription):
                yield news
        finally:
            closed.append(1)

    async def follow() -> None:
        async with _opened(watched=watched) as socket:
            for number in range(3):
                _say(socket, subscribe=number, topic="watched")
                await socket.receive_json()
            _say(socket, unsubscribe=0)
            while not closed:  # noqa: ASYNC110  a topic is no coroutine's to wait for
                await asyncio.sleep(0.01)
            assert closed == [1]
        assert closed == [1, 1, 1]

    _run(follow)


@pytest.mark.parametrize(
    ("origin", "is_refused"),
    [(None, False), ("http://lab", False), ("http://elsewhere.example", True), ("null", True), ("http://[", True)],
)
def test_a_page_of_another_site_opens_no_socket(origin: str | None, is_refused: bool) -> None:
    async def follow() -> None:
        app = OwnOrigins(Starlette(routes=live_socket_routes({"quiet": _quiet}, lambda: False)))
        socket = AsgiSocket(app, "/live/socket", origin=origin)
        if is_refused:
            with pytest.raises(SocketClosedError):
                await socket.__aenter__()
            return
        async with socket:
            _say(socket, subscribe=1, topic="quiet")
            assert (await socket.receive_json())["data"] == "here"

    _run(follow)
