from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.lessons import Study, main
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.results import verdict
from dqn_core.lessons.shipped import read_shipped


def test_the_command_makes_a_lessons_result_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lesson = LESSONS["evaluation"]
    main(Study(lessons=("evaluation",), out=tmp_path, env_steps=1_500, workers=1))
    result = read_shipped(lesson, tmp_path)
    assert result is not None
    assert result.command == "python -m benchmarks.lessons --lessons evaluation --env-steps 1500"
    assert len(result.runs) == len(lesson.spec.cells)
    assert all(run.episodes["env_step"][-1] <= 1_500 for run in result.runs)
    # Before the first evaluation at the latest, both train the very same way.
    for seed in lesson.spec.seeds:
        greedy, exploring = (run for run in result.runs if run.seed == seed)
        assert greedy.episodes["episode_return"][:5].tolist() == exploring.episodes["episode_return"][:5].tolist()
    assert len(verdict(lesson, result.runs).estimates) == 2
    assert "evaluation: greedy evaluation: " in capsys.readouterr().out
