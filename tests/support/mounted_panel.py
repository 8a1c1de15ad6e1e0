"""The live panel by itself in a Chromium page: the test plays the other end of its live socket."""

from __future__ import annotations

import base64
import functools
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import imageio.v3 as iio
import numpy as np
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Route

from browser_sources import fulfill, mount_script
from pages.shared.browser.plot_theme import PALETTE
from pages.train import panel
from pages.train.charts import live_figures

ORIGIN = "http://127.0.0.1:9"
STAGE = """<!doctype html><html lang="en"><link rel="icon" href="data:,"><body style="margin: 0"><div id="mount"
style="--st-text-color: #1b2a2b; --st-background-color: #fcfcfa"></div></body></html>"""
FAKE_SERVER = (
    mount_script("train/panel.js", panel.STYLES)
    + """
window.sockets = [];
window.isAway = false;  // whether the server takes no connection
window.WebSocket = class {
  constructor(url) {
    Object.assign(this, { url, isOpen: false, subscriptions: new Map() });
    window.sockets.push(this);
    queueMicrotask(() => {
      this.isOpen = !window.isAway && !this.isClosed;
      if (this.isOpen) this.onopen?.();
      else this.onclose?.();
    });
  }
  send(text) {
    const message = JSON.parse(text);
    if ("subscribe" in message) this.subscriptions.set(message.subscribe, message);
    else this.subscriptions.delete(message.unsubscribe);
  }
  close() {
    this.isOpen = false;
    this.isClosed = true;
  }
};
window.openSockets = () => window.sockets.filter((each) => each.isOpen);
window.subscriptions = () => window.openSockets().flatMap((each) => [...each.subscriptions.values()]);
window.cut = () => {
  for (const each of window.openSockets()) {
    each.isOpen = false;
    each.onclose?.();
  }
};
window.tell = (message) => {
  const socket = window.openSockets().at(-1);
  const subscription = [...socket.subscriptions.keys()].at(-1);
  if (message.over) socket.subscriptions.delete(subscription);
  socket.onmessage({ data: JSON.stringify({ subscription, ...message }) });
};
window.triggers = [];
window.cleanUps = [];
window.mount = async (data) => {
  const parentElement = document.getElementById("mount");
  const setTriggerValue = (name, value) => window.triggers.push([name, value]);
  window.cleanUps.push(await window.mountAt(parentElement, data, setTriggerValue));
};
"""
)
TIDY = """() => {
  for (const cleanUp of window.cleanUps) cleanUp();
  window.isAway = false;
  window.cut();
  for (const list of [window.sockets, window.triggers, window.cleanUps]) list.length = 0;
  delete document.hidden;
  document.getElementById("mount").style.setProperty("--st-background-color", "#fcfcfa");
}"""
PROGRESS = {
    "wall_time_s": 83.0,
    "env_step": 12_345,
    "updates": 11_345,
    "episode": 122,
    "episodes": 121,
    "phase": "training",
    "epsilon": 0.25,
    "steps_per_s": 2_345.6,
    "episode_return": 3.0,
    "buffer_fill": 1_000,
    "fraction": 0.3,
    "eta_s": 3_725.0,
    "return_mean_100": 88.25,
    "last_return": 91.0,
    "best_eval": 140.5,
    "compute": "CPU (compiled)",
    "max_episodes": 400,
}


LABELS = {name: name for name in panel.labels()}
"""Each text is its own name, where it is not a template."""
LABELS |= {"at_episode": "episode {n}", "hover_episode": "episode %{x}", "frame_alt": "frame of {n}"}


def data(**changes: Any) -> dict[str, Any]:
    return {
        "run_id": "20260401-143501-x7k2",
        "labels": LABELS,
        "action_names": ["push left", "push right"],
        "watch_frames": False,
        "state": "running",
        "settings": {"learning_rate": 2e-4, "gamma": 0.99, "goal_score": None},
        "locale": "en",
        "palette": PALETTE,
        "charts": [json.loads(each.to_json()) for each in live_figures(LABELS)],
    } | changes


def rows(count: int, start: int = 0, **columns: list[Any]) -> dict[str, Any]:
    """Episodes ``start + 1 ...`` as they come over the wire."""
    episodes = range(start + 1, start + count + 1)
    plain = {
        "episode": list(episodes),
        "env_step": [20 * each for each in episodes],
        "return": [float(each % 50) for each in episodes],
        "length": [each % 50 for each in episodes],
        "loss_mean": [1.0 / each for each in episodes],
        "epsilon": [0.5] * count,
        "eval_return": [None] * count,
        "wall_time_s": [0.1 * each for each in episodes],
    }
    return {"from": start, "columns": plain | columns}


def update(episodes: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """One message of a run; ``over``, which goes beside it, says whether it is the last."""
    return {
        "state": "running",
        "over": False,
        "message": "",
        "reason": None,
        "progress": PROGRESS,
        "episodes": episodes or rows(0),
        "changes": {"from": 0, "items": []},
        "notices": [],
        "frame": None,
    } | changes


def frame(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "number": number,
        "episode": 7,
        "env_step": 321,
        "episode_step": 21,
        "episode_return": 21.0,
        "q_values": [4.0, 2.0],
        "action": 0,
        "is_greedy": True,
        "picture": picture(),
    } | changes


def change(episode: int, field: str, old: Any, new: Any) -> dict[str, Any]:
    changes = [{"field": field, "old": old, "new": new}]
    text = f"{field} {old} → {new}"
    return {
        "wall_time_s": 3.0 * episode,
        "env_step": 20 * episode,
        "episode": episode,
        "changes": changes,
        "text": text,
    }


class Panel:
    """The mounted panel and the socket that feeds it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def mount(self, **changes: Any) -> None:
        self.page.evaluate("data => window.mount(data)", data(**changes))

    def say(self, message: dict[str, Any]) -> None:
        """Tell the panel's subscription of ``message``, with the cursor that it brings a viewer to."""
        self.wait_for("window.subscriptions().length > 0")
        values = dict(message)
        is_over = values.pop("over")
        episodes, changes = values["episodes"], values["changes"]
        cursor = {
            "rows": episodes["from"] + len(episodes["columns"]["episode"]),
            "changes": changes["from"] + len(changes["items"]),
            "frame": values["frame"]["number"] if values["frame"] else 0,
        }
        told = {"cursor": cursor, "over": is_over, "data": values}
        self.page.evaluate("message => window.tell(message)", told)

    def tell_problem(self, text: str, *, over: bool) -> None:
        self.wait_for("window.subscriptions().length > 0")
        self.page.evaluate("message => window.tell(message)", {"error": text, "over": over})

    def subscriptions(self) -> list[dict[str, Any]]:
        """What the page follows over its open sockets."""
        found: list[dict[str, Any]] = self.page.evaluate("window.subscriptions()")
        return found

    def chart(self, name: str) -> Locator:
        return self.page.get_by_test_id(f"chart-{name}")

    def wait_for(self, expression: str) -> None:
        self.page.wait_for_function(expression)

    def wait_drawn(self, name: str = "return", episode: int | None = None) -> None:
        """Wait until the chart was drawn with every row that the panel has, or with those up to ``episode``."""
        newest = "dqnLabPanel.rows()" if episode is None else str(episode)
        chart = f"document.querySelector('[data-testid=chart-{name}]')"
        self.wait_for(f"{chart}.layout?.xaxis.autorangeoptions.clipmax === {newest}")

    def trace(self, name: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(
            f"(() => {{ const {{x, y, visible}} = {trace_of(name, key)}; return {{x, y, visible}}; }})()"
        )
        return found

    def axis_range(self, name: str, axis: str = "xaxis") -> list[float]:
        found: list[float] = self.chart(name).evaluate(f"chart => chart._fullLayout.{axis}.range")
        return found

    def zoom(self, name: str) -> list[float]:
        """Drag over the middle half of the chart; gives the range of x that is left."""
        before = self.axis_range(name)
        box = self.chart(name).locator(".nsewdrag").bounding_box()
        assert box
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] / 4, middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + 3 * box["width"] / 4, middle, steps=5)
        self.page.mouse.up()
        selector = f"document.querySelector('[data-testid=chart-{name}]')._fullLayout.xaxis.range[0]"
        self.wait_for(f"{selector} !== {before[0]}")
        return self.axis_range(name)


def trace_of(name: str, key: str) -> str:
    return f"document.querySelector('[data-testid=chart-{name}]').data?.find((each) => each.meta.key === '{key}')"


@contextmanager
def opened_stage(browser: Browser) -> Iterator[Page]:
    """A page without a server for all tests of a file, so that it loads the plotting library once."""
    page = browser.new_page(locale="en-US")
    page.add_init_script(FAKE_SERVER)
    page.route("**/*", _answer)
    page.goto(ORIGIN)
    yield page
    page.close()


@contextmanager
def fresh_panel(stage: Page) -> Iterator[Panel]:
    """Nothing mounted yet; fails where the browser's console is not clean in the end."""
    problems: list[str] = []

    def note_error(error: Error) -> None:
        problems.append(str(error))

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            problems.append(message.text)

    stage.on("pageerror", note_error)
    stage.on("console", note_message)
    stage.set_viewport_size({"width": 1_400, "height": 1_000})
    stage.mouse.move(0, 0)
    stage.evaluate(TIDY)
    yield Panel(stage)
    stage.remove_listener("pageerror", note_error)
    stage.remove_listener("console", note_message)
    assert problems == []


def _answer(route: Route) -> None:
    path = route.request.url.removeprefix(ORIGIN)
    if path == "/":
        route.fulfill(body=STAGE, content_type="text/html")
    elif not fulfill(route):
        route.abort()


@functools.cache
def picture() -> str:
    """A small JPEG, as it comes over the wire."""
    buffer = io.BytesIO()
    iio.imwrite(buffer, np.full((40, 60, 3), 200, np.uint8), extension=".jpg")
    return base64.b64encode(buffer.getvalue()).decode()
