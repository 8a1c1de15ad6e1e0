from __future__ import annotations

import asyncio
import io
import json
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette

import fake_environments as fake
import pages.play.socket as play
from asgi_socket import AsgiSocket, SocketClosedError
from dqn_core.config import TrainingConfig
from dqn_core.runs.manager import RunManager

Message = tuple[dict[str, Any], bytes]
Opened = Callable[..., AsgiSocket]
CORRIDOR = f"env={fake.CORRIDOR}"


@pytest.fixture
def game(manager: RunManager) -> Opened:
    """Open a game: ``game("env=CartPole-v1&seed=1")``."""
    fake.register()
    app = Starlette(routes=play.play_routes(lambda: manager))
    return lambda query, **options: AsgiSocket(app, "/live/play", query, **options)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


async def read(socket: AsgiSocket) -> Message:
    message = await socket.receive_bytes()
    (length,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


async def read_to_the_end(socket: AsgiSocket) -> list[Message]:
    messages = [await read(socket)]
    while not messages[-1][0]["over"]:
        messages.append(await read(socket))
    return messages


def press(socket: AsgiSocket, action: int | None, **more: object) -> None:
    socket.send_text(json.dumps({"action": action} | more))


def test_a_game_begins_with_a_key_and_goes_to_its_end(game: Opened) -> None:
    async def play_one() -> None:
        async with game(f"{CORRIDOR}&seed=3") as socket:
            state, picture = await read(socket)
            assert state == {"step": 0, "episode_return": 0.0, "over": False, "truncated": False}
            assert Image.open(io.BytesIO(picture)).size == (8, 8)
            press(socket, 1)
            messages = await read_to_the_end(socket)
            assert [each[0]["step"] for each in messages] == [1, 2, 3, 4, 5]
            assert messages[-1][0] == {"step": 5, "episode_return": 5.0, "over": True, "truncated": False}
            assert messages[-1][1]
            with pytest.raises(SocketClosedError):
                await read(socket)

    run(play_one)


def test_keys_change_what_is_done_and_nonsense_is_passed_over(game: Opened) -> None:
    async def play_one() -> None:
        async with game(f"{CORRIDOR}&speed=0.25") as socket:
            await read(socket)
            for nonsense in ("no json", "[" * 100_000, "[]", '{"action": 7}', '{"action": true}', '{"speed": "x"}'):
                socket.send_text(nonsense)
            press(socket, 1)
            await read(socket)
            press(socket, 0, speed=1)
            last = (await read_to_the_end(socket))[-1][0]
            assert last["truncated"]
            assert 1.0 <= last["episode_return"] <= 4.0

    run(play_one)


def test_a_run_lends_its_environment_and_its_limit(game: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig(env_id="CartPole-v1", max_episode_steps=4))

    async def play_one() -> None:
        async with game(f"run={run_id}&seed=1") as socket:
            await read(socket)
            press(socket, 1)
            last = (await read_to_the_end(socket))[-1][0]
            assert (last["step"], last["episode_return"], last["truncated"]) == (4, 4.0, True)

    run(play_one)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("env=Gone-v0", "Gone-v0"),
        ("env=os:system", "names a module"),
        ("", "environment"),
        ("run=20260401-143501-zzzz", "no run"),
        ("env=CartPole-v1&seed=x", "is not a seed"),
        ("env=CartPole-v1&seed=2147483648", "from 0 to 2,147,483,647"),
        ("env=Pendulum-v1", "Discrete"),
    ],
)
def test_what_cannot_be_played_is_said(game: Opened, query: str, says: str) -> None:
    async def play_one() -> None:
        async with game(query) as socket:
            said, _ = await read(socket)
            assert says in said["error"]
            with pytest.raises(SocketClosedError):
                await read(socket)

    run(play_one)


def test_a_refusal_is_said_in_the_language_of_the_address(game: Opened) -> None:
    async def play_one() -> None:
        async with game("run=20260401-143501-zzzz&lang=ko") as socket:
            said, _ = await read(socket)
            assert "20260401-143501-zzzz" in said["error"]
            assert "실행" in said["error"]

    run(play_one)


def test_an_environment_that_breaks_says_so(
    game: Opened, manager: RunManager, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = manager.start(TrainingConfig(env_id=fake.RAISING, max_episode_steps=50))

    async def play_one() -> None:
        async with game(f"run={run_id}") as socket:
            await read(socket)
            press(socket, 0)
            said = [each async for each in _messages(socket)][-1]
            assert "the motor is on fire" in said["error"]

    run(play_one)
    assert "the motor is on fire" in caplog.text


async def _messages(socket: AsgiSocket) -> Any:
    """All that comes until the socket is closed."""
    while True:
        try:
            yield (await read(socket))[0]
        except SocketClosedError:
            return


def test_places_are_bounded_and_free_again_when_the_socket_goes(game: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "_MOST_GAMES", 1)
    closed: list[int] = []
    close = play.HumanEpisode.close
    monkeypatch.setattr(play.HumanEpisode, "close", lambda self: (closed.append(1), close(self)))

    async def play_some() -> None:
        async with game(CORRIDOR) as first:
            await read(first)
            async with game(CORRIDOR) as second:
                assert "taken" in (await read(second))[0]["error"]
            assert closed == []
        assert closed == [1]
        async with game(CORRIDOR) as third:
            assert (await read(third))[0]["step"] == 0

    run(play_some)


def test_a_page_of_another_server_cannot_play(game: Opened) -> None:
    async def play_some() -> None:
        with pytest.raises(SocketClosedError):
            async with game(CORRIDOR, origin="http://elsewhere.example"):
                pass
        async with game(CORRIDOR, origin="http://lab") as socket:
            await read(socket)

    run(play_some)


def test_a_game_that_nobody_begins_is_given_up(game: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "_PATIENCE_S", 0.0)

    async def play_one() -> None:
        async with game(CORRIDOR) as socket:
            await read(socket)
            with pytest.raises(SocketClosedError):
                await read(socket)

    run(play_one)


def test_one_browser_does_not_take_all_places(game: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "browser_of", lambda socket: socket.query_params.get("who", ""))

    async def scenario() -> None:
        async with game(f"{CORRIDOR}&who=ann") as first, game(f"{CORRIDOR}&who=ann") as second:
            await read(first)
            await read(second)
            async with game(f"{CORRIDOR}&who=ann") as third:
                assert "2 games open" in (await read(third))[0]["error"]
            async with game(f"{CORRIDOR}&who=ben") as other:
                assert (await read(other))[0]["step"] == 0

    run(scenario)
