"""An agent downloaded and uploaded again: snapshots listed, the network exported, a run begun with it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle, unfold
from dqn_core.episodes.episode import policy_with
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.weights_file import weights_at
from endless_run import ENDLESS
from live_server import LiveServer


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def start(page: Page) -> str:
    """Press Start at 10 times real time; the new run's id."""
    before = page.url
    choose_speed(page, "10×")
    press(page, "Start")
    page.wait_for_url(lambda url: url != before and "run=" in url)
    page.wait_for_function("() => window.dqnLabPanel?.rows() >= 3", timeout=60_000)
    found = re.search(r"run=(\d{8}-\d{6}-[a-z0-9]{4})", page.url)
    assert found is not None
    return found[1]


def download(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as started:
        page.get_by_role("link", name=name).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


@pytest.mark.timeout(300)
def test_an_agent_is_downloaded_and_a_run_begun_with_it(page: Page, server: LiveServer, tmp_path: Path) -> None:
    page.goto(ENDLESS)
    settle(page)
    run_id = start(page)

    # What it keeps is listed while it trains, and a checkpoint is taken when asked for.
    unfold(page, "Checkpoints")
    expect(page.get_by_text(re.compile(r"Snapshots: \d+ · checkpoints: \d · .* of at most 256 MB"))).to_be_visible()
    settle(page)
    press(page, "Save a checkpoint")
    settle(page)
    press(page, "Stop")
    expect(page.get_by_test_id("run-state")).to_contain_text("Stopped")
    settle(page)
    press(page, "Refresh")
    for row in ("Latest checkpoint", "Last snapshot", "Snapshot during training"):
        expect(page.get_by_role("cell", name=row).first).to_be_visible()

    # Its network computes elsewhere what it does here.
    press(page, "Download")
    settle(page)
    page.get_by_test_id("stPopoverBody").get_by_text("last", exact=True).click()
    weights_link = page.get_by_role("link", name="Weights (safetensors)")
    expect(weights_link).to_have_attribute("href", re.compile(r"weights=last"))
    weights_path = download(page, "Weights (safetensors)", tmp_path)
    assert weights_path.name == f"{run_id}-last.safetensors"
    weights = weights_at(weights_path)
    config = RunFolder.open(server.data_dir / "runs" / run_id).config
    model = onnxruntime.InferenceSession(download(page, "Network (ONNX)", tmp_path))
    observations = np.random.default_rng(0).standard_normal((20, 4), np.float32)
    (q_values,) = model.run(["q_values"], {"observations": observations})
    np.testing.assert_allclose(q_values, policy_with(config, weights).q_values(observations), rtol=1e-5, atol=1e-5)

    # Another run begins with it; a file that holds no network is refused.
    page.goto(ENDLESS)
    settle(page)
    unfold(page, "Initial weights")
    page.get_by_text("From a file", exact=True).click()
    settle(page)
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_text("These are no weights.")
    upload = page.locator("input[type=file]")
    upload.set_input_files(wrong)
    expect(page.get_by_text("wrong.safetensors is not a safetensors file")).to_be_visible()
    upload.set_input_files(weights_path)
    expect(page.get_by_text("These weights fit the network.")).to_be_visible()
    settle(page)
    second = RunFolder.open(server.data_dir / "runs" / start(page))
    first_state = second.snapshot_weights("episode-00000000")
    assert all(np.array_equal(first_state[name], array) for name, array in weights.items())
    settle(page)
    press(page, "Stop")
    expect(page.get_by_test_id("run-state")).to_contain_text("Stopped")
