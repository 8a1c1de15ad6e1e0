"""What the live panel shows: words, numbers, curves, marks, and the running episode."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import imageio.v3 as iio
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from dqn_core.environments.planes import as_png
from mounted_panel import (
    PROGRESS,
    Panel,
    change,
    frame,
    fresh_panel,
    opened_stage,
    rows,
    trace_of,
    update,
)
from mounted_replay import LAYOUT

_FIRST_POINT = """each => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  context.drawImage(each, 0, 0);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture(scope="module")
def stage(browser: Browser) -> Iterator[Page]:
    with opened_stage(browser) as page:
        yield page


@pytest.fixture
def live(stage: Page) -> Iterator[Panel]:
    with fresh_panel(stage) as panel:
        yield panel


def test_before_the_first_episode_it_says_what_it_waits_for(live: Panel) -> None:
    live.mount(state="starting")
    expect(live.page.get_by_text("preparing").first).to_be_visible()
    warming_up = PROGRESS | {"phase": "warmup", "episode": 0, "episodes": 0}
    live.say(update(state="starting", progress=warming_up, message="The learner is compiled."))
    expect(live.page.get_by_test_id("run-message")).to_have_text("The learner is compiled.")
    live.say(update(progress=PROGRESS | {"phase": "warmup", "episode": 0, "episodes": 0}))
    expect(live.page.get_by_text("filling_memory").first).to_be_visible()
    live.say(update())
    expect(live.page.get_by_text("waiting_first_episode").first).to_be_visible()
    live.say(update(rows(1)))
    live.wait_drawn()
    expect(live.page.locator(".dqn-empty:visible")).to_have_count(0)


def test_an_ended_run_is_loading_until_it_has_said_what_it_has(live: Panel) -> None:
    live.mount(state="stopped")
    expect(live.page.get_by_text("loading_curves").first).to_be_visible()
    live.say(update(state="stopped", reason="stopped", over=True))
    expect(live.page.get_by_text("no_episodes").first).to_be_visible()


def test_state_progress_and_tiles_say_what_came_over_the_wire(live: Panel) -> None:
    live.mount(settings={"goal_score": 450.0})
    live.say(update(rows(1)))
    expect(live.page.get_by_test_id("run-state")).to_have_text("state_running")
    expect(live.page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "30%")
    expect(live.page.get_by_test_id("elapsed")).to_have_text("1:23")
    expect(live.page.get_by_test_id("eta")).to_have_text("1:02:05")
    values = {
        "episodes": "121 / 400",
        "env-steps": "12,345",
        "steps-per-s": "2,346",
        "epsilon": "0.250",
        "last-return": "91.0",
        "mean-100": "88.3",
        "best-eval": "140.5 / 450",
        "compute": "CPU (compiled)",
    }
    for name, value in values.items():
        expect(live.page.get_by_test_id(f"tile-{name}").locator("dd")).to_have_text(value)


def test_numbers_are_written_as_the_language_writes_them(live: Panel) -> None:
    live.mount(locale="de")
    live.say(update(rows(1)))
    expect(live.page.get_by_test_id("tile-env-steps").locator("dd")).to_have_text("12.345")
    expect(live.page.get_by_test_id("tile-epsilon").locator("dd")).to_have_text("0,250")


@pytest.mark.parametrize(("state", "shown"), [("finished", "100%"), ("stopped", "30%"), ("failed", "30%")])
def test_a_run_that_ended_by_its_own_rule_is_done(live: Panel, state: str, shown: str) -> None:
    live.mount(state=state)
    live.say(update(rows(3), state=state, over=True))
    expect(live.page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", shown)


def test_the_rate_of_a_run_that_is_over_is_that_of_all_of_it(live: Panel) -> None:
    rate = live.page.get_by_test_id("tile-steps-per-s").locator("dd")
    live.mount(state="stopped")
    live.say(update(rows(3), state="stopped", progress=PROGRESS | {"steps_per_s": 0.0}, over=True))
    expect(rate).to_have_text("149")
    live.mount(run_id="20260401-150000-aaaa")
    live.say(update(progress=PROGRESS | {"env_step": 0, "wall_time_s": 0.0, "steps_per_s": 0.0}, state="stopped"))
    expect(rate).to_have_text("–")


@pytest.mark.parametrize(
    ("state", "reason", "badge"),
    [
        ("finished", "solved", "solved"),
        ("finished", "max_episodes", "state_finished"),
        ("stopped", "stopped", "state_stopped"),
        ("interrupted", None, "state_interrupted"),
    ],
)
def test_an_ended_run_says_how_it_ended(live: Panel, state: str, reason: str | None, badge: str) -> None:
    live.mount(state=state)
    live.say(update(rows(3), state=state, reason=reason, message="That was it: <b>all</b>.", over=True))
    expect(live.page.get_by_test_id("run-state")).to_have_text(badge)
    expect(live.page.get_by_test_id("run-message")).to_have_text("That was it: <b>all</b>.")  # text, whatever it says
    assert live.subscriptions() == []


def test_the_moving_mean_is_over_the_newest_values_that_are_there(live: Panel) -> None:
    generator = np.random.default_rng(1)
    returns = [None if generator.random() < 0.1 else generator.uniform(-200, 300) for _ in range(600)]
    live.mount()
    for start in range(0, 600, 150):
        live.say(update(rows(150, start, **{"return": returns[start : start + 150]})))
    live.wait_drawn()
    live.page.get_by_test_id("legend-return-mean_100").click()
    live.wait_for(f"{trace_of('return', 'mean_100')}.x.length === 600")
    for key, window in (("mean_20", 20), ("mean_100", 100)):
        known = [[y for y in returns[max(0, i - window + 1) : i + 1] if y is not None] for i in range(600)]
        expected = [sum(values) / len(values) for values in known]
        assert live.trace("return", key)["y"] == pytest.approx(expected)


def test_evaluations_and_the_goal_are_drawn(live: Panel) -> None:
    live.mount(settings={"goal_score": 30.0})
    live.say(update(rows(4, eval_return=[None, 12.0, None, 14.0])))
    live.wait_drawn()
    assert live.trace("return", "evaluation") | {"visible": True} == {"x": [2, 4], "y": [12.0, 14.0], "visible": True}
    assert live.trace("return", "goal")["y"] == [30.0, 30.0]
    live.say(update(changes={"from": 0, "items": [change(4, "goal_score", 30.0, 45.0)]}, episodes=rows(0, 4)))
    live.wait_for(f"{trace_of('return', 'goal')}.y[0] === 45")


def test_without_a_goal_there_is_no_line_for_it(live: Panel) -> None:
    live.mount()
    live.say(update(rows(4)))
    live.wait_drawn()
    assert live.trace("return", "goal")["visible"] is False
    expect(live.page.get_by_test_id("legend-return-goal")).to_be_hidden()


def test_the_loss_switches_to_a_logarithmic_axis(live: Panel) -> None:
    live.mount()
    live.say(update(rows(100)))
    live.wait_drawn("loss")
    switch = live.page.get_by_test_id("log-loss")
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    live.wait_for("document.querySelector('[data-testid=chart-loss]')._fullLayout.yaxis.type === 'log'")
    assert live.axis_range("loss", "yaxis")[0] == pytest.approx(-2, abs=0.3)


# -------------------------------------------------------------------------------------------- marks of live changes


def test_a_live_change_is_marked_in_every_chart_named_in_the_first_and_listed(live: Panel) -> None:
    live.mount()
    live.say(update(rows(100), changes={"from": 0, "items": [change(40, "learning_rate", 2e-4, 1e-3)]}))
    for name in ("return", "loss", "length", "epsilon"):
        expect(live.chart(name).get_by_text("learning_rate 0.0002 → 0.001")).to_have_count(int(name == "return"))
        shape = live.chart(name).evaluate("chart => chart.layout.shapes[0]")
        assert (shape["x0"], shape["x1"], shape["line"]["dash"]) == (40, 40, "dash")
    expect(live.page.get_by_test_id("changes")).to_have_text("episode 40 learning_rate 0.0002 → 0.001")


def test_every_change_is_listed_the_newest_first(live: Panel) -> None:
    live.mount()
    live.say(update(rows(9), changes={"from": 0, "items": [change(3, "goal", 45, 46), change(4, "loss", "a", "<b>")]}))
    live.say(update(changes={"from": 2, "items": [change(5, "memory", 1, 2)]}))
    expected = ["episode 5 memory 1 → 2", "episode 4 loss a → <b>", "episode 3 goal 45 → 46"]
    expect(live.page.get_by_test_id("changes").locator("li")).to_have_text(expected)


def test_notices_are_shown_the_newest_three(live: Panel) -> None:
    live.mount()
    live.say(update(notices=["one", "two", "three", "<b>four</b>"]))
    expect(live.page.get_by_test_id("notices").locator("li")).to_have_text(["two", "three", "<b>four</b>"])
    live.say(update(notices=[]))
    expect(live.page.get_by_test_id("notices")).to_be_hidden()


@pytest.mark.parametrize("episodes", [[40, 42, 44], [90, 95, 99], [2, 50, 98], [97, 98, 99]])
def test_labels_of_changes_close_together_do_not_overlap(live: Panel, episodes: list[int]) -> None:
    items = [change(each, "learning_rate", 2e-4, 1e-3) for each in episodes]
    live.mount()
    live.say(update(rows(100), changes={"from": 0, "items": items}))
    texts = live.chart("return").locator(".annotation-text")
    expect(texts).to_have_count(len(episodes))
    boxes = [box for each in texts.all() if (box := each.bounding_box())]
    frame = live.chart("return").bounding_box()
    assert frame
    for index, box in enumerate(boxes):
        assert frame["x"] <= box["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
        for other in boxes[index + 1 :]:
            is_beside = box["x"] + box["width"] <= other["x"] or other["x"] + other["width"] <= box["x"]
            is_above = box["y"] + box["height"] <= other["y"] + 1 or other["y"] + other["height"] <= box["y"] + 1
            assert is_beside or is_above


def test_the_chosen_action_is_marked_and_a_random_one_differently(live: Panel) -> None:
    live.mount(watch_frames=True)
    live.wait_for("window.subscriptions()[0]?.parameters.frames === true")
    live.say(update(frame=frame(1)))
    items = live.page.get_by_test_id("q-values").locator("li")
    expect(items).to_have_count(2)
    expect(items.nth(0)).to_contain_text("push left")
    expect(items.nth(0)).to_have_attribute("data-choice", "greedy")
    expect(items.nth(1)).to_have_attribute("data-choice", "none")
    widths = [each.evaluate("bar => bar.getBoundingClientRect().width") for each in items.locator(".dqn-q-fill").all()]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.02)
    live.say(update(frame=frame(2, action=1, is_greedy=False)))
    expect(items.nth(1)).to_have_attribute("data-choice", "random")
    expect(live.page.get_by_test_id("action-mode")).to_have_text("move_random")
    expect(live.page.get_by_test_id("live-frame")).to_have_attribute("alt", "frame of 7")


def test_a_chart_is_downloaded_under_the_runs_name(live: Panel) -> None:
    live.mount()
    live.say(update(rows(30)))
    live.wait_drawn("loss")
    live.chart("loss").hover()
    with live.page.expect_download() as download:
        live.chart("loss").get_by_role("button", name="download_png").click()
    assert download.value.suggested_filename == "20260401-143501-x7k2-loss.png"
    height, width, _ = iio.imread(download.value.path()).shape
    assert width > 2 * height > 400


def test_without_pictures_an_ended_run_has_no_stage(live: Panel) -> None:
    stage = live.page.locator(".dqn-stage")
    live.mount(watch_frames=True)
    expect(stage).to_be_visible()
    live.mount(watch_frames=True, state="stopped")
    live.say(update(rows(3), state="stopped", reason="stopped", over=True))
    expect(stage).to_be_hidden()


def test_what_comes_with_the_first_picture_has_its_place_before(live: Panel) -> None:
    stage = live.page.locator(".dqn-stage")
    live.mount(watch_frames=True, layout=LAYOUT, picture_size=[60, 40])
    expect(live.page.get_by_text("waiting_frame")).to_be_visible()
    before = stage.bounding_box()
    seen = base64.b64encode(as_png(np.zeros((2, 4, 3), np.uint8))).decode()
    live.say(update(frame=frame(1, seen=seen)))
    expect(live.page.get_by_test_id("live-frame")).to_be_visible()
    expect(live.page.get_by_test_id("seen-0")).to_have_attribute("data-state", "1")
    assert stage.bounding_box() == before


def test_the_last_picture_of_a_run_stays(live: Panel) -> None:
    live.mount(watch_frames=True)
    live.say(update(frame=frame(1)))
    expect(live.page.get_by_test_id("live-frame")).to_be_visible()
    live.say(update(rows(3), state="stopped", reason="stopped", over=True))
    expect(live.page.get_by_text("stage_over")).to_be_visible()
    expect(live.page.get_by_test_id("live-frame")).to_be_visible()


def test_what_the_network_sees_stands_below_the_picture(live: Panel) -> None:
    live.mount(watch_frames=True, layout=LAYOUT)
    tiles = np.zeros((2, 4, 3), np.uint8)
    for number in (1, 2):
        tiles[:, 2:, 2] = 100 * number
        live.say(update(frame=frame(number, seen=base64.b64encode(as_png(tiles)).decode())))
        expect(live.page.get_by_test_id("seen-1")).to_have_attribute("data-state", str(number))
        colours = [live.page.get_by_test_id(f"seen-{tile}").evaluate(_FIRST_POINT) for tile in (0, 1)]
        assert colours == [[0, 0, 0], [0, 0, 100 * number]]
    expect(live.page.locator(".dqn-stage figcaption")).to_have_text(["ball", "brick"])


def test_a_zoom_in_one_chart_is_the_zoom_of_all_and_so_is_the_way_back(live: Panel) -> None:
    live.mount()
    live.say(update(rows(100)))
    live.wait_drawn("loss")
    zoomed = live.zoom("return")
    for name in ("loss", "length", "epsilon"):
        live.wait_for(f"document.querySelector('[data-testid=chart-{name}]')._fullLayout.xaxis.range[0] > 1")
        assert live.axis_range(name) == pytest.approx(zoomed)
    live.say(update(rows(20, start=100)))
    live.wait_for("document.querySelector('[data-testid=chart-loss]').layout.xaxis.autorangeoptions.clipmax === 120")
    assert live.axis_range("loss") == pytest.approx(zoomed)
    live.chart("length").locator(".nsewdrag").dblclick()
    for name in ("return", "loss", "length", "epsilon"):
        live.wait_for(f"document.querySelector('[data-testid=chart-{name}]')._fullLayout.xaxis.range[0] <= 1")


def test_pointing_at_an_episode_in_one_chart_points_at_it_in_all(live: Panel) -> None:
    live.mount()
    live.say(update(rows(100)))
    live.wait_drawn("loss")
    live.chart("return").locator(".nsewdrag").hover()
    for name in ("return", "loss", "length"):
        expect(live.chart(name).locator(".hoverlayer")).to_contain_text("episode")
    live.page.get_by_test_id("run-state").hover()
    for name in ("return", "loss", "length"):
        expect(live.chart(name).locator(".hoverlayer")).not_to_contain_text("episode")


def test_a_few_evaluations_far_below_the_rest_do_not_flatten_the_curve(live: Panel) -> None:
    live.mount()
    live.say(update(rows(100, eval_return=[-5_000.0 if i in {50, 60} else None for i in range(100)])))
    live.wait_drawn()
    assert live.axis_range("return", "yaxis")[0] > -100
    expect(live.chart("return").get_by_text("below")).to_be_visible()


def test_presentation_shows_two_charts_in_large_type_until_it_is_ended(live: Panel) -> None:
    live.mount()
    live.say(update(rows(100)))
    live.wait_drawn("loss")
    live.page.set_viewport_size({"width": 1920, "height": 1080})
    button = live.page.get_by_test_id("present")
    live.page.keyboard.press("p")  # the focus is nowhere: a letter does nothing
    expect(button).to_have_text("present")
    live.page.get_by_test_id("run-state").click()
    live.page.keyboard.press("p")
    expect(button).to_have_text("present_end")
    ticks = "document.querySelectorAll('[data-testid=chart-return] .xtick text')"
    size = f"[...{ticks}].map((each) => parseFloat(getComputedStyle(each).fontSize))"
    live.wait_for(f"Math.min(...{size}) >= 20")
    for name, is_shown in {"return": True, "loss": True, "length": False, "epsilon": False}.items():
        expect(live.chart(name)).to_be_visible(visible=is_shown)
    live.page.keyboard.press("Escape")
    expect(button).to_have_text("present")
    expect(live.chart("epsilon")).to_be_visible()
    live.wait_for(f"Math.max(...{size}) < 20")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")


def test_many_markers_are_drawn_smaller(live: Panel) -> None:
    live.mount()
    live.say(update(rows(10, eval_return=[1.0] * 10)))
    live.wait_drawn()
    size = f"{trace_of('return', 'evaluation')}.marker.size"
    few = live.page.evaluate(size)
    live.say(update(rows(100, 10, eval_return=[1.0] * 100)))
    live.wait_for(f"{size} < {few}")


def test_the_best_evaluation_is_among_the_markers_drawn(live: Panel) -> None:
    live.mount()
    returns = [1.0] * 1_000
    returns[777] = 300.0
    live.say(update(rows(1_000, eval_return=returns)))
    live.wait_drawn()
    drawn = f"{trace_of('return', 'evaluation')}.y"
    live.wait_for(f"{drawn}.length < 1000 && Math.max(...{drawn}) === 300")


@pytest.mark.parametrize("width", [420, 1_400])
def test_nothing_sticks_out_sideways(live: Panel, width: int) -> None:
    live.page.set_viewport_size({"width": width, "height": 900})
    live.mount(watch_frames=True, settings={"goal_score": 45.0})
    live.say(update(rows(30), frame=frame(1)))
    live.wait_drawn()
    assert live.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
