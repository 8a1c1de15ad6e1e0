"""The replay by itself in a Chromium page: episodes made up by the test, no server."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from browser_sources import fulfill, mount_script
from browser_watch import BrowserWatch
from dqn_core.environments.planes import as_png
from pages.replay import panel
from pages.replay.labels import replay_labels

LABELS = replay_labels()
ORIGIN = "http://127.0.0.1:9"
STAGE = f"""<!doctype html><html lang="en"><link rel="icon" href="data:,"><body style="margin: 4px">
<div id="mount" style="--st-text-color: #1b2a2b; --st-background-color: #fcfcfa"></div><input id="elsewhere">
<script type="module">
{mount_script("replay/replay.js", panel.STYLES)}
window.mount = async (data) => {{
  window.cleanUp?.();
  window.cleanUp = await window.mountAt(document.getElementById("mount"), data);
}};
</script></body></html>"""


@dataclass
class MadeUpEpisode:
    """What the fake server has of one episode."""

    length: int = 30
    states: int = 0
    """Of a Discrete observation, which is a number a state; 0 for two numbers of their own."""
    truncated: bool = False
    drawn: int | None = None
    """Pictures that are drawn by now; None for all."""
    kept: int | None = None
    """Pictures that there will ever be; None for all."""
    pack: int = 400
    """Pictures a pack at most."""
    problem: tuple[int, dict[str, Any]] | None = None
    """Status and JSON of the answer instead of the numbers."""
    forgotten: int = 0
    """How often the server still says that it does not know the replay any more."""
    asked: list[str] = field(default_factory=list)
    """Addresses asked for."""

    def numbers(self) -> dict[str, Any]:
        steps = range(self.length)
        return {
            "id": "abc",
            "seed": 1,
            "epsilon": 0.0,
            "gamma": 0.99,
            "frames_per_s": 50.0,
            "length": self.length,
            "terminated": not self.truncated,
            "truncated": self.truncated,
            "episode_return": float(self.length),
            "actions": [step % 2 for step in steps],
            "is_greedy": [step % 5 != 0 for step in steps],
            "rewards": [1.0] * self.length,
            "q_values": [[step + 0.123456789, -step / 2] for step in steps],
            "observations": [self.observation(step) for step in range(self.length + 1)],
            "discounted_returns": [float(self.length - step) for step in steps],
        }

    def observation(self, step: int) -> list[float]:
        return [float(state == step) for state in range(self.states)] or [step / 10, -step]

    def frames(self, first: int) -> bytes:
        total = self.length + 1 if self.kept is None else self.kept
        drawn = total if self.drawn is None else min(self.drawn, total)
        pictures = [picture(number) for number in range(first, min(drawn, first + self.pack))]
        header = (first, len(pictures), drawn, int(drawn == total), *map(len, pictures))
        return struct.pack(f"<{len(header)}I", *header) + b"".join(pictures)

    def tiles(self, name: str, first: int) -> bytes:
        """What :data:`LAYOUT` shows of each state: its number in blue, and in red in the second tile what matters."""
        pictures = []
        for number in range(first, min(self.length + 1, first + self.pack)):
            pixels = np.zeros((2, 4, 3), np.uint8)
            if name == "seen":
                pixels[..., 2] = number
            else:
                pixels[:, 2:, 0] = 200
            pictures.append(as_png(pixels))
        header = (first, len(pictures), self.length + 1, 1, *map(len, pictures))
        return struct.pack(f"<{len(header)}I", *header) + b"".join(pictures)


LAYOUT = {
    "height": 2,
    "width": 2,
    "tiles": [{"name": "ball", "color": "#ffd24a"}, {"name": "brick", "color": "#e88b3c"}],
    "is_small": True,
}


def picture(number: int) -> bytes:
    """A JPEG whose colour is its number."""
    buffer = io.BytesIO()
    colour = (number % 16 * 16, number // 16 % 16 * 16, number // 256 * 16)
    Image.new("RGB", (48, 32), colour).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def number_in(colour: list[int]) -> int:
    """Which picture has this colour."""
    red, green, blue = (round(each / 16) for each in colour)
    return red + 16 * green + 256 * blue


class MountedReplay:
    """The replay, and the episodes that its fake server has by the name of their run."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.episodes: dict[str, MadeUpEpisode] = {}

    def mount(self, *episodes: MadeUpEpisode, **changes: Any) -> None:
        names = ("left", "right")[: len(episodes)]
        self.episodes = dict(zip(names, episodes, strict=True))
        data = {
            "sides": [{"title": name, "detail": "best", "url": f"live/runs/{name}/replay?seed=1"} for name in names],
            "action_names": ["push left", "push right"],
            "observation_names": ["position", "velocity"],
            "frames_per_s": 50.0,
            "labels": LABELS,
            "locale": "en",
        }
        self.page.evaluate("data => window.mount(data)", data | changes)

    def ask(self, question: str) -> Any:
        return self.page.evaluate(f"window.dqnLabReplay.{question}()")

    def wait_for(self, expression: str, *, timeout_s: float = 20.0) -> None:
        self.page.wait_for_function(expression, timeout=timeout_s * 1_000)

    def wait_ready(self) -> None:
        """Until every number and picture has come and the one to be shown is."""
        self.wait_for("window.dqnLabReplay.last() > 0 && window.dqnLabReplay.isComplete()")
        self.wait_shown()

    def wait_shown(self) -> None:
        self.wait_for("window.dqnLabReplay.shown().every((each) => each !== null)")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def picture_shown(self, side: int = 0) -> int:
        """Number of the picture on the canvas, read from its colour."""
        canvas = self.page.get_by_test_id("picture").nth(side)
        return number_in(
            canvas.evaluate("each => [...each.getContext('2d').getImageData(9, 9, 1, 1).data].slice(0, 3)")
        )

    def tile_shown(self, tile: int, side: int = 0) -> list[int]:
        """Red, green and blue of the first point of a tile of what the network sees."""
        canvas = self.page.get_by_test_id(f"seen-{tile}").nth(side)
        colour: list[int] = canvas.evaluate(
            "each => [...each.getContext('2d').getImageData(0, 0, 1, 1).data].slice(0, 3)"
        )
        return colour

    def drag(self, start: float, end: float) -> None:
        """From one share of the scrub bar's width to another."""
        box = self.page.get_by_test_id("scrub").bounding_box()
        assert box
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + start * box["width"], middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + end * box["width"], middle, steps=4)
        self.page.mouse.up()

    def answer(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        if parts.path == "/":
            route.fulfill(body=STAGE, content_type="text/html")
        elif parts.path.startswith("/live/runs/"):
            self._answer_numbers(route, parts.path.split("/")[3])
        elif not fulfill(route):
            self._answer_frames(route, parts.path.split("/")[-1], int(parse_qs(parts.query)["from"][0]))

    def _answer_numbers(self, route: Route, name: str) -> None:
        episode = self.episodes[name]
        episode.asked.append(route.request.url)
        if episode.problem:
            route.fulfill(status=episode.problem[0], json=episode.problem[1])
        else:
            route.fulfill(json=episode.numbers() | {"id": name})

    def _answer_frames(self, route: Route, name: str, first: int) -> None:
        episode = self.episodes[urlsplit(route.request.url).path.split("/")[3]]
        episode.asked.append(route.request.url)
        if episode.forgotten:
            episode.forgotten -= 1
            route.fulfill(status=404, json={"error": "no longer kept"})
        else:
            pictures = episode.frames(first) if name == "frames" else episode.tiles(name, first)
            route.fulfill(body=pictures, content_type="application/octet-stream")


@contextmanager
def opened_replay(browser: Browser) -> Iterator[MountedReplay]:
    """A page with nothing mounted yet; fails where its console is not clean in the end."""
    # What the tests provoke: refusals by the made-up server, and advice on how to read pixels.
    watch = BrowserWatch([r"404 \(Not Found\)", r"409 \(Conflict\)", "getImageData"])
    context = browser.new_context(locale="en-US", viewport={"width": 1_300, "height": 900})
    page = context.new_page()
    watch.watch(page)
    replay = MountedReplay(page)
    page.route("**/*", replay.answer)
    page.goto(ORIGIN)
    page.wait_for_function("window.mount !== undefined")
    yield replay
    context.close()
    problems = watch.unexpected()
    assert not problems, "\n".join(problems)
