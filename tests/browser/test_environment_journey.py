"""What if gravity were lower, and the reward another? Asked as a person does, while LunarLander trains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
from playwright.sync_api import Locator, Page, expect

from browser_watch import settle
from endless_run import endless

_FORMULA = "reward - 0.1*abs(x_position)"


def panel(page: Page, question: str) -> Any:
    return page.evaluate(f"() => window.dqnLabPanel?.{question}()")


def wait_for_rows(page: Page, count: int) -> None:
    page.wait_for_function("count => window.dqnLabPanel?.rows() >= count", arg=count, timeout=60_000)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def open_section(page: Page) -> None:
    """Open the form's part about the environment."""
    section = page.get_by_text("Environment: physics and reward")
    section.scroll_into_view_if_needed()
    section.click()


def formula(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Reward formula")


def write_formula(page: Page, text: str) -> None:
    formula(page).fill(text)
    formula(page).press("Enter")
    settle(page)


def download(page: Page, name: str, folder: Path) -> Path:
    link = page.get_by_role("link", name=name)
    if not link.is_visible():
        press(page, "Download")
    with page.expect_download() as started:
        link.click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def test_physics_and_reward_change_while_the_run_trains(page: Page, tmp_path: Path) -> None:
    page.goto(endless("LunarLander-v3", "lab8"))
    settle(page)
    open_section(page)

    # A formula with a typo cannot be started with, and says what was meant; a right one can.
    write_formula(page, "reward - 0.1*abs(x_positon)")
    expect(page.get_by_text("Did you mean x_position?").first).to_be_visible()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    write_formula(page, _FORMULA)
    expect(page.get_by_text("Did you mean x_position?")).to_have_count(0)
    press(page, "Start")
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    wait_for_rows(page, 3)
    expect(page.get_by_test_id("chart-shaped_return")).to_be_visible()

    # Gravity changes while it trains, in the part that was opened before: a mark on the curves, and a row in the list.
    slider = page.get_by_role("slider", name="Gravity")
    expect(slider).to_have_attribute("aria-valuetext", "-10.0")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_function("() => window.dqnLabPanel.changes() >= 1")
    expect(page.get_by_test_id("chart-return")).to_contain_text("Gravity -10 → -9.9")
    for chart in ("return", "shaped_return", "loss"):
        page.get_by_test_id(f"chart-{chart}").scroll_into_view_if_needed()
        page.wait_for_function(
            "(id) => document.querySelector(`[data-testid=chart-${id}]`).layout?.shapes?.length >= 1", arg=chart
        )
    expect(page.get_by_test_id("changes")).to_contain_text("Gravity -10 → -9.9")

    # The formula too; one that is refused leaves the run as it is, and stays to be corrected.
    write_formula(page, "reward - abs(angel)")
    expect(page.get_by_text("Did you mean angle?")).to_be_visible()
    assert panel(page, "changes") == 1
    write_formula(page, "reward - abs(angle)")
    page.wait_for_function("() => window.dqnLabPanel.changes() === 2")
    wait_for_rows(page, panel(page, "rows") + 3)
    settle(page)
    press(page, "Stop")
    expect(page.get_by_test_id("run-state")).to_contain_text("Stopped")

    changes = pd.read_csv(download(page, "Live changes (CSV)", tmp_path))
    assert changes[["field", "old", "new"]].to_numpy().tolist() == [
        ["env_kwargs.gravity", "-10.0", "-9.9"],
        ["reward_formula", _FORMULA, "reward - abs(angle)"],
    ]
    episodes = pd.read_csv(download(page, "Episodes (CSV)", tmp_path))
    assert (episodes["shaped_return"] < episodes["return"]).all()
