from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import Rollout, roll_out
from dqn_core.episodes.frames import draw_episode
from dqn_core.episodes.overlay import OVERLAY_TEXTS, _hangul_font, can_write, with_overlay
from dqn_core.episodes.video import (
    PlayedEpisode,
    VideoInfo,
    VideoOptions,
    part_path,
    video_comment,
    video_name,
    write_episode_video,
    write_video,
)
from dqn_core.errors import UnsupportedEnvironmentError, VideoError
from policies import always, some_weights
from trainer_runs import short_config
from videos import read_video

KINDS = (".mp4", ".gif")
INFO = VideoInfo(frames_per_s=20, title="a video", comment="by nobody")


def corridor() -> tuple[TrainingConfig, Rollout]:
    config = short_config(env_id=fake.CORRIDOR)
    return config, roll_out(config, always(1, config), seed=4)


def pictures(count: int = 6, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """A white square that moves over a grey ground, and stands still in the end."""
    made = []
    for number in range(count):
        made.append(np.full((*size, 3), 90, np.uint8))
        left = 4 * min(number, count - 2)
        made[-1][8:16, left : left + 8] = 255
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_has_each_state_once_at_the_environments_pace(kind: str, tmp_path: Path) -> None:
    config, rollout = corridor()
    path = tmp_path / video_name(config, rollout, kind)
    write_episode_video(config, rollout, path, VideoOptions(comment=video_comment(rollout, run="r1", snapshot="best")))
    video = read_video(path)
    assert len(video.frames) == rollout.length + 1 == 6
    assert video.size == (8, 8)
    assert video.seconds == pytest.approx(6 / 20)
    assert path.name == f"DqnLabTest-Corridor-v0-seed4-return5{kind}"
    assert "DqnLabTest/Corridor-v0, seed 4, return 5" in video.text
    assert "run r1, best snapshot, greedy, 5 steps" in video.text
    for shown, drawn in zip(video.frames, draw_episode(config, rollout), strict=True):
        assert np.abs(shown.astype(int) - drawn.pixels).max() <= 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", KINDS)
def test_two_episodes_are_shown_in_step_and_the_shorter_waits_at_its_end(kind: str, tmp_path: Path) -> None:
    config = short_config(max_episode_steps=9)
    right, left = (roll_out(config.replace(max_episode_steps=steps), some_weights(config), seed=1) for steps in (3, 9))
    assert (right.length, left.length) == (3, 9)
    path = tmp_path / video_name(config, right, kind, left)
    write_episode_video(config, right, path, VideoOptions(beside=PlayedEpisode(config, left)))
    video = read_video(path)
    assert path.name == f"CartPole-v1-seed1-return3-and-9{kind}"
    assert "CartPole-v1, seed 1, returns 3 and 9" in video.text
    assert len(video.frames) == 10
    shorter = [frame.pixels for frame in draw_episode(config, right)]
    for shown, first, second in zip(
        video.frames, [*shorter, *6 * [shorter[-1]]], draw_episode(config, left), strict=True
    ):
        height, width, _ = first.shape
        assert shown.shape[:2] == (height, 2 * width + 8)
        assert np.abs(shown[:, :width].astype(int) - first).mean() < 1
        assert np.abs(shown[:, width + 8 :].astype(int) - second.pixels).mean() < 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_environment_is_shown_with_and_without_what_the_agent_thinks(kind: str, tmp_path: Path) -> None:
    config = short_config()
    rollout = roll_out(config, some_weights(config), seed=1, epsilon=0.5)
    plain, written = tmp_path / f"plain{kind}", tmp_path / f"written{kind}"
    write_episode_video(config, rollout, plain)
    write_episode_video(config, rollout, written, VideoOptions(overlay=True))
    videos = read_video(plain), read_video(written)
    for video in videos:
        assert len(video.frames) == rollout.length + 1
        assert video.size == (600, 400)
        assert video.seconds == pytest.approx((rollout.length + 1) / 50, abs=0.011)
    for without, with_text in zip(videos[0].frames[:-1], videos[1].frames[:-1], strict=True):
        assert np.abs(with_text[:60, :150].astype(int) - without[:60, :150]).mean() > 100  # step and return
        assert np.abs(with_text[:60, -240:-20].astype(int) - without[:60, -240:-20]).mean() > 100  # Q-values
        assert np.abs(with_text[150:].astype(int) - without[150:]).mean() < 1  # the rest is untouched


def written(texts: dict[str, str]) -> list[np.ndarray]:
    """The pictures of an episode with these texts in place of the English ones."""
    config = short_config()
    rollout = roll_out(config, some_weights(config), seed=1)
    return list(with_overlay(draw_episode(config, rollout), rollout, ("push left", "push right"), texts))


def test_what_is_written_is_in_another_language_and_english_where_that_has_no_word() -> None:
    english = written({})
    assert all(map(np.array_equal, english, written({"elsewhere": "autre part"})))
    steps, names = written({"Step {n}": "Pas {n}"}), written({"push left": "vers la gauche"})
    for plain, other_step, other_name in zip(english[:-1], steps[:-1], names[:-1], strict=True):
        differs = (plain != other_step).any(axis=(0, 2)), (plain != other_name).any(axis=(0, 2))
        assert differs[0][:150].any()
        assert not differs[0][150:].any()
        assert differs[1][-300:].any()
        assert not differs[1][:-300].any()
    ends = [written({ending: "fin"})[-1] for ending in ("terminated", "truncated at the step limit")]
    assert sum(not np.array_equal(each, english[-1]) for each in ends) == 1


def test_korean_is_written_in_korean_letters() -> None:
    if not can_write(["한글"]):
        pytest.skip("This machine has no font with Korean letters.")
    first, second = written({"Step {n}": "가 {n}"}), written({"Step {n}": "나 {n}"})
    assert not any(map(np.array_equal, first, second))  # neither is an empty box


def test_a_machine_without_korean_letters_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dqn_core.episodes.overlay._HANGUL_FONTS", [("no-such-font.ttf", 0)])
    _hangul_font.cache_clear()
    assert can_write(OVERLAY_TEXTS)
    assert not can_write(["Step", "스텝"])
    _hangul_font.cache_clear()


def test_an_mp4_plays_in_browsers_before_all_of_it_has_come(tmp_path: Path) -> None:
    write_video(tmp_path / "video.mp4", pictures(), INFO)
    content = (tmp_path / "video.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    described = read_video(tmp_path / "video.mp4").text
    assert "h264" in described
    assert "yuv420p" in described


def test_odd_sides_become_even_in_an_mp4_and_stay_in_a_gif(tmp_path: Path) -> None:
    for kind, size in ((".mp4", (64, 50)), (".gif", (63, 49))):
        write_video(tmp_path / f"odd{kind}", pictures(size=(49, 63)), INFO)
        assert read_video(tmp_path / f"odd{kind}").size == size


def test_a_gif_shows_the_very_pixels(tmp_path: Path) -> None:
    write_video(tmp_path / "video.gif", pictures(), INFO)
    video = read_video(tmp_path / "video.gif")
    assert np.array_equal(video.frames, pictures())
    assert video.text == "a video\nby nobody"


@pytest.mark.parametrize(("frames_per_s", "seconds"), [(30.0, 7 / 30), (15.0, 7 / 15), (200.0, 7 * 0.02)])
def test_a_gifs_delays_add_up_to_its_pace_and_are_never_shorter_than_browsers_take(
    frames_per_s: float, seconds: float, tmp_path: Path
) -> None:
    write_video(tmp_path / "video.gif", pictures(7), VideoInfo(frames_per_s=frames_per_s, title="t"))
    assert read_video(tmp_path / "video.gif").seconds == pytest.approx(seconds, abs=0.01)


def test_a_gif_of_many_colours_comes_near_them(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    few = generator.integers(0, 256, (600, 3))  # more than a palette holds, as smoothed edges bring them
    drawing = few[generator.integers(0, 600, (64, 64))].astype(np.uint8)
    drawing[:, :32] = 77
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    photograph = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(128)), axis=-1)
    write_video(tmp_path / "video.gif", [drawing, photograph], INFO)
    shown = read_video(tmp_path / "video.gif").frames
    assert (shown[0][:, :32] == 77).all()
    assert np.abs(shown[0].astype(int) - drawing).mean() < 10
    assert np.abs(shown[1].astype(int) - photograph).mean() < 10


@pytest.mark.parametrize("kind", KINDS)
def test_memory_holds_a_few_pictures_however_long_the_video(kind: str, tmp_path: Path) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal most
        for picture in pictures(200):
            fresh = picture.copy()
            alive.append(weakref.ref(fresh))
            most = max(most, sum(each() is not None for each in alive))
            yield fresh

    write_video(tmp_path / f"video{kind}", endless(), INFO)
    assert most <= 4


# ------------------------------------------------------------------------------------------------ what goes wrong


class NoMoreError(Exception):
    """What a caller raises who wants no more."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_broken_off_leaves_nothing_and_touches_no_earlier_one(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"video{kind}"
    path.write_bytes(b"an earlier video")
    told: list[int] = []

    def on_picture(count: int) -> None:
        told.append(count)
        if count == 3:
            raise NoMoreError

    with pytest.raises(NoMoreError):
        write_video(path, pictures(), INFO, on_picture)
    assert told == [1, 2, 3]
    assert path.read_bytes() == b"an earlier video"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_said_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"video{kind}"
    part_path(path).symlink_to("/dev/full")
    with pytest.raises(VideoError, match=r"No space left on device.*make room"):
        write_video(path, pictures(400), INFO)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_is_not_there_is_said(kind: str, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"could not be written.*No such file or directory"):
        write_video(tmp_path / "nowhere" / f"video{kind}", pictures(), INFO)


def test_a_missing_encoder_is_said_and_a_gif_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_found() -> str:
        raise RuntimeError

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", nothing_found)
    with pytest.raises(VideoError, match="no ffmpeg here"):
        write_video(tmp_path / "video.mp4", pictures(), INFO)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/no/such/ffmpeg")
    with pytest.raises(VideoError, match="/no/such/ffmpeg is missing"):
        write_video(tmp_path / "video.mp4", pictures(), INFO)
    assert list(tmp_path.iterdir()) == []
    write_video(tmp_path / "video.gif", pictures(), INFO)


def test_an_encoder_that_dies_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/bin/false")
    with pytest.raises(VideoError, match="ended with status 1"):
        write_video(tmp_path / "video.mp4", pictures(400), INFO)
    assert list(tmp_path.iterdir()) == []


def test_what_can_be_no_video_is_said(tmp_path: Path) -> None:
    config, rollout = corridor()
    with pytest.raises(VideoError, match=r"\.mp4 or \.gif; video\.avi does not"):
        write_episode_video(config, rollout, tmp_path / "video.avi")
    with pytest.raises(VideoError, match="no frames"):
        write_video(tmp_path / "video.gif", [], INFO)
    with pytest.raises(UnsupportedEnvironmentError, match="There is no environment"):
        write_episode_video(config.replace(env_id="Gone-v0"), rollout, tmp_path / "video.gif")
    assert list(tmp_path.iterdir()) == []


def test_pictures_too_small_to_be_written_on_stay_as_they_are(tmp_path: Path) -> None:
    config, rollout = corridor()
    write_episode_video(config, rollout, tmp_path / "video.gif", VideoOptions(overlay=True))
    drawn = [each.pixels for each in draw_episode(config, rollout)]
    assert np.array_equal(read_video(tmp_path / "video.gif").frames, drawn)
