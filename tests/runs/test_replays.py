from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fake_environments as fake
from dqn_core.algorithm.compute import make_learner
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.episodes.episode import roll_out
from dqn_core.errors import BusyError, RolloutError, RunFolderError
from dqn_core.runs.policies import Policy, find_policy
from dqn_core.runs.replays import Replay, Replays, ReplayStage
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import wait_until
from trainer_runs import short_config, snapshot_of

Made = Callable[..., Replays]


@pytest.fixture(autouse=True)
def _fake_environments() -> None:
    fake.register()


@pytest.fixture
def made() -> Iterator[Made]:
    shelves: list[Replays] = []

    def make(**bounds: object) -> Replays:
        shelves.append(Replays(**bounds))  # type: ignore[arg-type]
        return shelves[-1]

    yield make
    for shelf in shelves:
        shelf.close()


def policy(env_id: str = fake.CORRIDOR, **changes: object) -> Policy:
    config = short_config(env_id=env_id, **changes)
    report = inspect_environment(env_id)
    generator = np.random.default_rng(1)
    return Policy(config, make_learner(config, report.observation_size, report.n_actions, generator)[0].weights())


def wait_until_over(*replays: Replay) -> None:
    wait_until(lambda: all(each.stage.is_over for each in replays))


def test_a_replay_is_the_rollout_with_a_picture_of_every_state(made: Made) -> None:
    own = policy("CartPole-v1")
    replay = made().ask(Path("best"), lambda: own, seed=5)
    wait_until_over(replay)
    assert replay.stage is ReplayStage.DONE
    assert replay.rollout is not None
    assert replay.rollout.actions.tolist() == roll_out(own.config, own.weights, 5).actions.tolist()
    assert len(replay.frames) == replay.rollout.length + 1
    assert not replay.is_cut
    assert Image.open(io.BytesIO(replay.frames[-1])).size == (600, 400)


def test_the_same_question_gets_the_same_replay(made: Made, tmp_path: Path) -> None:
    shelf, path, own = made(), tmp_path / "best", policy()
    path.write_bytes(b"1")
    first = shelf.ask(path, lambda: own, seed=1)
    assert shelf.ask(path, lambda: own, seed=1) is first
    assert shelf.find(first.replay_id) is first
    others = [shelf.ask(path, lambda: own, seed=2), shelf.ask(path, lambda: own, seed=1, epsilon=0.5)]
    assert len({each.replay_id for each in (first, *others)}) == 3
    path.unlink()
    path.write_bytes(b"2")  # the run found a better network meanwhile
    assert shelf.ask(path, lambda: own, seed=1) is not first
    assert shelf.find("unknown") is None


def test_memory_stays_bounded_over_200_replays(made: Made) -> None:
    own, bound = policy(max_episode_steps=20), 60_000
    shelf = made(max_bytes=bound, max_active=4)
    most = largest = 0
    for seed in range(200):
        replay = shelf.ask(Path("best"), lambda: own, seed=seed)
        wait_until_over(replay)
        wait_until(lambda: shelf.n_bytes <= bound)
        most, largest = max(most, len(shelf._kept)), max(largest, replay.n_bytes)
    assert 1 < most <= bound / largest + 1
    assert shelf.find(replay.replay_id) is replay  # the newest is kept, the oldest went
    assert threading.active_count() < 30


def test_the_process_does_not_grow_over_200_replays(made: Made) -> None:
    resource = pytest.importorskip("resource")  # of POSIX systems

    def peak_mb() -> float:
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)

    own, shelf = policy("CartPole-v1", max_episode_steps=2), made(max_bytes=2**18)
    for seed in range(40):
        wait_until_over(shelf.ask(Path("best"), lambda: own, seed=seed))
    before = peak_mb()
    for seed in range(40, 240):  # 600 pictures, each 700 kB before it is packed
        wait_until_over(shelf.ask(Path("best"), lambda: own, seed=seed))
    assert peak_mb() - before < 20


def test_those_not_asked_for_the_longest_go_first(made: Made) -> None:
    own = policy()
    probe = made().ask(Path("best"), lambda: own, seed=0)
    wait_until_over(probe)
    shelf = made(max_bytes=int(2.5 * probe.n_bytes))
    first, second = (shelf.ask(Path("best"), lambda: own, seed=seed) for seed in (1, 2))
    wait_until_over(first, second)
    assert shelf.find(first.replay_id) is first
    wait_until_over(shelf.ask(Path("best"), lambda: own, seed=3))
    wait_until(lambda: shelf.find(second.replay_id) is None)
    assert shelf.find(first.replay_id) is first


def test_pictures_of_an_endless_episode_end_at_the_bound(made: Made) -> None:
    own = policy("CartPole-v1")
    replay = made(max_replay_bytes=30_000).ask(Path("best"), lambda: own, seed=5)
    wait_until_over(replay)
    assert replay.stage is ReplayStage.DONE
    assert replay.is_cut
    assert replay.rollout is not None
    assert 0 < len(replay.frames) < replay.rollout.length + 1


def test_what_is_on_its_way_is_bounded_too(made: Made) -> None:
    own, gate = policy(), threading.Event()

    def load() -> Policy:
        gate.wait(30)
        return own

    shelf = made(max_active=3)
    replays = [shelf.ask(Path("best"), load, seed=seed) for seed in range(3)]
    with pytest.raises(BusyError, match="try again"):
        shelf.ask(Path("best"), load, seed=4)
    assert shelf.ask(Path("best"), load, seed=0) is replays[0]
    gate.set()
    wait_until_over(*replays)
    wait_until_over(shelf.ask(Path("best"), load, seed=4))


def test_a_replay_that_nobody_waits_for_is_given_up(made: Made) -> None:
    own, gate, now = policy(), threading.Event(), [0.0]

    def load() -> Policy:
        gate.wait(30)
        return own

    shelf = made(clock=lambda: now[0])
    left = shelf.ask(Path("best"), load, seed=1)
    now[0] = 29.0
    wanted = shelf.ask(Path("best"), load, seed=2)
    now[0] = 31.0
    gate.set()
    wait_until_over(wanted)
    wait_until(lambda: left.replay_id not in shelf._kept)
    assert not left.stage.is_over


@pytest.mark.parametrize(("seed", "epsilon"), [(-1, 0.0), (2**31, 0.0), (0, 1.01)])
def test_what_is_out_of_range_is_refused_at_once(made: Made, seed: int, epsilon: float) -> None:
    with pytest.raises(RolloutError, match="from 0"):
        made().ask(Path("best"), policy, seed, epsilon)


def test_a_failure_is_told_and_may_be_tried_again(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    own = policy(fake.RAISING, max_episode_steps=40)
    standing = {name: np.zeros_like(array) for name, array in own.weights.items()}
    shelf = made()
    raising = shelf.ask(Path("best"), lambda: Policy(own.config, standing), seed=0)
    wait_until_over(raising)
    assert raising.stage is ReplayStage.FAILED
    assert "the motor is on fire" in str(raising.error)
    assert "the motor is on fire" in caplog.text
    again = shelf.ask(Path("best"), policy, seed=0)
    wait_until_over(again)
    assert again.stage is ReplayStage.DONE


def test_the_weights_of_a_run_by_name(tmp_path: Path, made: Made) -> None:
    own = policy()
    folder = RunFolder.create(tmp_path / "run", own.config)
    path, load = find_policy(folder.path, "best")
    missing = made().ask(path, load, seed=0)
    wait_until_over(missing)
    assert isinstance(missing.error, RunFolderError)
    assert "no weights" in str(missing.error)
    folder.write_snapshot(snapshot_of(own.weights))
    assert load().config == own.config
    assert {name: array.tolist() for name, array in load().weights.items()} == {
        name: array.tolist() for name, array in own.weights.items()
    }
    for name in ("", "../best", "checkpoint"):
        with pytest.raises(RunFolderError, match="no snapshot"):
            find_policy(folder.path, name)


def test_foreign_weights_are_refused_by_name(made: Made) -> None:
    foreign = Policy(TrainingConfig(), policy("LunarLander-v3").weights)
    replay = made().ask(Path("best"), lambda: foreign, seed=0)
    wait_until_over(replay)
    assert isinstance(replay.error, RunFolderError)
    assert "layers.0.weight" in str(replay.error)


def _standing(**changes: object) -> Policy:
    """An agent that never moves: its episodes last as long as they may."""
    own = policy(**changes)
    return Policy(own.config, {name: np.zeros_like(array) for name, array in own.weights.items()})


def test_an_episode_that_would_last_for_hours_ends_where_a_replay_does(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dqn_core.runs.replays.MOST_REPLAY_STEPS", 30)
    replay = made().ask(Path("best"), lambda: _standing(max_episode_steps=1_000_000), seed=0)
    wait_until_over(replay)
    assert replay.stage is ReplayStage.DONE
    assert replay.rollout is not None
    assert (replay.rollout.length, replay.rollout.truncated) == (30, True)
    assert len(replay.frames) == 31


def test_an_episode_that_nobody_waits_for_any_more_is_not_played_to_its_end(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dqn_core.runs.replays.MOST_REPLAY_STEPS", 1_000_000)  # some minutes
    times = iter([0.0] * 200)
    shelf = made(clock=lambda: next(times, 1e9), max_active=1)
    long = shelf.ask(Path("long"), lambda: _standing(max_episode_steps=1_000_000), seed=0)

    def has_room() -> bool:
        try:
            return shelf.ask(Path("other"), policy, seed=0) is not long
        except BusyError:
            return False

    wait_until(has_room)
    assert long.rollout is None


def test_a_server_that_ends_does_not_wait_for_a_long_episode(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dqn_core.runs.replays.MOST_REPLAY_STEPS", 1_000_000)
    shelf = made()
    long = shelf.ask(Path("long"), lambda: _standing(max_episode_steps=1_000_000), seed=0)
    wait_until(lambda: long.stage is ReplayStage.PLAYING)
    shelf.close()
    assert long.rollout is None


def test_what_is_sent_of_an_episode_is_made_once_and_counted(made: Made) -> None:
    shelf = made()
    replay = shelf.ask(Path("best"), policy, seed=0)
    wait_until_over(replay)
    before = shelf.n_bytes
    first = replay.encoded(lambda: [b"12", b"345"])
    assert replay.encoded(lambda: pytest.fail("It was made already.")) is first
    assert shelf.n_bytes == before + 5
