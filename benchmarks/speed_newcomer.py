"""What a newcomer sees, and how soon: the Start page, and a first CartPole run with the first preset on the page.

A real server and a headless Chromium on the same cores. What is seen is read off the page itself: whether the picture
differs from the one before, and how many steps the episode on the screen has reached.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import browser_or_reason
from benchmarks.measuring import summary
from benchmarks.sizes import Sizes

__all__ = ["measure"]

_PATIENCE_S = 90.0
_READS_S = 5.0
"""Somebody looks at the Start page for so long."""
_FAILS, _BALANCES = 100, 400
"""Steps of an episode, the longest of which has 500."""

_WATCH_FLIGHT = """
window.dqnLabSeen = { moves: null };
(function look(first) {
  const canvas = document.querySelector(".dqn-flight canvas");
  const shown = canvas?.width > 0 ? canvas.toDataURL() : null;
  if (first && shown && shown !== first) window.dqnLabSeen.moves = performance.now();
  else requestAnimationFrame(() => look(first ?? shown));
})(null);
"""
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"

_WATCH_AGENT = f"""() => {{
  const seen = {{ moves: null, fails: null, balances: null }};
  window.dqnLabSeen = seen;
  addEventListener("click", (event) => {{
    let [picture, steps, pictures] = ["", 0, 0];
    const timer = setInterval(() => {{
      const since = (performance.now() - event.timeStamp) / 1000;
      const frame = document.querySelector("[data-testid=live-frame]");
      if (frame && !frame.hidden && frame.src !== picture) {{
        picture = frame.src;
        pictures += 1;
        if (pictures === 2) seen.moves = since;
      }}
      const shown = Number(document.querySelectorAll(".dqn-facts dd")[1]?.innerText.replace(",", ""));
      if (shown < steps && steps < {_FAILS}) seen.fails ??= since;
      if (shown >= {_BALANCES}) seen.balances ??= since;
      steps = shown || 0;
      if (seen.balances) clearInterval(timer);
    }}, 20);
  }}, {{ capture: true, once: true }});
}}"""


def measure(sizes: Sizes) -> dict[str, Any]:
    """Seconds until things are seen, over seeds; only a reason where that cannot be."""
    chromium, reason = browser_or_reason()
    return {"skipped": reason} if chromium is None else _measure_with(chromium, sizes)


def _measure_with(chromium: Path, sizes: Sizes) -> dict[str, Any]:
    from benchmarks.dashboard_browser import browser_page
    from tests.support.live_server import LiveServer

    with (
        tempfile.TemporaryDirectory() as folder,
        LiveServer(Path(folder) / "data", Path(folder) / "server.log") as server,
    ):
        flights, first_moves = [], []
        for seed in range(1 + sizes.first_visits):
            with browser_page(chromium) as page:
                flights.append(_flight_s(page, server.url))
                page.wait_for_timeout(1_000 * _READS_S)
                first_moves.append(_first_run(page, server.url, seed, until="moves")["moves"])
        with browser_page(chromium) as page:
            runs = [_first_run(page, server.url, seed, until="balances") for seed in range(sizes.newcomers)]
    return {
        "cores": os.cpu_count(),
        "started_flight_s": flights[0],
        "flight_s": summary(flights[1:]),
        "first_moves_s": summary(first_moves[1:]),
        "moves_s": summary([run["moves"] for run in runs]),
        "fails_s": summary([run["fails"] for run in runs]),
        "balances_s": summary([run["balances"] for run in runs]),
        "newcomers": len(runs),
        "within_a_minute": sum(run["fails"] < run["balances"] <= 60.0 for run in runs),
    }


def _flight_s(page: Any, url: str) -> float:
    """Seconds from the first paint of the first visit's page until the lander moves."""
    page.add_init_script(_WATCH_FLIGHT)
    page.goto(url)
    page.wait_for_function("() => window.dqnLabSeen.moves !== null")
    return float(page.evaluate("() => window.dqnLabSeen.moves") - page.evaluate(_FIRST_PAINT)) / 1_000


def _first_run(page: Any, url: str, seed: int, *, until: str) -> dict[str, float]:
    """Seconds from the press of Start until the agent moves, is seen failing, and is seen balancing, or ``until``."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
    from playwright.sync_api import expect

    page.goto(f"{url}/train?run=")
    settled = page.get_by_test_id("stApp")
    expect(settled).to_have_attribute("data-test-script-state", "notRunning", timeout=30_000)
    box = page.get_by_role("spinbutton", name="Seed")
    box.fill(str(seed))
    box.press("Enter")
    expect(settled).to_have_attribute("data-test-script-state", "notRunning", timeout=30_000)
    page.evaluate(_WATCH_AGENT)
    page.get_by_role("button", name="Start", exact=True).click()
    with contextlib.suppress(PlaywrightTimeoutError):  # It is not seen at all.
        page.wait_for_function(f"() => window.dqnLabSeen.{until} !== null", timeout=1_000 * _PATIENCE_S)
    seen = page.evaluate("() => window.dqnLabSeen")
    stop = page.get_by_role("button", name="Stop", exact=True)
    if stop.is_enabled():  # so that the next one has the machine to itself
        with contextlib.suppress(PlaywrightTimeoutError):  # It ends by itself in this very moment.
            stop.click(timeout=5_000)
    expect(stop).to_be_disabled(timeout=30_000)
    return {name: float("inf") if seen[name] is None else float(seen[name]) for name in ("moves", "fails", "balances")}
