"""Make a video of an episode, evaluate the agent, watch how it learned: asked for on the page, made beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Download, Page, expect

from browser_watch import settle
from dqn_core.episodes.episode import policy_with, roll_out
from dqn_core.runs.manager import RunManager
from dqn_core.training.evaluation import evaluate
from dqn_core.training.run_folder import RunFolder
from live_server import LiveServer
from scripted_trainer import wait_for_end
from trainer_runs import short_config
from videos import read_video

_MAKING_MS = 60_000


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A data folder with one short run that is over."""
    manager = RunManager(tmp_path / "data", executor="thread")
    wait_for_end(manager, manager.start(short_config(max_episodes=6, evaluate_every=3, evaluation_episodes=1)))
    manager.close()
    return tmp_path / "data"


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def download(page: Page, folder: Path) -> Path:
    link = page.get_by_test_id("video-download")
    expect(link).to_be_visible(timeout=_MAKING_MS)
    with page.expect_download() as started:
        link.click()
    return saved(started.value, folder)


def saved(file: Download, folder: Path) -> Path:
    path = folder / file.suggested_filename
    file.save_as(path)
    return path


@pytest.mark.cold_start  # a worker that is warm has made an evaluation before anybody can cancel it
@pytest.mark.timeout(240)
def test_make_a_video_evaluate_and_watch_the_learning(
    trained: Path, start_server: Callable[..., LiveServer], open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(server=start_server(data_dir=trained))
    (run_folder,) = (trained / "runs").iterdir()
    folder = RunFolder.open(run_folder)
    page.goto(f"/train?run={run_folder.name}")
    settle(page, 60)
    page.locator(".st-key-views").get_by_role("link", name="Watch").click()
    page.wait_for_url(re.compile(rf"/replay\?.*run={run_folder.name}"))
    settle(page)
    video_as_mp4_and_gif(page, folder, tmp_path)
    evaluate_it(page, folder, tmp_path)
    watch_how_it_learned(page)


def video_as_mp4_and_gif(page: Page, folder: RunFolder, downloads: Path) -> None:
    rollout = roll_out(folder.config, folder.snapshot_weights("best"), seed=1)
    press(page, "Make the video")
    video = read_video(mp4 := download(page, downloads))
    assert mp4.name == f"CartPole-v1-seed1-return{rollout.episode_return:g}.mp4"
    assert len(video.frames) == rollout.length + 1
    assert video.size == (600, 400)
    assert video.seconds == pytest.approx((rollout.length + 1) / 50, abs=0.011)
    page.wait_for_function("() => document.querySelector('.dqn-video video')?.readyState >= 2")
    settle(page)
    page.get_by_role("radio", name="GIF").or_(page.get_by_role("button", name="GIF", exact=True)).first.click()
    settle(page)
    press(page, "Make the video")
    expect(page.get_by_test_id("video-download")).to_contain_text(".gif", timeout=_MAKING_MS)
    with Image.open(download(page, downloads)) as image:
        assert image.n_frames == rollout.length + 1


def evaluate_it(page: Page, folder: RunFolder, downloads: Path) -> None:
    """A thousand episodes are too many after all; of twenty, the best is one click away."""
    page.get_by_role("tab", name="Evaluate").click()
    ask_for_evaluation(page, 1_000)
    press(page, "Cancel")
    expect(page.get_by_test_id("job-state").locator("visible=true")).to_contain_text("Cancelled", timeout=_MAKING_MS)
    ask_for_evaluation(page, 20)
    link = page.get_by_role("link", name="Every episode (CSV)")
    expect(link).to_be_visible(timeout=_MAKING_MS)
    with page.expect_download() as started:
        link.click()
    table = pd.read_csv(io.StringIO(saved(started.value, downloads).read_text()))
    policy = policy_with(folder.config, folder.snapshot_weights("best"))
    expected = evaluate(policy, folder.config.env_id, episodes=20, seed=10_000)
    assert tuple(table["return"]) == expected.returns
    histogram = page.get_by_role("img", name=re.compile("^Histogram of "))
    assert histogram.evaluate(_LETTERS) == page.get_by_test_id("stCaptionContainer").first.evaluate(_LETTERS)
    best = expected.returns.index(max(expected.returns))
    settle(page)
    page.get_by_role("link", name="Best: return").click()
    page.wait_for_url(re.compile(rf"run={folder.path.name}.*seed={10_000 + best}"))
    page.wait_for_function(
        "length => window.dqnLabReplay?.last() === length", arg=expected.lengths[best], timeout=_MAKING_MS
    )


_LETTERS = "(element) => { const { fontFamily, fontSize } = getComputedStyle(element); return [fontFamily, fontSize]; }"


def ask_for_evaluation(page: Page, episodes: int) -> None:
    settle(page)
    field = page.get_by_role("spinbutton", name="Episodes")
    field.fill(str(episodes))
    field.press("Enter")
    settle(page)
    press(page, "Evaluate")


def watch_how_it_learned(page: Page) -> None:
    """A recorded episode plays where its picture was."""
    page.get_by_role("tab", name="Learning over time").click()
    card = page.get_by_test_id("recorded-episode").first
    card.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.dqn-gallery-play img')?.naturalWidth === 300")
    card.get_by_role("button").click()
    expect(card.locator("video")).to_be_visible(timeout=_MAKING_MS)
    page.wait_for_function("() => document.querySelector('.dqn-gallery-card video')?.readyState >= 2")
