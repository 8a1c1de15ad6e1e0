from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, Notice, Progress, RunState, StateChanged
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.records import RunRecord
from pages.train.wire import Cursor, message
from scripted_trainer import changed, ended, episode, frame, progress, started

_RUN = "20260401-143501-x7k2"


def _feed() -> LiveFeed:
    config = TrainingConfig(max_episodes=8)
    now = datetime(2026, 4, 1, tzinfo=UTC)
    return LiveFeed(RunRecord(run_id=_RUN, name="a run", config=config, initial_config=config, started_at=now))


def _sent(feed: LiveFeed, since: Cursor | None = None, *, with_frames: bool = False) -> tuple[str, dict[str, Any]]:
    since = since or Cursor()
    text = message(feed.read(since.rows, since.changes), since, with_frames=with_frames).decode()
    first, second, *rest = text.split("\n")
    assert (first[:4], second[:6], rest) == ("id: ", "data: ", ["", ""])

    def refuse(word: str) -> None:
        raise AssertionError(word + " is no JSON")

    return first[4:], json.loads(second[6:], parse_constant=refuse)


def test_a_message_before_anything_happened() -> None:
    cursor, sent = _sent(_feed())
    assert cursor == "0.0"
    assert (sent["run_id"], sent["state"], sent["over"]) == (_RUN, "starting", False)
    assert (sent["message"], sent["reason"], sent["frame"], sent["notices"]) == (None, None, None, [])
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
    feed.stand_in_line(3)
    _, sent = _sent(feed)
    assert (sent["state"], sent["queue_place"], sent["over"]) == ("queued", 3, False)
    feed.publish(StateChanged(state=RunState.STARTING))
    assert _sent(feed)[1]["queue_place"] is None


def test_a_message_has_everything_that_the_panel_draws() -> None:
    feed = _feed()
    feed.publish(started())
    feed.publish(episode(1, episode_return=1 / 3, loss_mean=math.inf, eval_return=-2e-7 / 3, env_step=123_456_789))
    feed.publish(episode(2))
    feed.publish(progress(env_step=50))
    feed.publish(changed("hidden_sizes", (1,), (2, 3)))
    feed.publish(Notice(template="A {word}", parameters={"word": math.nan, "count": 3, "path": Path("x")}))
    cursor, sent = _sent(feed)
    assert cursor == "2.1"
    columns = sent["episodes"]["columns"]
    assert list(columns) == [
        "episode", "env_step", "return", "length", "loss_mean", "epsilon", "eval_return", "wall_time_s",
    ]  # fmt: skip
    assert columns["return"] == [0.333333, 20.6667]
    assert columns["loss_mean"] == [None, 0.5]
    assert columns["eval_return"] == [-6.66667e-08, 102.0]
    assert columns["env_step"] == [123_456_789, 40]
    (item,) = sent["changes"]["items"]
    assert item["changes"] == [{"field": "hidden_sizes", "old": [1], "new": [2, 3]}]
    assert (item["env_step"], item["episode"], item["wall_time_s"]) == (100, 1, 0.25)
    assert sent["notices"] == [{"template": "A {word}", "parameters": {"word": "nan", "count": 3, "path": "x"}}]
    assert set(Progress.__dataclass_fields__) < set(sent["progress"])
    more = {"fraction": 0.25, "eta_s": None, "compute": "fused", "max_episodes": 8, "phase": "training"}
    assert {name: sent["progress"][name] for name in more} == more
    assert sent["progress"]["best_eval"] == 102.0


def test_the_end_comes_with_its_reason_and_its_last_rows() -> None:
    feed = _feed()
    feed.publish(episode(1))
    feed.publish(ended(EndReason.DIVERGED, 1, template="The loss became {loss}", parameters={"loss": math.nan}))
    feed.close()
    _, sent = _sent(feed)
    assert (sent["state"], sent["reason"], sent["over"]) == ("failed", "diverged", True)
    assert sent["message"] == {"template": "The loss became {loss}", "parameters": {"loss": "nan"}}


def test_a_frame_is_announced_once_and_only_to_those_who_watch() -> None:
    feed = _feed()
    feed.publish(frame(7))
    assert _sent(feed)[1]["frame"] is None
    sent = _sent(feed, with_frames=True)[1]["frame"]
    assert sent == {
        "number": 1,
        "episode": 1,
        "env_step": 7,
        "episode_step": 7,
        "episode_return": 7.0,
        "q_values": [1.25, None],
        "action": 1,
        "is_greedy": True,
    }
    assert _sent(feed, Cursor(frame=1), with_frames=True)[1]["frame"] is None
