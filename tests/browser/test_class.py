"""A class at one server, spoken to as browsers do: the students of the benchmark."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from benchmarks.student import Student
from live_server import LiveServer

STUDENTS = 3


async def _train(url: str) -> tuple[str, str, str]:
    async with Student(url) as student:
        await student.enter()
        await student.choose("Preset", "Course lab")
        await student.press("Start")
        await student.switch("Show agent", is_on=False)
        async for message in student.run_messages():
            last = message
        assert last["over"]
        return student.run_id, last["run_id"], last["state"]


async def _lesson(url: str) -> list[tuple[str, str, str]]:
    return await asyncio.gather(*(_train(url) for _ in range(STUDENTS)))


def test_each_student_of_a_class_gets_a_run_of_their_own(server: LiveServer) -> None:
    with ThreadPoolExecutor(1) as beside_playwrights_loop:
        runs = beside_playwrights_loop.submit(asyncio.run, _lesson(server.url)).result(60)
    assert len({shown for shown, _streamed, _state in runs}) == STUDENTS
    assert all(shown == streamed and state == "finished" for shown, streamed, state in runs)
