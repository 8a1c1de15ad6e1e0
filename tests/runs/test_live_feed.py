from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, EpisodeEnded, Notice, RunState, StateChanged
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.view import RunView
from scripted_trainer import changed, ended, episode, frame, progress, same, started

_RUN = "20260401-143501-x7k2"


def _record(**config: object) -> RunRecord:
    settings = TrainingConfig(**config)
    now = datetime(2026, 4, 1, tzinfo=UTC)
    return RunRecord(run_id=_RUN, name="a run", config=settings, initial_config=settings, started_at=now)


def test_a_run_goes_through_its_states() -> None:
    feed = LiveFeed(_record())
    seen = [feed.state]
    for event in (
        started(),
        StateChanged(state=RunState.PAUSED),
        StateChanged(state=RunState.RUNNING),
        ended(EndReason.SOLVED, 3, best_eval=7.0),
    ):
        feed.publish(event)
        seen.append(feed.state)
    assert seen == [RunState.STARTING, RunState.RUNNING, RunState.PAUSED, RunState.RUNNING, RunState.FINISHED]
    record = feed.record()
    assert (record.compute, record.parameters, record.reason) == ("fused", 1_282, EndReason.SOLVED)
    assert (record.wall_time_s, record.env_steps, record.updates, record.best_eval) == (12.5, 60, 30, 7.0)


def test_only_a_closed_feed_is_over() -> None:
    feed = LiveFeed(_record())
    feed.publish(ended())
    version = feed.version
    assert not feed.read(0, 0).is_last  # its last rows may not be stored yet
    feed.close()
    assert feed.version > version
    assert feed.read(0, 0).is_last


def test_a_cursor_gets_each_row_and_change_once() -> None:
    feed = LiveFeed(_record())
    feed.publish(episode(1))
    feed.publish(changed("gamma", 0.99, 0.9))
    first = feed.read(0, 0)
    feed.publish(episode(2))
    second = feed.read(1, 1)
    assert [row.episode for row in (*first.rows, *second.rows)] == [1, 2]
    assert (len(first.changes), len(second.changes)) == (1, 0)
    assert second.record.config.gamma == 0.9
    assert second.record.initial_config.gamma == 0.99


def test_a_cursor_beyond_the_end_is_taken_as_the_end() -> None:
    feed = LiveFeed(_record())
    feed.publish(episode(1))
    update = feed.read(1_000, 1_000)
    assert (update.rows_from, update.changes_from, update.rows, update.changes) == (1, 0, [], [])


def test_means_and_best_of_what_there_is() -> None:
    feed = LiveFeed(_record())
    update = feed.read(0, 0)
    assert (update.return_mean_100, update.last_return) == (None, None)
    assert update.record.best_eval is None
    for number in range(1, 151):
        evaluation = {150: -5.0, 149: -3.0}.get(number, math.nan)
        feed.publish(episode(number, episode_return=float(number), eval_return=evaluation))
    update = feed.read(0, 0)
    assert (update.return_mean_100, update.last_return) == (100.5, 150.0)
    assert update.record.best_eval == -3.0


def test_the_nearer_limit_counts() -> None:
    feed = LiveFeed(_record(max_episodes=10, max_env_steps=2_000))
    feed.publish(episode(1))
    assert feed.read(0, 0).fraction == 0.1
    feed.publish(progress(env_step=1_000))
    assert feed.read(0, 0).fraction == 0.5
    feed.publish(changed("max_env_steps", 2_000, None))
    assert feed.read(0, 0).fraction == 0.1


def test_the_time_that_remains_follows_a_raised_limit() -> None:
    feed = LiveFeed(_record(max_episodes=10))
    assert feed.read(0, 0).eta_s is None
    for number in range(1, 6):
        feed.publish(episode(number))
        feed.publish(progress(env_step=100 * number, wall_time_s=float(number)))
    assert feed.read(0, 0).eta_s == pytest.approx(5.0)
    feed.publish(changed("max_episodes", 10, 100))
    assert feed.read(0, 0).eta_s is None
    for number in range(6, 9):
        feed.publish(episode(number))
        feed.publish(progress(env_step=100 * number, wall_time_s=float(number)))
    assert feed.read(0, 0).eta_s == pytest.approx(92.0)
    feed.close()
    assert feed.read(0, 0).eta_s is None


def test_the_newest_frame_is_kept_and_numbered() -> None:
    feed = LiveFeed(_record())
    for step in range(1, 41):
        feed.publish(frame(step))
    update = feed.read(0, 0)
    assert (update.frame_number, update.frame) == (40, frame(40))


def test_a_notice_is_told_once_however_often_it_comes() -> None:
    feed = LiveFeed(_record())
    for number in range(100):
        feed.publish(Notice(template="The disk is full"))
        feed.publish(Notice(template="Refused", parameters={"number": number}))
    notices = feed.read(0, 0).notices
    assert len(notices) == 20
    assert notices[-1].parameters == {"number": 99}
    assert [notice.template for notice in notices].count("The disk is full") == 1


def test_memory_is_bounded_once_rows_are_stored() -> None:
    feed = LiveFeed(_record(), tail_rows=50)
    for number in range(1, 1_001):
        feed.publish(episode(number))
        if number % 10 == 0:
            feed.mark_stored(10, 0)
            assert len(feed._rows) <= 100
    assert feed.rows_total == 1_000
    assert feed.read(10**6, 0).rows_from == 1_000


def test_rows_that_are_not_stored_stay() -> None:
    feed = LiveFeed(_record(), tail_rows=5)
    for number in range(1, 101):
        feed.publish(episode(number))
    feed.mark_stored(3, 0)
    _, unstored, _ = feed.unstored()
    assert [row.episode for row in unstored] == list(range(4, 101))
    assert feed.has_unstored
    feed.mark_stored(97, 0)
    assert not feed.has_unstored


@settings(max_examples=60, deadline=None)
@given(
    actions=st.lists(
        st.one_of(
            st.tuples(st.just("publish"), st.integers(1, 12)),
            st.tuples(st.just("store"), st.just(0)),
            st.tuples(st.just("read"), st.integers(1, 9)),
        ),
        max_size=40,
    ),
    tail_rows=st.integers(1, 10),
)
def test_any_chunking_of_reads_gives_every_row_once(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]], tail_rows: int
) -> None:
    """However rows are published, stored and dropped from memory between the reads of a viewer."""
    store = RunStore(tmp_path_factory.mktemp("store") / "runs.sqlite")
    store.create_run(_record())
    feed = LiveFeed(_record(), tail_rows=tail_rows)
    view = RunView(feed, store)
    published: list[EpisodeEnded] = []
    seen: list[EpisodeEnded] = []
    for action, size in [*actions, ("store", 0)]:
        if action == "publish":
            for _ in range(size):
                published.append(episode(len(published) + 1))
                feed.publish(published[-1])
        elif action == "store":
            _, rows, _ = feed.unstored()
            store.append(_RUN, rows, [])
            feed.mark_stored(len(rows), 0)
        else:
            update = view.read(len(seen), 0, limit=size)
            assert (update.rows_from, len(update.rows) <= size) == (len(seen), True)
            seen += update.rows
    while len(seen) < len(published):
        rows = view.read(len(seen), 0, limit=3).rows
        assert rows
        seen += rows
    assert same(seen, published)
    assert same([row for rows in view.episodes(4) for row in rows], published)

    reopened = RunView.of_stored_run(_RUN, store)
    assert same([row for rows in reopened.episodes(4) for row in rows], published)
    store.close()


def test_of_a_run_that_another_server_trains_only_what_is_new_is_told() -> None:
    feed = LiveFeed(_record())
    feed.follow(replace(_record(), episodes=1, env_steps=20), [episode(1)], [])
    version = feed.version
    feed.follow(replace(_record(), episodes=1, env_steps=20), [], [])
    assert feed.version == version
    feed.follow(replace(_record(), episodes=1, env_steps=40), [], [])
    assert feed.version == version + 1


def test_a_stored_run_looks_as_it_did_when_it_ended(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    feed = LiveFeed(_record(max_episodes=4))
    store.create_run(_record(max_episodes=4))
    for number in range(1, 5):
        feed.publish(episode(number))
    feed.publish(changed("gamma", 0.99, 0.9))
    feed.publish(ended(EndReason.MAX_EPISODES, 4, best_eval=3.0))
    record, rows, changes = feed.unstored()
    store.append(_RUN, rows, changes, **{name: getattr(record, name) for name in ("config", "state", "reason")})
    store.update_run(_RUN, wall_time_s=12.5, env_steps=80, updates=40, episodes=4, best_eval=3.0)
    feed.close()

    then, now = feed.read(0, 0), RunView.of_stored_run(_RUN, store).read(0, 0)
    store.close()
    assert now.is_last
    assert now.record == then.record
    assert same((now.rows, now.changes), (then.rows, then.changes))
    assert (now.fraction, now.return_mean_100, now.last_return) == (1.0, then.return_mean_100, then.last_return)
    live = {"phase", "epsilon", "buffer_fill", "episode", "steps_per_s", "episode_return"}
    assert replace(now.progress, **{name: getattr(then.progress, name) for name in live}) == then.progress
