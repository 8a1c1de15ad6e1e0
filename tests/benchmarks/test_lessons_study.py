from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.lessons import Study, main
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.results import verdict
from dqn_core.lessons.shipped import read_shipped


def test_the_command_makes_a_lessons_result_and_its_page_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = LESSONS["evaluation"]
    page = tmp_path / "lessons.md"
    main(Study(lessons=("evaluation",), out=tmp_path, page=page, env_steps=1_500, workers=1))
    result = read_shipped(lesson, tmp_path)
    assert result is not None
    assert result.command == "python -m benchmarks.lessons --lessons evaluation --env-steps 1500"
    assert len(result.runs) == len(lesson.spec.cells)
    # Both train the very same way: evaluations are not learned from.
    assert {(run.env_steps, run.updates) for run in result.runs} == {(1_500, 500)}
    assert len(verdict(lesson, result.runs).estimates) == 2
    assert "evaluation (" in capsys.readouterr().out
    text = page.read_text("utf-8")
    assert lesson.question in text
    assert text.count("| 10 | 1,500 | 500 |") == 2
