from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, RunState
from dqn_core.presets import preset_config
from dqn_core.runs.manager import RunManager
from dqn_core.runs.run_list import RunLine, RunList
from scripted_trainer import (
    Managed,
    Script,
    a_run_of,
    ended,
    episode,
    obedient,
    progress,
    started,
    wait_for_end,
    wait_until,
)

pytestmark = pytest.mark.each_database

Listed = Callable[[Script], tuple[RunManager, RunList]]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def listed(managed: Managed, clock: Clock) -> Listed:
    def make(script: Script) -> tuple[RunManager, RunList]:
        manager = managed(script)
        return manager, RunList(manager, clock)

    return make


def _finished(manager: RunManager, config: TrainingConfig, name: str = "") -> str:
    run_id = manager.start(config, name)
    wait_for_end(manager, run_id)
    return run_id


def test_a_line_says_what_is_known_of_a_run(listed: Listed) -> None:
    def script(_config: object, _mailbox: object):  # noqa: ANN202
        yield started()
        yield episode(1, eval_return=31.5)
        yield progress(400)
        yield ended(episodes=1, env_steps=400, wall_time_s=8.0, best_eval=31.5)

    manager, runs = listed(script)
    run_id = _finished(manager, preset_config("CartPole-v1", "lab8").replace(seed=7), "mine")
    manager.tag(run_id, ["exam"])
    (manager.run_folder(run_id) / "extra").write_bytes(b"x" * 5_000)
    (line,) = runs.lines(at_once=True)
    record = manager.store.run(run_id)
    assert line == RunLine(
        run_id=run_id,
        name="mine",
        env_id="CartPole-v1",
        preset="lab8",
        seed=7,
        state=RunState.FINISHED,
        reason=EndReason.MAX_EPISODES,
        episodes=1,
        best_eval=31.5,
        steps_per_s=50.0,
        wall_time_s=8.0,
        started_at=record.started_at,
        size=manager.folder_bytes(run_id),
        owner="",
        tags=("exam",),
        experiment_id=None,
        class_id=None,
    )
    assert line.size > 5_000


def test_a_run_that_trains_is_shown_as_it_stands_now(listed: Listed) -> None:
    manager, runs = listed(obedient(3))
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.snapshot(run_id).record.env_steps > 0)
    (line,) = runs.lines()
    assert (line.state, line.episodes, line.best_eval) == (RunState.RUNNING, 3, 102.0)
    assert line.steps_per_s == progress().steps_per_s


def test_a_viewer_is_told_what_is_new_and_nothing_twice(listed: Listed) -> None:
    manager, runs = listed(a_run_of(2))
    first, second = (_finished(manager, TrainingConfig(seed=seed)) for seed in range(2))
    whole = runs.since(0, at_once=True)
    assert whole.is_whole
    assert [line.run_id for line in whole.lines] == [second, first]
    nothing = runs.since(whole.version, at_once=True)
    assert (nothing.version, nothing.lines, nothing.removed, nothing.is_whole) == (whole.version, [], [], False)

    manager.rename(first, "another name")
    renamed = runs.since(whole.version, at_once=True)
    assert [(line.run_id, line.name) for line in renamed.lines] == [(first, "another name")]
    manager.delete(second)
    third = _finished(manager, TrainingConfig(seed=2))
    news = runs.since(renamed.version, at_once=True)
    assert ([line.run_id for line in news.lines], news.removed) == ([third], [second])
    both = runs.since(whole.version, at_once=True)
    assert ({line.run_id for line in both.lines}, both.removed) == ({first, third}, [second])


def test_a_viewer_of_an_earlier_server_begins_anew(listed: Listed) -> None:
    manager, runs = listed(a_run_of(2))
    _finished(manager, TrainingConfig())
    update = runs.since(1_000)
    assert (update.is_whole, len(update.lines)) == (True, 1)


def test_many_viewers_cost_one_look_a_moment(listed: Listed, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    manager, runs = listed(a_run_of(2))
    _finished(manager, TrainingConfig())
    looks: list[float] = []
    briefs = manager.store.briefs

    def count() -> object:
        looks.append(clock.now)
        clock.now += 0.3  # a large list
        return briefs()

    monkeypatch.setattr(manager.store, "briefs", count)
    for _ in range(600):
        runs.since(0)
        clock.now += 0.01
    assert len(looks) == 2  # three seconds after it took 0.3: a tenth of the time
    runs.since(0, at_once=True)
    assert len(looks) == 3


def test_runs_of_a_server_before_are_listed_from_the_log(managed: Managed, tmp_path: Path) -> None:
    earlier = managed(a_run_of(2))
    run_id = _finished(earlier, TrainingConfig(seed=3))
    earlier.close()
    (line,) = RunList(managed(a_run_of(1))).lines()
    assert (line.run_id, line.seed, line.episodes, line.preset) == (run_id, 3, 2, "custom")
