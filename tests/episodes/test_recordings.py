from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.episodes.frames import draw_episode, episode_picture
from dqn_core.episodes.recordings import list_recordings, read_recording, recording_name, write_recordings
from dqn_core.errors import RolloutError, RunFolderError, UnsupportedEnvironmentError
from dqn_core.events import EpisodeEnded, EpisodeRecorded
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from scripted_trainer import same
from trainer_runs import of_kind, recorded, short_config

LABS = ("CartPole-v1", "LunarLander-v3")


def trained(config: TrainingConfig, folder: Path) -> tuple[list[EpisodeEnded], list[EpisodeRecorded]]:
    """A run in ``folder``: its episodes, and what was recorded of them."""
    log = RunLog(RunFolder.create(folder, config))
    events = list(Trainer(config).events())
    for event in events:
        log.write(event)
    log.close()
    return of_kind(events, EpisodeEnded), of_kind(events, EpisodeRecorded)


# ------------------------------------------------------------------------------------------------ what is recorded


@pytest.mark.parametrize("env_id", LABS)
def test_recorded_episodes_are_drawn_as_they_were_played(env_id: str, tmp_path: Path) -> None:
    config = short_config(env_id=env_id, max_episodes=3, max_episode_steps=60, evaluate_every=2, evaluation_episodes=2)
    episodes, kept = trained(config, tmp_path / "run")
    training = [each for each in kept if each.kind == "training"]
    assert [each.episode for each in training] == [1, 2, 3]
    assert training[0].seed is None or training[0].generator is None
    for ended, each in zip(episodes, training, strict=True):
        assert each.episode_return == ended.episode_return
        assert len(each.actions) == ended.length
    for each in list_recordings(tmp_path / "run"):
        drawn = list(draw_episode(config, each))  # refuses where the return is another
        assert len(drawn) == len(each.actions) + 1
        assert drawn[-1].episode_return == each.episode_return
        assert drawn[0].pixels.shape == (400, 600, 3)
    (best,) = [each for each in kept if each.kind == "best"]
    assert (best.episode, best.generator) == (2, None)
    assert best.eval_return == episodes[1].eval_return


def test_only_a_better_evaluation_is_recorded(tmp_path: Path) -> None:
    config = short_config(env_id=fake.CORRIDOR, max_episodes=6, evaluate_every=1)
    episodes, kept = trained(config, tmp_path / "run")
    best, expected = -math.inf, []
    for ended in episodes:
        if ended.eval_return > best:
            best = ended.eval_return
            expected.append((ended.episode, best))
    assert [(each.episode, each.eval_return) for each in kept if each.kind == "best"] == expected
    assert all(each.episode_return == each.eval_return for each in kept if each.kind == "best")


def test_a_run_that_goes_on_records_again_what_came_later(tmp_path: Path) -> None:
    config = short_config(max_episodes=4)
    trained(config, tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    before = list_recordings(folder.path)
    write_recordings(folder.path, [recorded(9, env_step=10**6)])
    folder.rewind(folder.checkpoint())
    assert same(list_recordings(folder.path), before)
    log = RunLog(folder, folder.checkpoint())
    more = config.replace(max_episodes=6)
    for event in Trainer(more, resume_from=folder.checkpoint()).events():
        log.write(event)
    log.close()
    kept = list_recordings(folder.path)
    assert [each.episode for each in kept] == [1, 2, 3, 4, 5, 6]
    for each in kept:
        list(draw_episode(more, each))


# ------------------------------------------------------------------------------------------------------ on the disk


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    generator = {"bit_generator": "PCG64", "state": {"state": 2**127 + 1, "inc": 3}, "has_uint32": 0, "uinteger": 0}
    first = recorded(3, seed=None, generator=generator, actions=(0, 1, 1, 300))
    second = recorded(3, kind="best", eval_return=7.25)
    for each in (second, first):
        write_recordings(tmp_path, [each])
    assert repr(list_recordings(tmp_path)) == repr((first, second))
    assert repr(read_recording(tmp_path, "best-00000003")) == repr(second)
    assert recording_name(first) == "episode-00000003"


def test_they_stay_few_and_evenly_spread_however_long_the_run(tmp_path: Path) -> None:
    interval = 1
    for episode in range(1, 2_001):
        if episode % interval == 0:
            write_recordings(tmp_path, [recorded(episode)])
            interval = 1 << max(0, math.ceil(episode / 60) - 1).bit_length()
        if episode % 10 == 0:
            write_recordings(tmp_path, [recorded(episode, kind="best")])
    kept = [each.episode for each in list_recordings(tmp_path) if each.kind == "training"]
    assert 30 <= len(kept) <= 120
    assert set(np.diff(kept)) == {kept[0]}
    bests = [each.episode for each in list_recordings(tmp_path) if each.kind == "best"]
    assert bests == list(range(1_710, 2_001, 10))


def test_a_long_episode_takes_a_few_kilobytes(tmp_path: Path) -> None:
    actions = tuple(np.random.default_rng(0).integers(0, 4, 10_000).tolist())
    write_recordings(tmp_path, [recorded(actions=actions)])
    (path,) = (tmp_path / "recordings").iterdir()
    assert path.stat().st_size < 5_000
    assert list_recordings(tmp_path)[0].actions == actions


@pytest.mark.parametrize("name", ["../config", "episode-1", "best-00000001/..", "", "episode-00000001.json"])
def test_no_other_file_is_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no recorded episode's name"):
        read_recording(tmp_path, name)


def test_damaged_and_missing_files_are_named_or_passed_over(tmp_path: Path) -> None:
    write_recordings(tmp_path, [recorded(1)])
    good = (tmp_path / "recordings" / "episode-00000001.json").read_text()
    values = json.loads(good)
    for number, text in enumerate(("", "[]", "{}", json.dumps(values | {"actions": "!"}), good[:-9]), start=2):
        (tmp_path / "recordings" / f"episode-{number:08}.json").write_text(text)
        with pytest.raises(RunFolderError, match="not a readable recording"):
            read_recording(tmp_path, f"episode-{number:08}")
    assert [each.episode for each in list_recordings(tmp_path)] == [1]
    with pytest.raises(RunFolderError, match="no longer recorded"):
        read_recording(tmp_path, "episode-00000077")


# -------------------------------------------------------------------------------------------------------- seen again


def test_a_picture_stands_for_the_episode() -> None:
    config = short_config(env_id=fake.CORRIDOR)
    kept = recorded()
    assert episode_picture(config, kept)[0, 0, 0] == 30  # after three of five steps
    assert episode_picture(config, kept, share=0.0)[0, 0, 0] == 0
    assert [each.pixels[0, 0, 0] for each in draw_episode(config, kept)] == [0, 10, 20, 30, 40, 50]
    assert [each.episode_return for each in draw_episode(config, kept)] == [0, 1, 2, 3, 4, 5]


def test_what_cannot_be_drawn_is_said() -> None:
    kept = recorded(actions=(1, 1))
    with pytest.raises(RolloutError, match="did not repeat itself exactly at step 2"):
        list(draw_episode(short_config(env_id=fake.CORRIDOR), kept))
    with pytest.raises(RolloutError, match="did not repeat"):
        list(draw_episode(short_config(), recorded(seed=None, generator={"bit_generator": "none"})))
    with pytest.raises(UnsupportedEnvironmentError, match="Gone-v0"):
        episode_picture(short_config().replace(env_id="Gone-v0"), kept)
