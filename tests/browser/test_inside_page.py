"""Inside the agent, as a student uses it: step through an update, play the Q landscape, download its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from browser_watch import settle
from dqn_core.inside.agent import AgentCheckpoint
from dqn_core.inside.landscape import Plane, landscape
from dqn_core.inside.library import Library
from dqn_core.presets import preset_config
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from live_server import LiveServer
from scripted_trainer import wait_for_end

STEPS = 3_000
OpenPage = Callable[..., Page]


@pytest.fixture
def trained(tmp_path: Path, start_server: Callable[..., LiveServer]) -> tuple[LiveServer, RunFolder]:
    """A server with a CartPole run that was trained before it started."""
    config = preset_config("CartPole-v1", "fast").replace(max_env_steps=STEPS, compute="fused", hidden_sizes=(32, 32))
    manager = RunManager(tmp_path / "data", executor="thread")
    run_id = manager.start(config)
    wait_for_end(manager, run_id)
    folder = RunFolder.open(manager.run_folder(run_id))
    manager.close()
    return start_server(data_dir=tmp_path / "data"), folder


def part(page: Page, name: str) -> None:
    tab = page.get_by_role("tab", name=name)
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")
    settle(page)


def formulas(page: Page) -> str:
    """The formulas as they were written in LaTeX."""
    return " ".join(page.locator("annotation[encoding='application/x-tex']").all_text_contents())


def drawn(page: Page, figure: str) -> None:
    page.wait_for_function("id => document.querySelector(`[data-testid=figure-${id}]`)?.data?.length > 0", arg=figure)


def heights(page: Page, figure: str) -> np.ndarray:
    script = "graph => Array.from(graph.data[0].z, (row) => Array.from(row))"
    return np.array(page.get_by_test_id(f"figure-{figure}").evaluate(script), np.float32)


def saved(page: Page, tool: str, figure: str, folder: Path) -> Path:
    with page.expect_download() as started:
        page.get_by_test_id(f"{tool}-{figure}").click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def test_every_step_of_an_update_is_seen_on_a_phone(trained: tuple[LiveServer, RunFolder], open_page: OpenPage) -> None:
    server, folder = trained
    page = open_page(server=server, viewport={"width": 390, "height": 900})
    page.goto(f"/inside?run={folder.path.name}&lang=ko")
    settle(page)
    part(page, "업데이트 한 번")
    steps = page.locator(".st-key-update-steps").get_by_role("radio")
    expect(steps).to_have_count(6)
    for step in steps.all():
        box = step.bounding_box()
        assert box
        assert box["x"] + box["width"] < 390
    formula = page.locator(".st-key-part-update .katex-display").first
    assert formula.evaluate("each => each.scrollWidth - each.clientWidth") <= 0


def test_an_update_is_stepped_through_and_the_landscape_played(
    trained: tuple[LiveServer, RunFolder], open_page: OpenPage, tmp_path: Path
) -> None:
    server, folder = trained
    checkpoint = AgentCheckpoint(folder.checkpoint())
    page = open_page(server=server)
    page.goto(f"/train?run={folder.path.name}")
    settle(page)
    page.locator(".st-key-views").get_by_role("link", name="Inside").click()
    expect(page.get_by_text(f"step {STEPS:,}.")).to_be_visible()
    settle(page)
    step_through_an_update(page, checkpoint)
    play_the_landscape(page, checkpoint, folder, tmp_path)


def step_through_an_update(page: Page, checkpoint: AgentCheckpoint) -> None:
    part(page, "One update")
    told = checkpoint.explain(checkpoint.draw(0))
    action = int(checkpoint.replay.actions[checkpoint.draw(0).indices[0]])
    shown = [
        float(told.terms.q_values[0, action]),
        float(told.terms.next_values[0]),
        float(told.terms.targets[0]),
        float(told.terms.td_errors[0]),
    ]
    button = page.get_by_role("button", name="Next step")
    expect(button).to_be_enabled()
    for number in range(2, 7):
        button.click()
        expect(page.get_by_role("heading", name=re.compile(r"^\d · "))).to_have_text(re.compile(rf"^{number} · "))
        if number == 5:
            settle(page)
            assert f"{told.gradient_norm:.5g}" in formulas(page)
    settle(page)
    expect(button).to_be_disabled()
    text = formulas(page)
    for value in (*shown, float(told.q_after[0, action])):
        assert f"{value:.4f}" in text
    assert f"{told.loss:.5g}" in text

    # Another discount makes another target.
    slider = page.get_by_role("slider", name="Discount")
    slider.focus()
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "0.98")
    target = float(checkpoint.explain(checkpoint.draw(0), gamma=0.98).terms.targets[0])
    page.wait_for_function(
        "text => [...document.querySelectorAll('annotation')].some((each) => each.textContent.includes(text))",
        arg=f"{target:.4f}",
    )
    assert target != shown[2]


def play_the_landscape(page: Page, checkpoint: AgentCheckpoint, folder: RunFolder, tmp_path: Path) -> None:
    part(page, "Q landscape")
    drawn(page, "landscape")
    drawn(page, "policy")
    agents = Library().agents(folder, 24, now=checkpoint.agent)
    x, y = (
        np.array(page.get_by_test_id("figure-landscape").evaluate(f"graph => Array.from(graph.data[0].{axis})"))
        for axis in ("x", "y")
    )
    plane = Plane(x=0, y=2, x_values=np.float32(x), y_values=np.float32(y), base=checkpoint.replay.observations[0])
    last, first = (landscape(agent.learner(), plane) for agent in (agents[-1], agents[0]))
    np.testing.assert_allclose(heights(page, "landscape"), last.max_q, atol=1e-5)

    # The slider goes back to the untrained network, and the other figure goes along.
    slider = page.get_by_test_id("frames-landscape")
    slider.focus()
    slider.press("Home")
    expect(page.get_by_test_id("frame-name-landscape")).to_have_text("before training")
    expect(page.get_by_test_id("frame-name-policy")).to_have_text("before training")
    np.testing.assert_allclose(heights(page, "landscape"), first.max_q, atol=1e-5)
    assert np.array_equal(heights(page, "policy"), first.greedy)
    page.get_by_test_id("play-landscape").click()
    expect(page.get_by_test_id("frame-name-policy")).not_to_have_text("before training")
    page.get_by_test_id("play-landscape").click()

    # What is shown can be downloaded, as numbers and as a picture.
    slider.focus()
    slider.press("Home")
    table = pd.read_csv(saved(page, "csv", "landscape", tmp_path))
    points = table[table["max_q"].notna()]
    assert len(points) == x.size * y.size
    np.testing.assert_allclose(points["max_q"].to_numpy().reshape(y.size, x.size), first.max_q, atol=1e-5)
    np.testing.assert_allclose(points["s0"].to_numpy()[: x.size], x, rtol=1e-6)
    picture = saved(page, "png", "policy", tmp_path)
    assert re.fullmatch(r"\d{8}-\d{6}-\w{4}-policy-before-training\.png", picture.name)
    with Image.open(picture) as image:
        assert min(image.size) > 400
