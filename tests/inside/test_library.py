"""What is read of runs is kept as long as the files stay as they are, and up to a bound."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dqn_core.errors import RunFolderError
from dqn_core.inside.library import BoundedCache, Library, evenly, stamp
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from trainer_runs import short_config


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = short_config(max_episodes=8)
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "a", config)
    log = RunLog(folder)
    for event in Trainer(config).events():
        log.write(event)
    log.close()
    return folder


def touch(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def test_a_checkpoint_is_read_once_for_each_state_of_its_file(run: RunFolder) -> None:
    library = Library()
    first = library.checkpoint(run)
    assert library.checkpoint(run) is first
    touch(run.path / "checkpoint.safetensors")
    second = library.checkpoint(run)
    assert second is not first
    assert np.array_equal(second.replay.rows, first.replay.rows)


def test_agents_are_those_of_the_training_oldest_first(run: RunFolder) -> None:
    library = Library()
    agents = library.agents(run, most=50)
    assert [agent.episode for agent in agents] == list(range(9))
    assert [agent.env_step for agent in agents] == sorted(agent.env_step for agent in agents)
    state = run.snapshot("episode-00000004")
    learner = agents[4].learner()
    assert all(np.array_equal(array, state[name]) for name, array in learner.state_dict().items())
    assert library.agents(run, most=50)[4] is agents[4]
    assert [agent.episode for agent in library.agents(run, most=3)] == [0, 4, 8]


def test_the_agent_as_it_is_now_is_the_last_and_stands_there_once(run: RunFolder) -> None:
    library = Library()
    now = library.checkpoint(run).agent
    agents = library.agents(run, most=50, now=now)
    assert agents[-1] is now
    assert [agent.env_step for agent in agents].count(now.env_step) == 1


def test_a_snapshot_that_is_gone_or_damaged_is_left_out(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> dict[str, np.ndarray]:
        if name == "episode-00000003":
            template = "{path} is gone"
            raise RunFolderError(template, path=name)
        return read(name)

    read = run.snapshot
    monkeypatch.setattr(run, "snapshot", gone)
    assert [agent.episode for agent in Library().agents(run, most=50)] == [0, 1, 2, 4, 5, 6, 7, 8]


def test_a_run_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "new", short_config())
    with pytest.raises(RunFolderError, match="no checkpoint"):
        Library().checkpoint(folder)
    assert Library().agents(folder, most=5) == ()
    assert stamp(folder.path / "checkpoint.safetensors")[1:] == (0, 0)


def test_results_are_worked_out_once(run: RunFolder) -> None:
    library, made = Library(), []

    def make() -> int:
        made.append(1)
        return len(made)

    assert [library.kept("a", make, lambda _: 8) for _ in range(3)] == [1, 1, 1]
    assert library.kept("b", make, lambda _: 8) == 2


def of_size(n_bytes: int) -> tuple[Callable[[], object], Callable[[object], int]]:
    return object, lambda _value: n_bytes


def test_the_cache_forgets_what_was_not_asked_for_the_longest() -> None:
    cache = BoundedCache(100)
    a, b = cache.get("a", *of_size(40)), cache.get("b", *of_size(40))
    assert cache.get("a", *of_size(40)) is a
    cache.get("c", *of_size(40))
    assert cache.n_bytes == 80
    assert cache.get("a", *of_size(40)) is a
    assert cache.get("b", *of_size(40)) is not b


def test_what_is_larger_than_all_the_room_is_made_and_not_kept() -> None:
    cache = BoundedCache(100)
    kept = cache.get("a", *of_size(60))
    assert cache.get("huge", *of_size(101)) is not cache.get("huge", *of_size(101))
    assert cache.n_bytes == 60
    assert cache.get("a", *of_size(60)) is kept


@pytest.mark.parametrize(("count", "most", "expected"), [(3, 5, [0, 1, 2]), (10, 4, [0, 3, 6, 9]), (0, 3, [])])
def test_items_are_taken_evenly_with_both_ends(count: int, most: int, expected: list[int]) -> None:
    assert evenly(range(count), most) == expected
