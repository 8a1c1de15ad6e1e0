"""A person plays by keyboard, sees the agent's return on the same start, and goes on to its replay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect

from browser_watch import settle
from dqn_core.algorithm.networks import initial_weights
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import roll_out
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import a_run_of, following, wait_for_end
from trainer_runs import snapshot_of


def a_run(data_dir: Path) -> RunFolder:
    """A run that is over, with weights."""
    manager = RunManager(data_dir, trainer_factory=following(a_run_of(1)))
    run_id = manager.start(TrainingConfig(max_episode_steps=60))
    wait_for_end(manager, run_id)
    folder = RunFolder.open(manager.run_folder(run_id))
    folder.write_snapshot(snapshot_of(initial_weights(np.random.default_rng(0), (4, 32, 32, 2)), "best"))
    manager.close()
    return folder


def test_play_against_the_agent(tmp_path: Path, start_server: Any, open_page: Any) -> None:
    folder = a_run(tmp_path / "data")
    page: Page = open_page(server=start_server(data_dir=tmp_path / "data"))
    page.goto(f"/play?run={folder.path.name}")
    settle(page)
    expect(page.get_by_test_id("game-note")).to_have_text("Press a key to begin")
    page.wait_for_function("() => window.dqnLabPlay.state().step === 0")
    page.keyboard.down("ArrowRight")
    page.wait_for_function("() => window.dqnLabPlay.state().step >= 3")
    expect(page.get_by_test_id("key-ArrowRight")).to_have_class("dqn-held")
    page.wait_for_function("() => window.dqnLabPlay.isOver()", timeout=60_000)
    page.keyboard.up("ArrowRight")

    # Pushed to the right all the time, the pole falls after some ten steps; each is worth 1.
    state, seed = page.evaluate("[window.dqnLabPlay.state(), window.dqnLabPlay.seed()]")
    assert 5 <= state["step"] <= 15
    expect(page.get_by_test_id("score-you")).to_have_text(f"{state['step']:.1f}")
    agent = roll_out(folder.config, folder.snapshot_weights("best"), seed)
    expect(page.get_by_test_id("score-agent")).to_have_text(f"{agent.episode_return:,.1f}", timeout=60_000)
    expect(page.get_by_test_id("best").locator("li")).to_have_count(1)

    # Again, with fingers.
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.dqnLabPlay.state()?.step === 0")
    button = page.get_by_test_id("key-ArrowLeft")
    button.hover()
    page.mouse.down()
    page.wait_for_function("() => window.dqnLabPlay.isOver()", timeout=60_000)
    page.mouse.up()
    expect(page.get_by_test_id("best").locator("li")).to_have_count(2)
    expect(page.get_by_test_id("score-agent")).to_be_visible(timeout=60_000)
    seed = page.evaluate("window.dqnLabPlay.seed()")
    page.get_by_test_id("watch-agent").click()
    page.wait_for_url(re.compile(f"/replay.*seed={seed}"))
    agent = roll_out(folder.config, folder.snapshot_weights("best"), seed)
    expect(page.get_by_test_id("outcome")).to_contain_text(f"return {agent.episode_return:,.1f}", timeout=60_000)


def test_letters_are_the_games_while_it_has_the_focus(page: Page) -> None:
    page.goto("/play?run=Blackjack-v1")
    settle(page)
    expect(page.get_by_test_id("game-note")).to_have_text("Press a key to begin")
    page.wait_for_function("() => window.dqnLabPlay.state()?.step === 0")
    page.get_by_role("link", name="Class", exact=True).focus()
    page.keyboard.press("s")
    expect(page.get_by_test_id("key-s")).not_to_have_class("dqn-held")
    assert page.evaluate("[window.dqnLabPlay.action(), window.dqnLabPlay.state().step]") == [None, 0]

    # A click into the game gives it the focus; so does a new game, with no click at all.
    page.get_by_test_id("game-note").click()
    page.keyboard.press("s")  # stick: the game is over
    page.wait_for_function("() => window.dqnLabPlay.isOver()")
    page.get_by_test_id("play-again").click()
    page.wait_for_function("() => window.dqnLabPlay.state()?.step === 0")
    page.keyboard.press("s")
    page.wait_for_function("() => window.dqnLabPlay.isOver()")
