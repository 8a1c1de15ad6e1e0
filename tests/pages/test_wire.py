from __future__ import annotations

import base64
import dataclasses
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, Notice, Phase, Progress, RunState, StateChanged
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.storage.records import RunRecord
from pages.shared.texts.i18n import translate
from pages.train.wire import Cursor, message
from scripted_trainer import changed, ended, episode, frame, progress, started

_RUN = "20260401-143501-x7k2"


def _feed() -> LiveFeed:
    config = TrainingConfig(max_episodes=8)
    now = datetime(2026, 4, 1, tzinfo=UTC)
    return LiveFeed(RunRecord(run_id=_RUN, name="a run", config=config, initial_config=config, started_at=now))


def _sent(
    feed: LiveFeed, since: Cursor | None = None, language: str = "en", *, with_frames: bool = False
) -> dict[str, Any]:
    since = since or Cursor()

    def refuse(word: str) -> None:
        raise AssertionError(word + " is no JSON")

    text = message(feed.read(since.rows, since.changes), since, language, with_frames=with_frames)
    values: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return values


def test_a_message_before_anything_happened() -> None:
    sent = _sent(_feed())
    assert (sent["state"], sent["message"]) == ("starting", "Preparing the learner…")
    assert (sent["reason"], sent["frame"], sent["notices"]) == (None, None, [])
    assert sent["changes"] == {"from": 0, "items": []}
    assert all(column == [] for column in sent["episodes"]["columns"].values())
    unknown = {name for name, value in sent["progress"].items() if value is None}
    assert unknown == {"eta_s", "return_mean_100", "last_return", "best_eval"}


def test_a_run_that_waits_tells_its_place() -> None:
    config = TrainingConfig()
    record = RunRecord(
        run_id=_RUN,
        name="a run",
        config=config,
        initial_config=config,
        started_at=datetime(2026, 4, 1, tzinfo=UTC),
        state=RunState.QUEUED,
    )
    feed = LiveFeed(record)
    feed.set_queue_position(3)
    place = "Waiting for its turn: number 3 in the queue. It starts automatically"
    unknown = f"{place}; how long that takes is not known yet."
    assert (_sent(feed)["state"], _sent(feed)["message"]) == ("queued", unknown)
    for seconds, wait in (
        (0.0, "a minute"),
        (60.0, "a minute"),
        (120.0, "2 minutes"),
        (5_400.0, "90 minutes"),
        (5_460.0, "2 hours"),
    ):
        feed.set_queue_position(3, seconds)
        assert _sent(feed)["message"] == f"{place}, probably within {wait}."
    assert "2시간" in _sent(feed, language="ko")["message"]
    feed.publish(StateChanged(state=RunState.STARTING))
    assert "queue" not in _sent(feed)["message"]


def test_a_message_has_everything_that_the_panel_draws() -> None:
    feed = _feed()
    feed.publish(started())
    feed.publish(episode(1, episode_return=1 / 3, loss_mean=math.inf, eval_return=-2e-7 / 3, env_step=123_456_789))
    feed.publish(episode(2))
    feed.publish(progress(env_step=50))
    feed.publish(changed("hidden_sizes", (1,), (2, 3)))
    feed.publish(Notice(template="A {word} in {path}", parameters={"word": math.nan, "count": 3, "path": Path("x")}))
    sent = _sent(feed)
    columns = sent["episodes"]["columns"]
    assert list(columns) == [
        "episode", "env_step", "return", "length", "loss_mean", "epsilon", "eval_return", "wall_time_s",
        "shaped_return",
    ]  # fmt: skip
    assert columns["return"] == [0.333333, 20.6667]
    assert columns["loss_mean"] == [None, 0.5]
    assert columns["eval_return"] == [-6.66667e-08, 102.0]
    assert columns["env_step"] == [123_456_789, 40]
    (item,) = sent["changes"]["items"]
    assert item["changes"] == [{"field": "hidden_sizes", "old": [1], "new": [2, 3]}]
    assert item["text"] == "Hidden layer widths 1 → 2, 3"
    assert (item["env_step"], item["episode"], item["wall_time_s"]) == (100, 1, 0.25)
    assert sent["notices"] == ["A nan in x"]
    assert set(Progress.__dataclass_fields__) < set(sent["progress"])
    more = {
        "episodes": 2,
        "fraction": 0.25,
        "eta_s": None,
        "compute": "CPU (compiled)",
        "max_episodes": 8,
        "phase": "training",
    }
    assert {name: sent["progress"][name] for name in more} == more
    assert sent["progress"]["best_eval"] == 102.0


def test_the_end_comes_with_its_reason_and_its_last_rows() -> None:
    feed = _feed()
    feed.publish(episode(1))
    feed.publish(ended(EndReason.DIVERGED, 1, template="The loss became {loss}", parameters={"loss": math.nan}))
    feed.close()
    update = feed.read(0, 0)
    assert update.is_last
    sent = _sent(feed)
    assert sent["episodes"]["columns"]["episode"] == [1]
    assert (sent["state"], sent["reason"], sent["message"]) == ("failed", "diverged", "The loss became nan")


def test_a_run_that_ended_is_shown_as_it_is_when_it_is_opened_again() -> None:
    feed = _feed()
    feed.publish(started())
    rows = [episode(1), episode(2)]
    for event in (*rows, progress(episode=3, env_step=45, epsilon=0.3), ended(EndReason.STOPPED, 2)):
        feed.publish(event)
    feed.close()
    again = LiveFeed(feed.record(), tail=rows, is_over=True)
    assert _sent(feed)["progress"] == _sent(again)["progress"]
    assert _sent(feed)["progress"]["episodes"] == 2


@pytest.mark.parametrize(
    ("reason", "english", "korean"),
    [
        (EndReason.SOLVED, "The goal was reached, and confirmed over ", "목표"),
        (EndReason.MAX_EPISODES, "The episode limit was reached.", "에피소드"),
        (EndReason.MAX_ENV_STEPS, "The limit of environment steps was reached.", "스텝"),
        (EndReason.STOPPED, "Stopped by hand; everything up to this point is saved.", "직접"),
        (EndReason.DIVERGED, "The loss became infinite or not a number; the last good weights are kept.", "손실"),
        (EndReason.FAILED, "The run ended with an error.", "오류"),
        (
            EndReason.INTERRUPTED,
            "The server went down while this run was training; everything up to that point is saved.",
            "서버",
        ),
    ],
)
def test_every_end_is_said_in_the_readers_language(reason: EndReason, english: str, korean: str) -> None:
    feed = _feed()
    feed.publish(ended(reason, 1))
    assert _sent(feed)["message"].startswith(english)
    assert korean in _sent(feed, language="ko")["message"]


def test_a_failure_is_said_with_what_to_do_about_it() -> None:
    feed = _feed()
    feed.publish(ended(EndReason.FAILED, 1, template="The {name} broke", parameters={"name": "buffer_size"}))
    assert _sent(feed)["message"].startswith("The Replay memory size broke You can also start a new run")


def test_a_run_that_fills_its_memory_says_so() -> None:
    feed = _feed()
    feed.publish(started())
    feed.publish(dataclasses.replace(progress(3), phase=Phase.WARMUP))
    assert _sent(feed)["message"] == "Filling the replay memory with a random policy…"
    feed.publish(progress(4))
    assert _sent(feed)["message"] == ""


def test_notices_and_changes_come_in_the_readers_language() -> None:
    feed = _feed()
    feed.publish(started())
    feed.publish(changed("loss", "mse", "huber"))
    feed.publish(changed("goal_score", None, 450.0))
    sent = _sent(feed, language="ko")
    assert sent["progress"]["compute"] == translate("ko", "CPU (compiled)")
    assert [item["text"] for item in sent["changes"]["items"]] == [
        f"{translate('ko', 'Loss')} {translate('ko', 'Mean squared error')} → Huber",
        f"{translate('ko', 'Goal score')} {translate('ko', 'no goal')} → 450",
    ]


def test_a_frame_comes_once_and_only_to_those_who_watch() -> None:
    feed = _feed()
    feed.publish(frame(7))
    assert _sent(feed)["frame"] is None
    sent = _sent(feed, with_frames=True)["frame"]
    assert base64.b64decode(sent.pop("picture")) == frame(7).jpeg
    assert sent == {
        "number": 1,
        "episode": 1,
        "env_step": 7,
        "episode_step": 7,
        "episode_return": 7.0,
        "q_values": [1.25, None],
        "action": 1,
        "is_greedy": True,
        "seen": "",
        "important": "",
    }
    assert _sent(feed, Cursor(frame=1), with_frames=True)["frame"] is None
