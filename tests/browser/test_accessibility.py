"""Every page in every state: nothing that axe finds fault with, and all of it by keyboard.

A state is looked at in the light, in the dark, and on a phone's width. ``docs/accessibility.md`` says what this covers.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle
from dqn_core.lessons.catalog import LESSONS
from dqn_core.runs.classes.leaderboard import Leaderboard
from dqn_core.runs.examples import EXAMPLES_OWNER, add_examples
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.manager import RunManager
from endless_run import ENDLESS
from live_server import LiveServer
from trained_lessons import train_lesson

AXE = (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
WIDE, NARROW = {"width": 1_360, "height": 900}, {"width": 390, "height": 844}
STREAMLITS_OWN = {
    # Lists, menus and explanations that open are put at the end of the body, outside of any landmark; what opens them
    # names them, and the keyboard goes into them.
    "region": "#stFloatingOverlayPortal, .stSelectboxVirtualDropdown",
    # On a phone, a long formula scrolls sideways in its line. Browsers lead the keyboard there by themselves.
    "scrollable-region-focusable": ".katex-display",
}
"""What no setting, argument or style sheet of ours can change: by axe's rule, the elements that it may be about."""
LESSON = "reward-and-return"
ENDED = "CartPole-v1"
"""Environment of the example run that pages are opened with."""
INSIDE = ("environment", "network", "update", "landscape", "memory", "overestimation", "checks")

_LOOKS = 4
_STILL = """async () => {
  await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
  for (const each of document.getAnimations()) if (each instanceof CSSTransition) each.finish();
}"""
"""Waits until what was done shows, and ends what is on its way from one colour to another."""
_LOOK = """async ([rules, excused]) => {
  const sizes = { "target-size": { enabled: true } };
  const options = rules ? { runOnly: { type: "rule", values: rules } } : { rules: sizes };
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...options });
  const isExcused = (id, node) => excused[id] && document.querySelector(node.target.join(" "))?.closest(excused[id]);
  return violations.flatMap(({ id, help, nodes }) => nodes.filter((node) => !isExcused(id, node)).map((node) =>
    `${id} (${help}) at ${node.target.join(" ")}: ${node.html.slice(0, 200)}`));
}"""
_NAMELESS = """() => [...document.querySelectorAll(
  ".dqn-live :is(canvas, .dqn-plot, svg[role=img], [role=slider], [role=progressbar], table, select, video)",
)].filter((each) => each.checkVisibility() && !each.closest("[aria-hidden=true]"))
  .filter((each) => !each.getAttribute("aria-label") && !each.closest("[aria-label], [aria-labelledby]"))
  .map((each) => `no name at ${each.outerHTML.slice(0, 200)}`)"""
_UNREACHABLE = """() => [...document.querySelectorAll(
  ".dqn-live :is([role=slider], [role=button], .modebar-btn)",
)].filter((each) => each.checkVisibility() && each.tabIndex < 0)
  .map((each) => `not reached by keyboard: ${each.outerHTML.slice(0, 200)}`)"""

_GROUND = "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor"
_LEFT = """() => {
  const look = (each) => {
    const { outlineStyle, outlineWidth, boxShadow, borderColor, clipPath } = getComputedStyle(each);
    return [outlineStyle, outlineWidth, boxShadow, borderColor, clipPath].join();
  };
  const around = (each) => {
    const found = [each, ...each.querySelectorAll("*"), ...(each.parentElement?.children ?? [])];
    for (let at = each.parentElement, n = 0; at && n < 4; at = at.parentElement, n += 1) found.push(at);
    return found.slice(0, 60);
  };
  const before = window.focusedBefore;
  const now = document.activeElement;
  const isShown = now !== document.body && now.checkVisibility();
  window.focusedBefore = isShown
    ? { name: now.outerHTML.slice(0, 160), looks: around(now).map((each) => [each, look(each)]) } : null;
  return before ? { name: before.name, showed: before.looks.some(([each, was]) => look(each) !== was) } : null;
}"""
"""What had the focus before, and whether it looked otherwise while it had."""
_PICTURE = "() => document.querySelector('.dqn-flight canvas').toDataURL()"
_DRAWN = """async () => {
  await document.fonts.ready;
  const canvas = document.querySelector(".dqn-flight canvas");
  const box = canvas.getBoundingClientRect();
  return canvas.width === Math.round(box.width) && canvas.height === Math.round(box.height);
}"""
"""Whether the flight is drawn as large as its place is: the place is known to the drawing a moment later."""
_MOVING = """() => [...document.querySelectorAll(".dqn-live, .dqn-live *")].filter((each) => {
  const { transitionDuration, animationName } = getComputedStyle(each);
  return animationName !== "none" || !/^0s(, 0s)*$/.test(transitionDuration);
}).map((each) => each.outerHTML.slice(0, 100))"""
_END_OF_X = "() => document.querySelector('[data-testid=chart-return]')._fullLayout.xaxis.range[1]"
MOST_STOPS = 150

pytestmark = pytest.mark.expected_problem("GPU stall due to ReadPixels")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder with the examples, a trained lesson and an entry on the leaderboard; and the run of that entry."""
    data_dir = tmp_path_factory.mktemp("accessibility")
    add_examples(data_dir)
    train_lesson(data_dir, LESSONS[LESSON])
    manager, jobs = RunManager(data_dir, executor="thread"), Jobs()
    try:
        examples = [each for each in manager.list_runs(100) if each.owner == EXAMPLES_OWNER]
        run_id = next(each.run_id for each in examples if each.config.env_id == ENDED)
        Leaderboard(manager, jobs).submit(run_id, "Ann")
    finally:
        jobs.close()
        manager.close()
    return data_dir, run_id


@pytest.fixture(scope="module")
def server(prepared: tuple[Path, str], servers: list[LiveServer]) -> Iterator[LiveServer]:
    """The dashboard with something to show on every page."""
    data_dir, _run = prepared
    with LiveServer(data_dir, data_dir.with_suffix(".log")) as running:
        servers.append(running)
        yield running
    servers.remove(running)


@pytest.fixture
def run_id(prepared: tuple[Path, str]) -> str:
    """A run that is over."""
    return prepared[1]


class Walk:
    """Goes from state to state and collects what is wrong with each."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []

    def open(self, address: str, shown: str, *, narrow: bool = True) -> None:
        """Look at the page at ``address`` once an element ``shown`` (a CSS selector) is there."""
        self.page.goto(address)
        settle(self.page)
        self.look(address.partition("?")[0], shown, narrow=narrow)

    def look(self, name: str, shown: str, *, narrow: bool = True) -> None:
        """Look at the page as it is, in the light, in the dark, and on a phone."""
        page = self.page
        expect(page.locator(shown).first).to_be_visible()
        name = f"{name} [{shown}]"
        self.collect(f"{name}, light")
        self.faults += [f"{name}: {each}" for each in (*page.evaluate(_NAMELESS), *page.evaluate(_UNREACHABLE))]
        ground = page.evaluate(_GROUND)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"(light) => ({_GROUND})() !== light", arg=ground)
        self.collect(f"{name}, dark", rules=["color-contrast"])
        page.emulate_media(color_scheme="light")
        page.wait_for_function(f"(light) => ({_GROUND})() === light", arg=ground)
        if narrow:
            page.set_viewport_size(NARROW)
            self.collect(f"{name}, narrow")
            page.set_viewport_size(WIDE)

    def collect(self, name: str, rules: Sequence[str] | None = None) -> None:
        """Have axe look at the page as it is."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE)
        for _again in range(_LOOKS):  # what is drawn anew in this very moment is pale, and no fault of the page
            if self.page.get_by_test_id("stApp").count() > 0:  # a saved episode is no page of the server's
                settle(self.page)
            self.page.evaluate(_STILL)
            found = self.page.evaluate(_LOOK, [rules, STREAMLITS_OWN])
            if not found:
                return
        self.faults += [f"{name}: {each}" for each in found]

    def finish(self) -> None:
        """Fail with all that was found."""
        assert not self.faults, "\n".join(self.faults)


@pytest.fixture
def walk(page: Page) -> Walk:
    return Walk(page)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.timeout(300)
def test_start_and_lessons(walk: Walk) -> None:
    page = walk.page
    walk.open("/", ".dqn-flight canvas")
    walk.open("/lessons", ".st-key-lesson-cards h2")
    walk.open(f"/lessons?lesson={LESSON}", "[data-testid=idea] [role=slider]")
    page.get_by_text(LESSONS[LESSON].labels[1], exact=True).first.click()
    press(page, "Show the result")
    walk.look("/lessons, with the result", "[data-testid=figure-lesson-curves] .main-svg")
    walk.finish()


@pytest.mark.timeout(300)
def test_the_views_of_a_run(walk: Walk, run_id: str) -> None:
    page = walk.page
    walk.open(f"/train?run={run_id}", ".dqn-chart .main-svg")
    page.get_by_test_id("stPopover").get_by_role("button", name=re.compile("Download")).first.click()
    walk.look("/train, with an open menu", "[data-testid=stPopoverBody]", narrow=False)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Present", exact=True).click()
    walk.look("/train, presented", "html.dqn-presenting .dqn-chart .main-svg", narrow=False)
    page.keyboard.press("Escape")
    walk.open(f"/replay?run={run_id}", "[data-testid=outcome]:not(:empty)")
    walk.open(
        f"/replay?run={run_id}&double=1",
        ".dqn-picture-card + .dqn-picture-card [data-testid=outcome]:not(:empty)",
        narrow=False,
    )
    walk.open(f"/play?run={run_id}", "[data-testid=game-note]")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => window.dqnLabPlay.isOver()", timeout=60_000)
    walk.look("/play, over", "[data-testid=verdict]:not(:empty)", narrow=False)
    walk.open(ENDLESS, ".st-key-run-controls button")
    press(page, "Start")
    walk.look("/train, while it trains", "[data-testid=run-state][data-state=running]")
    press(page, "Stop")
    walk.look("/train, stopped", "[data-testid=run-state][data-state=stopped]", narrow=False)
    walk.finish()


@pytest.mark.timeout(300)
def test_sharing(walk: Walk, run_id: str, tmp_path: Path) -> None:
    page = walk.page
    walk.open('/train?env=CartPole-v1&preset=fast&settings={"gamma":0.9,"gama":1}', ".st-key-link-notice button")
    press(page, "Share")
    walk.look("/train, sharing", ".dqn-share-code")
    page.goto(f"/replay?run={run_id}&double=1")
    button = page.get_by_test_id("save-page")
    expect(button).to_be_enabled()
    with page.expect_download() as saved:
        button.click()
    saved.value.save_as(tmp_path / "episode.html")
    page.goto((tmp_path / "episode.html").as_uri())
    expect(page.get_by_test_id("outcome").first).not_to_be_empty()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        walk.collect(f"a saved episode, {scheme}")
    walk.faults += [*page.evaluate(_NAMELESS), *page.evaluate(_UNREACHABLE)]
    walk.finish()


@pytest.mark.timeout(300)
def test_inside(walk: Walk, run_id: str) -> None:
    for part in INSIDE:
        shown = f".st-key-part-{part} :is(h2, .dqn-plot .main-svg, button)"
        walk.open(f"/inside?run={run_id}&part={part}", shown, narrow=part in ("network", "update"))
    walk.finish()


@pytest.mark.timeout(300)
def test_many_runs(walk: Walk, run_id: str) -> None:
    page = walk.page
    walk.open("/experiments", "[data-testid=experiment]")
    walk.open("/search", "[data-testid=stMultiSelect]")
    walk.open("/compare?runs=", "[data-testid=run-table] tbody tr", narrow=False)
    walk.open(f"/compare?runs={run_id}", "[data-testid=compare-results] tbody tr")
    walk.open("/leaderboard", ".ranking")
    walk.open("/runs", "[data-testid=run-table] tbody tr")
    page.get_by_role("checkbox", name=re.compile("Example: Cart Pole")).check()
    button = page.get_by_role("button", name=re.compile("Rename$"))
    expect(button).to_be_enabled()
    walk.look("/runs, one chosen", ".dqn-selected", narrow=False)
    button.click()
    walk.look("/runs, renaming", "[role=dialog]", narrow=False)
    walk.finish()


@pytest.mark.timeout(300)
def test_a_class(walk: Walk, open_page: Callable[..., Page]) -> None:
    """As its teacher sees it, and as a student does."""
    page, student = walk.page, Walk(open_page())
    walk.open("/class", "[data-testid=stForm]")
    page.get_by_label("Title of the class").fill("Thursday")
    press(page, "Open the class")
    code = page.get_by_test_id("class-code").inner_text()
    student.open(f"/class?code={code}", "[data-testid=stForm]")
    student.page.get_by_label("Your nickname").fill("Mina")
    press(student.page, "Join")
    student.look("/class, joined", "[data-testid=class-strip]")
    press(student.page, "Raise hand")
    page.get_by_label("What is to be done").fill("Find a good seed.")
    press(page, "Give to the class")
    expect(page.locator(".st-key-class-assigned")).to_be_visible()
    page.get_by_label("Message", exact=True).fill("Look up")
    page.get_by_label("Message", exact=True).blur()
    settle(page)
    press(page, "Show to all")
    walk.look("/class, led", "[data-testid=member-hand]")
    page.get_by_role("button", name="Rename: Mina").click()
    walk.look("/class, renaming", ".dqn-roster-form input", narrow=False)
    page.get_by_test_id("wall-name").click()
    walk.look("/class, one card large", "[data-testid=wall-large][open]")
    page.get_by_test_id("wall-close").click()
    for name in ("Assign something", "The class as one experiment", "Collect", "End the class"):
        page.locator("summary").filter(has_text=name).click()
    walk.look("/class, all open", ".st-key-class-archive button")
    student.look("/class, assigned", "[data-testid=class-message]:not(:empty)")
    press(student.page, "Start from here")
    student.look("/train, with locks", ".st-key-run-controls button")
    choose_speed(student.page, "real time")
    press(student.page, "Start")
    walk.look("/class, a run on the wall", ".dqn-wall-state[data-state=running]")
    press(student.page, "Stop")
    walk.look("/class, a stopped run on the wall", ".dqn-wall-state[data-state=stopped]", narrow=False)
    walk.open("/runs", "[data-testid=class-message]:not(:empty)")
    walk.faults += student.faults
    walk.finish()


# --------------------------------------------------------------------------------------------------------- the keyboard


def test_from_the_page_to_start_it_is_three_keys(page: Page) -> None:
    page.goto("/train?run=")
    settle(page)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    link = page.get_by_role("link", name="Skip to main content")
    expect(link).to_be_attached()
    page.keyboard.press("Tab")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}"))
    press(page, "Stop")


def test_a_chart_is_zoomed_without_a_mouse(page: Page, run_id: str) -> None:
    page.goto(f"/train?run={run_id}")
    settle(page)
    tools = page.get_by_test_id("chart-return")
    tools.get_by_role("button", name="Zoom in").focus()
    expect(tools.locator(".modebar")).to_have_css("opacity", "1")
    whole = page.evaluate(_END_OF_X)
    page.keyboard.press("Enter")
    page.wait_for_function(f"(whole) => ({_END_OF_X})() < whole", arg=whole)
    tools.get_by_role("button", name="Show everything").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"(whole) => ({_END_OF_X})() === whole", arg=whole)


@pytest.mark.browser_context(locale="ko-KR")
def test_the_page_says_its_language(page: Page) -> None:
    page.goto("/lessons")
    settle(page)
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.locator(".st-key-links a[href*='lang=en']").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_attached()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("address", "is_drawn"),
    [
        ("/", "document.querySelector('h1')"),
        ("/train?run={run}", "document.querySelector(`[aria-label^='Fullscreen: Picture of']`)"),
        ("/replay?run={run}", "window.dqnLabReplay?.isComplete()"),
        ("/play?run={run}", "document.querySelector('h1')"),
        ("/experiments", "document.querySelector('h1')"),
    ],
)
def test_whatever_has_the_focus_shows_it(page: Page, run_id: str, address: str, is_drawn: str) -> None:
    page.goto(address.format(run=run_id))
    page.wait_for_function(is_drawn)
    settle(page)
    unseen = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        page.evaluate(_STILL)
        left = page.evaluate(_LEFT)
        if left is not None and not left["showed"]:
            unseen.append(left["name"])
        if page.evaluate("() => document.activeElement === document.body"):
            break
    else:
        pytest.fail("The keyboard never came to the page's end.")
    assert unseen == []


# ------------------------------------------------------------------------------------------------------------ motion


@pytest.mark.browser_context(reduced_motion="reduce")
def test_who_wants_no_motion_gets_none_unasked(page: Page, run_id: str) -> None:
    page.goto("/")
    settle(page)
    expect(page.get_by_role("button", name="Play the flight")).to_be_visible()
    page.wait_for_function(_DRAWN)
    first = page.evaluate(_PICTURE)
    page.evaluate(_STILL)
    assert page.evaluate(_PICTURE) == first
    press(page, "Play the flight")
    page.wait_for_function(f"(first) => ({_PICTURE})() !== first", arg=first)

    page.goto(f"/train?run={run_id}")
    settle(page)
    expect(page.get_by_test_id("agent-episode")).to_be_visible()
    expect(page.get_by_test_id("agent-play")).to_have_accessible_name(re.compile("^Play"))
    assert page.evaluate(_MOVING) == []

    page.goto(f"/replay?run={run_id}")
    settle(page)
    page.wait_for_function("() => window.dqnLabReplay?.isComplete()")
    assert page.evaluate("() => [window.dqnLabReplay.isPlaying(), window.dqnLabReplay.step()]") == [False, 0]
    assert page.evaluate(_MOVING) == []
