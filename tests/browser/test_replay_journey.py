"""Train, open the replay, play, scrub: what is shown is what the core computes."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle
from dqn_core.episodes.episode import Rollout, policy_with, roll_out
from dqn_core.training.evaluation import evaluate
from dqn_core.training.run_folder import RunFolder
from endless_run import endless
from live_server import LiveServer


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def train_fast(page: Page) -> str:
    """Train until an agent was evaluated and kept; the run's id."""
    page.goto(endless("CartPole-v1", "fast"))
    settle(page)
    choose_speed(page, "10×")
    press(page, "Start")
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    page.wait_for_function("() => window.dqnLabPanel?.rows() >= 30", timeout=60_000)
    settle(page)
    press(page, "Stop")
    expect(page.get_by_test_id("run-state")).to_contain_text("Stopped")
    return re.sub(r".*run=([\w-]+).*", r"\1", page.url)


def wait_until_shown(page: Page) -> None:
    """Until every picture has come, and that of the state shown is on the screen."""
    page.wait_for_function("() => window.dqnLabReplay?.last() > 0 && window.dqnLabReplay.isComplete()", timeout=60_000)
    page.wait_for_function(
        "() => window.dqnLabReplay.shown().every((each) => each !== null)"
        " && Math.max(...window.dqnLabReplay.shown()) === window.dqnLabReplay.step()",
        timeout=60_000,
    )


def step(page: Page) -> int:
    return int(page.evaluate("window.dqnLabReplay.step()"))


def assert_shows(page: Page, rollout: Rollout, at: int) -> None:
    """The numbers of state ``at`` are on the page."""
    bars = page.get_by_test_id("q-values").first.locator("li")
    shown = [float(bar.locator("data").get_attribute("value") or "nan") for bar in bars.all()]
    assert shown == pytest.approx(rollout.q_values[at].tolist(), abs=1e-5)
    assert bars.nth(int(rollout.actions[at])).get_attribute("data-choice") == "greedy"
    for number, value in enumerate(rollout.observations[at].tolist()):
        assert float(page.get_by_test_id(f"state-{number}").first.inner_text()) == pytest.approx(value, abs=6e-4)
    assert float(page.get_by_test_id("fact-return_so_far").first.inner_text()) == at
    assert float(page.get_by_test_id("fact-value").first.inner_text()) == pytest.approx(
        float(rollout.q_values[at].max()), abs=6e-3
    )


def test_train_then_look_at_an_episode(page: Page, server: LiveServer) -> None:
    run_id = train_fast(page)
    settle(page)
    page.locator(".st-key-views").get_by_role("link", name="Watch").click()
    page.wait_for_url(re.compile(rf"/replay\?.*run={run_id}"))
    wait_until_shown(page)

    folder = RunFolder.open(server.data_dir / "runs" / run_id)
    weights = folder.snapshot_weights("best")
    rollout = roll_out(folder.config, weights, seed=1)
    learner = policy_with(folder.config, weights)
    assert np.abs(learner.q_values(rollout.observations[:-1]) - rollout.q_values).max() < 1e-5
    evaluated = evaluate(learner, folder.config.env_id, episodes=1, seed=1)
    assert page.evaluate("window.dqnLabReplay.last()") == rollout.length == evaluated.lengths[0]
    expect(page.get_by_test_id("outcome")).to_contain_text(f"return {evaluated.returns[0]:,.1f}")
    assert_shows(page, rollout, 0)

    # Play, pause, scrub, one step further.
    page.keyboard.press(" ")
    page.wait_for_function("() => window.dqnLabReplay.step() > 3")
    page.keyboard.press(" ")
    wait_until_shown(page)
    assert_shows(page, rollout, min(step(page), rollout.length - 1))
    box = page.get_by_test_id("scrub").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2)
    assert step(page) == round(0.6 * rollout.length)
    page.keyboard.press("ArrowRight")
    wait_until_shown(page)
    assert_shows(page, rollout, round(0.6 * rollout.length) + 1)
    page.keyboard.press("End")
    expect(page.get_by_test_id("fact-return_so_far")).to_have_text(f"{evaluated.returns[0]:,.1f}")

    # Beside the first network, in step, on the same start; another start is another address, and survives a reload.
    page.get_by_text("Side by side").click()
    expect(page.get_by_test_id("picture")).to_have_count(2)
    wait_until_shown(page)
    first = RunFolder.open(folder.path).snapshots()[0]
    early = roll_out(folder.config, folder.snapshot_weights(first.name), seed=1)
    expect(page.get_by_test_id("outcome").last).to_contain_text(f"return {early.episode_return:,.1f}")
    page.keyboard.press("ArrowRight")
    wait_until_shown(page)
    assert page.evaluate("window.dqnLabReplay.shown()") == [1, 1]
    settle(page)
    page.get_by_test_id("stBaseButton-secondary").first.click()
    page.wait_for_url(re.compile("seed="))
    seed = re.sub(r".*seed=(\d+).*", r"\1", page.url)
    page.wait_for_function("seed => window.dqnLabReplay.urls()[0].includes(`seed=${seed}&`)", arg=seed)
    wait_until_shown(page)
    last = page.evaluate("window.dqnLabReplay.last()")
    page.reload()
    wait_until_shown(page)
    assert page.evaluate("window.dqnLabReplay.last()") == last
    expect(page.get_by_test_id("picture")).to_have_count(2)


@pytest.mark.parametrize("width", [1_400, 390])
def test_the_end_of_a_long_name_is_seen_in_the_list_of_runs(
    monkeypatch: pytest.MonkeyPatch,
    start_server: Callable[..., LiveServer],
    open_page: Callable[..., Page],
    width: int,
) -> None:
    monkeypatch.setenv("DQN_LAB_EXAMPLES", "true")
    page = open_page(server=start_server(), viewport={"width": width, "height": 900})
    page.goto("/replay?lang=ko")
    settle(page)
    select = page.locator(".st-key-address-run")
    chosen = select.get_by_role("combobox")
    long_name = "MinAtar/Breakout-v1 · 빠른 학습 · 시드 0"
    assert (
        chosen.evaluate(
            "(input, name) => { input.value = name; return input.scrollWidth - input.clientWidth; }", long_name
        )
        <= 0
    )
    select.get_by_role("button").click()
    option = page.get_by_role("option").first
    expect(option).to_be_visible()
    text = option.locator("> div")
    text.evaluate("element => { element.textContent = element.textContent.repeat(4) + ' · 20260401-120000-x7k2'; }")
    sizes = text.evaluate(
        "element => [element.scrollWidth, element.clientWidth, element.scrollHeight, element.clientHeight]"
    )
    assert sizes[0] <= sizes[1]
    assert sizes[2] <= sizes[3]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_names_of_examples_are_seen_whole_where_they_are_chosen(
    monkeypatch: pytest.MonkeyPatch,
    start_server: Callable[..., LiveServer],
    open_page: Callable[..., Page],
    language: str,
) -> None:
    monkeypatch.setenv("DQN_LAB_EXAMPLES", "true")
    page = open_page(server=start_server(), viewport={"width": 1_280, "height": 720})
    page.goto(f"/replay?lang={language}")
    settle(page)
    select = page.locator(".st-key-address-run")
    select.get_by_role("button").click()
    options = page.get_by_role("option")
    expect(options).to_have_count(3)
    names = options.all_inner_texts()
    page.keyboard.press("Escape")
    cut = select.get_by_role("combobox").evaluate(
        """(input, names) => names.filter((name) => {
          input.value = name;
          return input.scrollWidth > input.clientWidth;
        })""",
        names,
    )
    assert cut == []


def test_picture_and_controls_are_on_the_first_screen(
    monkeypatch: pytest.MonkeyPatch, start_server: Callable[..., LiveServer], open_page: Callable[..., Page]
) -> None:
    monkeypatch.setenv("DQN_LAB_EXAMPLES", "true")
    page = open_page(server=start_server())
    for width, height in ((1440, 900), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        for double in (0, 1):
            page.goto(f"/replay?double={double}")  # of an agent that comes along
            wait_until_shown(page)
            for name in ("picture", "play", "first", "full"):
                for box in [each.bounding_box() for each in page.get_by_test_id(name).all()]:
                    assert box is not None
                    assert 0 < box["y"] < height - box["height"]
