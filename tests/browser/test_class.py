"""A class at one server, spoken to as browsers do: the students of the benchmark."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from benchmarks.student import Student
from live_server import LiveServer

STUDENTS = 3


async def _train(url: str) -> tuple[str, str]:
    async with Student(url) as student:
        await student.enter()
        await student.choose("Preset", "Course lab")
        await student.press("Full speed")
        await student.press("Start")
        await student.switch("Show agent", is_on=False)
        async for message in student.run_messages():  # to the run's end
            last = message
        return student.run_id, last["state"]


async def _lesson(url: str) -> list[tuple[str, str]]:
    return await asyncio.gather(*(_train(url) for _ in range(STUDENTS)))


def test_each_student_of_a_class_gets_a_run_of_their_own(server: LiveServer) -> None:
    with ThreadPoolExecutor(1) as beside_playwrights_loop:
        runs = beside_playwrights_loop.submit(asyncio.run, _lesson(server.url)).result()
    assert len({run_id for run_id, _state in runs}) == STUDENTS
    assert [state for _run_id, state in runs] == ["finished"] * STUDENTS
