"""The replay in a real browser, its episodes made up: every picture's colour is its number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from mounted_replay import LAYOUT, MadeUpEpisode, MountedReplay, opened_replay

_RED = "document.querySelector('[data-testid=seen-1]').getContext('2d').getImageData(0, 0, 1, 1).data[0]"


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[MountedReplay]:
    with opened_replay(browser) as replay:
        yield replay


@pytest.fixture
def replay(opened: MountedReplay) -> MountedReplay:
    opened.page.evaluate("document.activeElement.blur()")
    return opened


def texts(replay: MountedReplay, *names: str) -> list[str]:
    return [replay.page.get_by_test_id(name).first.inner_text() for name in names]


def test_each_state_has_its_picture_and_numbers(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=30))
    replay.wait_ready()
    expect(replay.page.get_by_test_id("position")).to_have_text("step 0 of 30")
    for _ in range(5):
        replay.press("ArrowRight")
    replay.wait_for("window.dqnLabReplay.shown()[0] === 5")
    assert replay.picture_shown() == 5
    assert texts(replay, "position", "fact-reward", "fact-return_so_far", "fact-value", "fact-got") == [
        "step 5 of 30",
        "1.00",
        "5.0",
        "5.12",
        "25.00",
    ]
    assert texts(replay, "state-0", "state-1", "action-mode") == ["0.500", "-5.000", "random exploration"]
    bars = replay.page.get_by_test_id("q-values").locator("data")
    assert [float(each.get_attribute("value") or "") for each in bars.all()] == [5.123456789, -2.5]
    assert replay.page.get_by_test_id("q-values").locator("li").nth(1).get_attribute("data-choice") == "random"
    expect(replay.page.get_by_test_id("outcome")).to_have_text("Ended at step 30 · return 30.0")


def test_the_pictures_have_their_place_before_they_come(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(drawn=0), picture_size=[30, 60])
    box = replay.page.get_by_test_id("picture").bounding_box()
    assert box
    assert box["height"] == pytest.approx(2 * box["width"], rel=0.01)


def test_the_keyboard_moves_it(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=100))
    replay.wait_ready()
    for key, step in (("End", 100), ("ArrowLeft", 99), ("Shift+ArrowLeft", 89), ("Home", 0), ("Shift+ArrowRight", 10)):
        replay.press(key)
        assert replay.ask("step") == step
    replay.wait_for("window.dqnLabReplay.shown()[0] === 10")
    replay.press("+")  # the focus is nowhere: a sign does nothing
    assert replay.ask("speed") == 1
    replay.page.get_by_test_id("position").first.click()
    for key, speed in (("+", 2), ("+", 4), ("+", 4), ("-", 2)):
        replay.press(key)
        assert replay.ask("speed") == speed
    replay.press(" ")
    assert replay.ask("isPlaying")
    replay.wait_for("window.dqnLabReplay.step() === 100")
    assert not replay.ask("isPlaying")
    expect(replay.page.get_by_test_id("action-mode")).to_have_text("the episode is over")
    replay.press(" ")  # from the end, it begins anew
    assert replay.ask("step") < 100
    replay.press(" ")


def test_keys_pressed_elsewhere_are_left_alone(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode())
    replay.wait_ready()
    replay.page.locator("#elsewhere").focus()
    for key in (" ", "End", "ArrowRight"):
        replay.press(key)
    assert (replay.ask("step"), replay.ask("isPlaying")) == (0, False)
    replay.page.locator("#elsewhere").blur()
    replay.page.get_by_test_id("forward").focus()
    replay.press(" ")  # presses the button, and does not play too
    assert (replay.ask("step"), replay.ask("isPlaying")) == (1, False)


def test_a_thousand_states_can_be_scrubbed_through(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=1_000, truncated=True))
    replay.wait_ready()
    for share in (0.25, 0.9, 0.1, 0.5):
        replay.drag(0.0, share)
        step = replay.ask("step")
        assert abs(step - 1_000 * share) < 5
        replay.wait_for("window.dqnLabReplay.shown()[0] === window.dqnLabReplay.step()")
        assert replay.picture_shown() == step
    assert replay.ask("decoded")[0] <= 48
    expect(replay.page.get_by_test_id("outcome")).to_have_text("Cut off at step 1,000 · return 1,000.0")
    replay.page.get_by_test_id("position").first.click()
    replay.press("+")
    replay.press("+")
    replay.press(" ")
    replay.wait_for("window.dqnLabReplay.step() > 700")
    replay.press(" ")
    replay.wait_for("window.dqnLabReplay.shown()[0] === window.dqnLabReplay.step()")
    assert replay.ask("decoded")[0] <= 48


def test_playing_waits_for_pictures_that_are_still_drawn(replay: MountedReplay) -> None:
    episode = MadeUpEpisode(length=60, drawn=20, pack=8)
    replay.mount(episode)
    replay.wait_for("window.dqnLabReplay.pictures()[0] === 20")
    replay.press(" ")
    replay.wait_for("window.dqnLabReplay.step() === 19")
    assert replay.ask("isPlaying")
    episode.drawn = None
    replay.wait_for("window.dqnLabReplay.step() === 60")


def test_two_go_in_step_and_the_shorter_one_waits_at_its_end(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=50), MadeUpEpisode(length=20))
    replay.wait_ready()
    replay.press("Shift+ArrowRight")
    replay.wait_for("window.dqnLabReplay.shown().join() === '10,10'")
    replay.press("End")
    replay.wait_for("window.dqnLabReplay.shown().join() === '50,20'")
    assert [replay.picture_shown(side) for side in (0, 1)] == [50, 20]
    expect(replay.page.get_by_test_id("position")).to_have_text("step 50 of 50")
    expect(replay.page.get_by_test_id("fact-return_so_far").nth(1)).to_have_text("20.0")


def test_what_the_server_refuses_is_said_in_the_readers_words(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=10), MadeUpEpisode(problem=(409, {"error": "Es fehlt <b>layers.0.bias</b>."})))
    expect(replay.page.get_by_test_id("picture-note").nth(1)).to_have_text("Es fehlt <b>layers.0.bias</b>.")
    replay.wait_for("window.dqnLabReplay.shown()[0] === 0")  # the other side plays on
    replay.press("End")
    assert replay.ask("step") == 10


def test_a_replay_that_the_server_gave_up_is_asked_for_again(replay: MountedReplay) -> None:
    episode = MadeUpEpisode(length=10, forgotten=1)
    replay.mount(episode)
    replay.wait_ready()
    assert sum("/replay?" in address for address in episode.asked) == 2
    assert replay.ask("pictures") == [11]


def test_of_very_many_numbers_those_that_are_not_zero_are_shown(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=20, states=500), observation_names=[f"state {i}" for i in range(500)])
    replay.wait_ready()
    replay.press("Shift+ArrowRight")
    replay.wait_for("window.dqnLabReplay.shown().join() === '10'")
    shown = replay.page.locator(".dqn-state-list > div:visible")
    expect(shown).to_have_text(["state 101.000"])
    expect(replay.page.get_by_test_id("state-note")).to_have_text("1 of 500 numbers: the first that are not 0.")


def test_pictures_that_end_early_are_told_of(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=30, kept=12))
    replay.wait_ready()
    expect(replay.page.get_by_test_id("picture-note")).to_be_hidden()
    replay.press("End")
    expect(replay.page.get_by_test_id("picture-note")).to_contain_text("The pictures end at step 11")
    expect(replay.page.get_by_test_id("position")).to_have_text("step 30 of 30")


def test_a_hidden_page_stands_still(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=1_000))
    replay.wait_ready()
    replay.press(" ")
    replay.wait_for("window.dqnLabReplay.step() > 2")
    replay.page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
      delete document.hidden;
    }""")
    assert not replay.ask("isPlaying")


def test_what_is_taken_from_the_page_listens_no_more(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=10))
    replay.wait_ready()
    replay.page.evaluate("window.cleanUp()")
    replay.press("End")
    assert replay.ask("step") == 0
    assert replay.ask("decoded") == [0]
    assert replay.page.get_by_test_id("replay").count() == 0


def test_what_the_network_sees_stands_beside_the_picture_and_follows_it(replay: MountedReplay) -> None:
    episode = MadeUpEpisode(length=30, pack=7)
    replay.mount(episode, layout=LAYOUT, observation_names=[])
    replay.wait_ready()
    expect(replay.page.get_by_test_id("seen").locator("figcaption")).to_have_text(["ball", "brick"])
    expect(replay.page.get_by_test_id("state-0")).to_have_count(0)
    for step in (0, 30, 13):
        replay.press({0: "Home", 30: "End"}.get(step, "Home"))
        for _ in range(step if step == 13 else 0):
            replay.press("ArrowRight")
        expect(replay.page.get_by_test_id("seen-1")).to_have_attribute("data-state", str(step))
        assert replay.tile_shown(0) == replay.tile_shown(1) == [0, 0, step]
    assert not any("/important" in each for each in episode.asked)


def test_what_matters_is_loaded_when_it_is_asked_for_and_drawn_over_it(replay: MountedReplay) -> None:
    episode = MadeUpEpisode(length=100)
    replay.mount(episode, layout=LAYOUT, observation_names=[])
    replay.wait_ready()
    replay.press("End")
    button = replay.page.get_by_test_id("saliency")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(replay.page.get_by_test_id("seen-note")).to_contain_text("its gradient")
    replay.wait_for(f"{_RED} === 200")
    assert replay.tile_shown(0) == [0, 0, 60]  # dimmed
    assert replay.tile_shown(1) == [200, 0, 60]
    button.click()
    expect(replay.page.get_by_test_id("seen-note")).to_be_hidden()
    replay.wait_for(f"{_RED} === 0")
    assert replay.tile_shown(1) == [0, 0, 100]


def test_each_of_two_sides_has_its_own(replay: MountedReplay) -> None:
    replay.mount(MadeUpEpisode(length=10), MadeUpEpisode(length=20), layout=LAYOUT, observation_names=[])
    replay.wait_ready()
    replay.press("End")
    for side, step in ((0, 10), (1, 20)):
        expect(replay.page.get_by_test_id("seen-0").nth(side)).to_have_attribute("data-state", str(step))
        assert replay.tile_shown(0, side) == [0, 0, step]
