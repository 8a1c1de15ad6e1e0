"""An agent that learns from pictures: trained, killed with its server, resumed, watched, saved as a video, exported."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from playwright.sync_api import Page, expect

from browser_watch import PICTURE_OF_THE_SERVER_BEFORE, choose_speed, settle, while_server_is_away
from dqn_core.environments.make import inspect_environment
from dqn_core.episodes.episode import Rollout, policy_with, roll_out
from dqn_core.presets import preset_config
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer
from live_server import LiveServer
from pages.shared.share.settings_link import settings_link
from videos import read_video

_MAKING_MS = 120_000
_GAME = "MinAtar/Breakout-v1"
_CONFIG = preset_config(_GAME, "fast").replace(
    compute="fused", buffer_size=1_000, warmup_steps=300, max_env_steps=2_500, evaluate_every=40, evaluation_episodes=2
)
_PIXELS = """name => {
    const canvas = document.querySelector(`[data-testid='${name}']`);
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
}"""
_TILES = [f"seen-{number}" for number in range(4)]
_ARE_RED = f"""names => names.some((name) => {{
    const data = ({_PIXELS})(name);
    return data.some((red, i) => i % 4 === 0 && red - data[i + 1] > 80 && red - data[i + 2] > 80);
}})"""


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def pixels(page: Page, name: str) -> np.ndarray:
    """What a tile shows [10, 10, 3]."""
    return np.array(page.evaluate(_PIXELS, name), np.uint8).reshape(10, 10, 4)[..., :3]


def download(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as started:
        page.get_by_role("link", name=name).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


@while_server_is_away(PICTURE_OF_THE_SERVER_BEFORE)
@pytest.mark.timeout(600)
def test_breakout_is_learned_watched_killed_resumed_recorded_and_exported(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    server = start_server(data_dir)
    page = open_page(server=server)
    folder = trained_and_killed(page, server)
    resumed(page, server, folder)

    whole = Trainer(_CONFIG)
    list(whole.events())
    expected, state = whole.state.arrays(), folder.checkpoint()
    assert state.values["counters"]["env_step"] == _CONFIG.max_env_steps
    assert [name for name in expected if not np.array_equal(expected[name], state.arrays[name])] == []

    rollout = roll_out(folder.config, folder.snapshot_weights("best"), seed=1)
    exported(page, folder, rollout, tmp_path)
    watched(page, rollout)
    check_video(page, rollout, tmp_path)


def trained_and_killed(page: Page, server: LiveServer) -> RunFolder:
    """Both pictures and the saliency are there while it trains; then the server is killed, a checkpoint on the disk."""
    page.goto(settings_link("/train", _CONFIG) or "")
    settle(page)
    choose_speed(page, "real time")
    press(page, "Start")
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    folder = RunFolder.open(server.data_dir / "runs" / re.sub(r".*run=([\w-]+).*", r"\1", page.url))
    expect(page.get_by_test_id("live-frame")).to_be_visible(timeout=_MAKING_MS)  # kernels may have to be compiled
    expect(page.get_by_test_id("seen-0")).to_be_visible()
    paddle = pixels(page, "seen-0").astype(int)
    assert np.ptp(paddle[9]) > np.ptp(paddle[:9])  # on its row
    page.get_by_test_id("saliency").click()
    page.wait_for_function(_ARE_RED, arg=_TILES, timeout=_MAKING_MS)
    page.wait_for_function("() => window.dqnLabPanel?.rows() >= 3", timeout=_MAKING_MS)
    settle(page)
    press(page, "Pause")
    expect(page.get_by_test_id("run-state")).to_have_text("Paused")
    press(page, "Resume")
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    server.stop(signal.SIGKILL)
    assert 300 < folder.checkpoint().values["counters"]["env_step"] < _CONFIG.max_env_steps
    return folder


def resumed(page: Page, server: LiveServer, folder: RunFolder) -> None:
    server.start()
    page.goto(f"/train?run={folder.path.name}")
    expect(page.get_by_test_id("run-message")).to_contain_text("server went down")
    settle(page)
    choose_speed(page, "full speed")
    press(page, "Resume")
    expect(page.get_by_test_id("run-state")).to_contain_text("Finished", timeout=_MAKING_MS)
    expect(page.get_by_test_id("agent-episode")).to_be_visible(timeout=_MAKING_MS)
    page.get_by_test_id("saliency").click()
    page.wait_for_function(_ARE_RED, arg=_TILES, timeout=_MAKING_MS)


def exported(page: Page, folder: RunFolder, rollout: Rollout, downloads: Path) -> None:
    """The network computes elsewhere what it does here."""
    settle(page)
    press(page, "Download")
    model = onnxruntime.InferenceSession(download(page, "Network (ONNX)", downloads))
    seen = rollout.observations.astype(np.float32)
    (q_values,) = model.run(["q_values"], {"observations": seen})
    own = policy_with(folder.config, folder.snapshot_weights("best")).q_values(seen)
    np.testing.assert_allclose(q_values, own, rtol=1e-5, atol=1e-5)
    page.keyboard.press("Escape")


def watched(page: Page, rollout: Rollout) -> None:
    """What a person sees, what the network sees, and what matters in it."""
    page.locator(".st-key-views").get_by_role("link", name="Watch").click()
    page.wait_for_function(
        "last => window.dqnLabReplay?.last() === last && window.dqnLabReplay.isComplete()",
        arg=rollout.length,
        timeout=_MAKING_MS,
    )
    layout = inspect_environment(_GAME).layout
    assert layout is not None
    page.keyboard.press("ArrowRight")
    for at in (1, 2):
        page.wait_for_function("at => window.dqnLabReplay.shown()[0] === at", arg=at)
        tiles = np.split(layout.tiles(rollout.observations[at]), 4, axis=1)
        for number, tile in enumerate(tiles):
            expect(page.get_by_test_id(f"seen-{number}")).to_have_attribute("data-state", str(at))
            assert np.array_equal(pixels(page, f"seen-{number}"), tile)
        page.keyboard.press("ArrowRight")
    page.get_by_test_id("saliency").click()
    expect(page.get_by_test_id("seen-note")).to_be_visible()
    page.wait_for_function(_ARE_RED, arg=_TILES, timeout=_MAKING_MS)


def check_video(page: Page, rollout: Rollout, downloads: Path) -> None:
    settle(page)
    press(page, "Make the video")
    link = page.get_by_test_id("video-download")
    expect(link).to_be_visible(timeout=_MAKING_MS)
    with page.expect_download() as started:
        link.click()
    path = downloads / started.value.suggested_filename
    started.value.save_as(path)
    assert len(read_video(path).frames) == rollout.length + 1
