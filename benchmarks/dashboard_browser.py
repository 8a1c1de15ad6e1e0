"""A person at the dashboard, for measuring: starts an endless run through the page, opens and closes it, clicks.

Needs Playwright and a Chromium (``pip install -r requirements-dev.txt``, ``make chromium``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

__all__ = ["DashboardPage", "browser_page"]

_TIMEOUT_MS = 30_000
_RUN_ID = re.compile(r"run=(\d{8}-\d{6}-[a-z0-9]{4})")

# From the moment of the click, as the browser stamps it, to the first picture in which the answer shows.
_WATCH_FOR_ANSWER = """(answered) => {
  const isAnswered = new Function(`return ${answered}`);
  window.dqnLabAnswer = new Promise((resolve) => {
    addEventListener("click", (event) => {
      const look = () => {
        if (isAnswered()) resolve(performance.now() - event.timeStamp);
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    }, { capture: true, once: true });
  });
}"""
_HAS_STAGE = "document.querySelector('[data-testid=live-frame]') !== null"
_STATE_IS = "document.querySelector('[data-testid=run-state]')?.dataset.state === '{}'"


@contextmanager
def browser_page(chromium: Path) -> Iterator[Page]:
    """A page in a headless Chromium."""
    # Chromium refuses its sandbox to root, and containers have a small /dev/shm.
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=arguments)
        context = browser.new_context(locale="en-US", viewport={"width": 1_360, "height": 900})
        context.set_default_timeout(_TIMEOUT_MS)
        try:
            yield context.new_page()
        finally:
            browser.close()


class DashboardPage:
    """The train page of the server at ``url``."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._url = url
        self.run_id = ""

    def start_endless_run(self) -> None:
        """Start CartPole through the form: an update of the usual size at each step, no evaluation, no end."""
        self._page.goto(f"{self._url}/train")
        self._settle()
        self._page.get_by_role("radio", name="fast").click()
        self._settle()
        self._fill("Learning", {"Hidden layer widths": "32, 32"})
        self._fill("Evaluation and goal", {"Goal score": "", "Episodes between evaluations": "0"})
        self._fill("Limits", {"Max episodes": "10000000", "Max env steps": ""})
        self._press("Full speed")
        self._press("Start")
        self._page.wait_for_url(_RUN_ID)
        found = _RUN_ID.search(self._page.url)
        self.run_id = found[1] if found else ""
        self._wait_for_rows()

    def _fill(self, group: str, values: dict[str, str]) -> None:
        self._page.get_by_text(group, exact=True).click()
        for label, value in values.items():
            box = self._page.get_by_label(label, exact=True)
            box.fill(value)
            box.press("Enter")
            self._settle()

    def close(self) -> None:
        """Leave the dashboard."""
        self._page.goto("about:blank")

    def open(self, *, frames: bool) -> None:
        """Show the run, with or without frames, and wait until its curves are there."""
        self._page.goto(f"{self._url}/train?run={self.run_id}")
        self._wait_for_rows()
        self._settle()
        self.watch(frames=frames)

    def watch(self, *, frames: bool) -> None:
        """Turn the frames on or off."""
        switch = self._page.get_by_role("switch", name="Show agent")
        if switch.is_checked() != frames:
            self._watch_switch()
        self._page.wait_for_function(f"() => ({_HAS_STAGE}) === {str(frames).lower()}")
        self._settle()

    def _watch_switch(self) -> None:
        self._page.get_by_test_id("stCheckbox").filter(has_text="Show agent").locator("label").click()

    def rest(self, seconds: float) -> None:
        """Do nothing, as a person who looks."""
        self._page.wait_for_timeout(1_000 * seconds)

    # ------------------------------------------------------------------------------------- clicks and their answers

    def switch_ms(self, clicks: int) -> list[float]:
        """Milliseconds from a click on "Show agent" until the picture is there, or gone."""
        answers = []
        for _ in range(clicks):
            has_stage = self._page.evaluate(_HAS_STAGE)
            answers.append(self._answer_ms(self._watch_switch, f"{_HAS_STAGE} === {str(not has_stage).lower()}"))
            self._settle()
        return answers

    def pause_ms(self, clicks: int) -> tuple[list[float], list[float]]:
        """Milliseconds from a click on Pause, and on Resume, until the run's state says so."""
        paused, resumed = [], []
        for _ in range(clicks):
            paused.append(self._answer_ms(lambda: self._press("Pause"), _STATE_IS.format("paused")))
            self._settle()
            resumed.append(self._answer_ms(lambda: self._press("Resume"), _STATE_IS.format("running")))
            self._settle()
        return paused, resumed

    def pause(self) -> None:
        """Pause the run."""
        self._press("Pause")
        self._page.wait_for_function(f"() => {_STATE_IS.format('paused')}")
        self._settle()

    def resume(self) -> None:
        """Let it go on."""
        self._press("Resume")
        self._page.wait_for_function(f"() => {_STATE_IS.format('running')}")
        self._settle()

    def _answer_ms(self, click: Callable[[], None], answered: str) -> float:
        self._page.evaluate(_WATCH_FOR_ANSWER, answered)
        click()
        return float(self._page.evaluate("() => window.dqnLabAnswer"))

    def _press(self, name: str) -> None:
        self._page.get_by_role("button", name=name, exact=True).click()

    def _wait_for_rows(self) -> None:
        self._page.wait_for_function("() => window.dqnLabPanel?.rows() > 0")

    def _settle(self) -> None:
        """Wait until Streamlit has run the page's script."""
        expect(self._page.get_by_test_id("stApp")).to_have_attribute(
            "data-test-script-state", "notRunning", timeout=_TIMEOUT_MS
        )
