from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

import fake_environments as fake
from dqn_core.errors import RunFolderError
from dqn_core.events import CheckpointReady, EndReason, EpisodeEnded, Event, RunEnded, TakeCheckpoint, WeightsReady
from dqn_core.training.evaluation import EVALUATION_SEED, evaluate_folder
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.snapshots import thinning_interval
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind, run_with_reactions, short_config


def snapshot(kind: str, episode: int = 0, **values: object) -> WeightsReady:
    state = {"online.layers.0.bias": np.full(2, episode, np.float32), "target.layers.0.bias": np.zeros(2, np.float32)}
    defaults = {"kind": kind, "episode": episode, "env_step": 10 * episode, "eval_return": math.nan, "state": state}
    return WeightsReady(**defaults | values)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", short_config())


def logged(folder: RunFolder, events: list[Event]) -> None:
    log = RunLog(folder)
    for event in events:
        log.write(event)
    log.close()


# ------------------------------------------------------------------------------------------------------ thinning


@given(st.integers(0, 10_000_000))
def test_kept_episodes_are_few_and_evenly_spread_from_the_first_on(episode: int) -> None:
    interval = thinning_interval(episode)
    assert interval & (interval - 1) == 0
    assert episode // interval <= 60
    assert episode <= 60 or episode / interval > 30  # and not fewer than need be


@settings(max_examples=20, deadline=None)
@given(episodes=st.integers(0, 400))
def test_a_folder_keeps_the_multiples_of_the_interval(tmp_path_factory: pytest.TempPathFactory, episodes: int) -> None:
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "run", short_config())
    for number in range(episodes + 1):
        if number % thinning_interval(number) == 0:
            folder.write_snapshot(snapshot("kept", number))
    kept = [info.episode for info in folder.snapshots()]
    last = max(number for number in range(episodes + 1) if number % thinning_interval(number) == 0)
    assert kept == list(range(0, last + 1, thinning_interval(last)))


# -------------------------------------------------------------------------------------------------- a trainer's


def test_a_run_keeps_its_beginning_its_best_its_end_and_its_way(folder: RunFolder) -> None:
    config = short_config(max_episodes=70, evaluate_every=10, max_episode_steps=12)
    trainer = Trainer(config)
    events = list(trainer.events())
    logged(folder, events)
    infos = folder.snapshots()
    kept = [info for info in infos if info.kind == "kept"]
    assert [info.episode for info in kept] == list(range(0, 71, 2))
    assert [info.env_step for info in infos] == sorted(info.env_step for info in infos)
    rows = {event.episode: event for event in of_kind(events, EpisodeEnded)}
    for info in kept[1:]:
        assert info.env_step == rows[info.episode].env_step
        assert repr(info.eval_return) == repr(rows[info.episode].eval_return)
    best = next(info for info in infos if info.kind == "best")
    assert best.eval_return == max(row.eval_return for row in rows.values() if not math.isnan(row.eval_return))
    assert best.eval_return == rows[best.episode].eval_return
    last = infos[-1]
    assert (last.name, last.episode, last.env_step) == ("last", 70, trainer.state.env_step)
    for name, array in trainer.state.learner.state_dict().items():
        np.testing.assert_array_equal(folder.snapshot("last")[name], array)
    for name, array in trainer.state.learner.weights().items():
        np.testing.assert_array_equal(folder.snapshot_weights("last")[name], array)
    first = folder.snapshot("episode-00000000")
    np.testing.assert_array_equal(first["online.layers.0.weight"], first["target.layers.0.weight"])
    assert int(first["adam.step"]) == 0


def test_the_best_says_which_episode_of_its_evaluation_was_the_best(folder: RunFolder) -> None:
    config = short_config(max_episodes=40, evaluate_every=10, evaluation_episodes=7)
    logged(folder, list(Trainer(config).events()))
    best = next(info for info in folder.snapshots() if info.kind == "best")
    first_seed = EVALUATION_SEED + 7 * (best.episode // 10 - 1)
    again = evaluate_folder(folder, "best", episodes=7, seed=first_seed)
    assert again.mean == pytest.approx(best.eval_return)
    assert best.best_seed == first_seed + again.returns.index(max(again.returns))
    assert folder.checkpoint().values["best"]["best_seed"] == best.best_seed
    assert {info.best_seed for info in folder.snapshots() if info.kind != "best"} == {None}


def test_snapshots_do_not_depend_on_the_clock() -> None:
    config = short_config(max_episodes=8, evaluate_every=2)

    def kept(seconds_a_look: float) -> list[tuple[int, int, bytes]]:
        now = iter(range(10**9))
        events = Trainer(config, clock=lambda: next(now) * seconds_a_look).events()
        return [
            (event.episode, event.env_step, save(event.state))
            for event in of_kind(events, WeightsReady)
            if event.kind == "kept"
        ]

    assert kept(1e-6) == kept(10.0)


# -------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "name", ["", "../best", "episode-1", "snapshots/episode-00000001", "/etc/passwd", "best\n", "checkpoint", "x" * 999]
)
def test_what_is_no_name_is_refused_before_a_path_is_made_of_it(folder: RunFolder, name: str) -> None:
    for read in (folder.snapshot, folder.snapshot_weights):
        with pytest.raises(RunFolderError, match="no snapshot's name"):
            read(name)


def test_a_snapshot_that_is_not_there_is_said_to_be_missing(folder: RunFolder) -> None:
    with pytest.raises(RunFolderError, match="no weights at"):
        folder.snapshot("episode-00000007")


def test_the_files_of_an_early_version_are_listed_and_give_their_network(folder: RunFolder) -> None:
    bias = np.arange(2, dtype=np.float32)
    save_file({"layers.0.bias": bias}, folder.path / "best.safetensors")
    (info,) = folder.snapshots()
    assert (info.name, info.kind, info.episode, info.env_step) == ("best", "best", -1, -1)
    assert math.isnan(info.eval_return)
    assert folder.snapshot_weights("best")["layers.0.bias"].tolist() == [0, 1]
    with pytest.raises(RunFolderError, match="online network alone"):
        folder.snapshot("best")


@pytest.mark.parametrize(
    "place", ["[]", "{", '{"episode": -3}', '{"episode": "x", "eval_return": []}', "1e999", '{"best_seed": -1}']
)
def test_a_header_from_anywhere_lists_what_it_can(folder: RunFolder, place: str) -> None:
    folder.write_snapshot(snapshot("last", 3))
    save_file({"a": np.zeros(1)}, folder.path / "best.safetensors", metadata={"snapshot": place})
    (folder.path / "snapshots").mkdir()
    (folder.path / "snapshots" / "episode-00000001.safetensors").write_bytes(b"\0" * 100)
    (folder.path / "snapshots" / "notes.safetensors").write_bytes(b"")
    infos = {info.name: info for info in folder.snapshots()}
    assert infos["last"].episode == 3
    assert "best" not in infos or (infos["best"].episode, infos["best"].best_seed) == (-1, None)
    assert set(infos) <= {"best", "last"}


def test_a_run_that_goes_on_takes_back_what_was_kept_later(folder: RunFolder) -> None:
    config = folder.config
    events = list(Trainer(config.replace(max_episodes=6, evaluate_every=2)).events())
    logged(folder, events)
    (_, at_start, *_), at_end = of_kind(events, CheckpointReady), folder.checkpoint()  # the first: in the warm-up
    folder.rewind(at_end)
    names = [info.name for info in folder.snapshots()]
    assert len(names) == 9
    folder.write_checkpoint(at_start)
    folder.rewind(folder.checkpoint())
    assert [info.name for info in folder.snapshots()] == ["episode-00000000"]
    assert [info.kind for info in folder.checkpoints()] == ["last"]


# -------------------------------------------------------------------------------------------------- checkpoints


def test_a_checkpoint_is_taken_when_asked_for_between_two_steps() -> None:
    asked_at = []

    def react(event: Event) -> list[TakeCheckpoint]:
        if isinstance(event, EpisodeEnded) and event.episode == 2:
            asked_at.append(event.env_step)
            return [TakeCheckpoint()]
        return []

    events = run_with_reactions(short_config(), react)
    steps = [event.env_step for event in of_kind(events, CheckpointReady)]
    assert steps == [0, 50, asked_at[0], of_kind(events, RunEnded)[0].env_steps]


def test_the_best_checkpoint_goes_on_like_the_run_itself(folder: RunFolder) -> None:
    config = short_config(max_episodes=9, evaluate_every=2, epsilon_schedule="linear_steps", seed=3)
    events = list(Trainer(config).events())
    logged(folder, events)
    rows = of_kind(events, EpisodeEnded)
    best = next(info for info in folder.snapshots() if info.kind == "best")
    state = folder.checkpoint("best")
    assert state.values["counters"]["env_step"] == best.env_step
    after = list(Trainer(state.config, resume_from=state).events())
    assert [(row.env_step, repr(row.loss_mean), repr(row.eval_return)) for row in of_kind(after, EpisodeEnded)] == [
        (row.env_step, repr(row.loss_mean), repr(row.eval_return)) for row in rows[best.episode :]
    ]
    again = [event for event in of_kind(after, WeightsReady) if event.kind == "best"]
    assert json.dumps([again[0].episode, again[0].eval_return, again[0].best_seed]) == json.dumps(
        [best.episode, best.eval_return, best.best_seed]
    )


def test_no_checkpoint_holds_what_the_run_would_fail_of() -> None:
    config = short_config(env_id=fake.EXPLODING, warmup_steps=10, max_episodes=10_000, target_update="soft")
    events = run_with_reactions(config, lambda event: [TakeCheckpoint()] * isinstance(event, EpisodeEnded))
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason is EndReason.DIVERGED
    checkpoints = of_kind(events, CheckpointReady)
    assert all(np.isfinite(array).all() for each in checkpoints for array in each.arrays.values())
    assert 10 < checkpoints[-1].env_step < ended.env_steps
