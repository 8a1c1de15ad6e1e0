"""Several servers on one PostgreSQL: a run is one's, shown and steered at all, taken over where that one is gone."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import (
    ChangeRefusedError,
    ClassError,
    ConfigError,
    LimitReachedError,
    RunLostError,
    RunStateError,
    StoreError,
)
from dqn_core.events import EndReason, Event, RunState, WeightsReady
from dqn_core.runs.classes.classroom import Announcement
from dqn_core.runs.copying import copy_database
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.searches import Searches
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.manager import RunManager
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.servers import commands, leases
from dqn_core.training.run_folder import RunFolder
from lab_databases import LabDatabases
from postgresql import PostgreSql, missing_postgresql
from scripted_trainer import (
    Mailbox,
    a_run_of,
    ended,
    episode,
    following,
    obedient,
    progress,
    same,
    started,
    wait_for_end,
    wait_until,
)

pytestmark = pytest.mark.skipif(missing_postgresql() != "", reason=missing_postgresql())

PATIENCE_S = 120.0
Servers = Callable[..., RunManager]


@pytest.fixture
def server(lab_databases: LabDatabases) -> PostgreSql:
    return lab_databases.server


@pytest.fixture
def address(server: PostgreSql) -> str:
    return server.new_database()


@pytest.fixture
def dashboard(tmp_path: Path, address: str) -> Iterator[Servers]:
    """Starts one more server of the same laboratory, whose trainers follow a script."""
    managers: list[RunManager] = []

    def start(script: Any = None, **settings: Any) -> RunManager:
        factory = following(script or obedient(tick_s=0.05))
        managers.append(RunManager(tmp_path / "data", database=address, trainer_factory=factory, **settings))
        for each in managers:  # none waits for its next renewal to hear of the others
            each.lease._renew()
        return managers[-1]

    yield start
    for each in managers:
        each.close()


def freeze(manager: RunManager) -> None:
    """As a machine that hangs does: its lease is renewed no more, and it looks after nothing."""
    manager.lease.abandon()
    manager._lookout.close()


def lapse(server: PostgreSql, address: str, manager: RunManager) -> None:
    """Time passes."""
    server.rows(
        address,
        f"UPDATE servers SET renewed_at = renewed_at - {leases.LEASE_S + 1} "  # noqa: S608
        f"WHERE server_id = '{manager.lease.server_id}'",
    )


def _is(manager: RunManager, run_id: str, state: RunState) -> None:
    wait_until(lambda: manager.snapshot(run_id).record.state is state)


# ------------------------------------------------------------------------------------------------------------- looking


def test_each_lists_the_runs_of_all_and_shows_them_move(dashboard: Servers) -> None:
    told = threading.Event()

    def script(config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        yield from (episode(number) for number in range(1, 4))
        while not told.wait(0.05):
            yield progress(60, steps_per_s=123.0)
        yield from (episode(number) for number in range(4, 7))
        yield progress(120)
        yield from itertools.islice(obedient(6, tick_s=0.05)(config, mailbox), 7, None)

    one, other = dashboard(script), dashboard()
    run_id = one.start(TrainingConfig(), "there")
    assert [each.run_id for each in other.list_runs()] == [run_id]
    wait_until(lambda: [each.run_id for each in other.runs_in_memory()] == [run_id])
    view = other.view(run_id)
    wait_until(lambda: view.read(0, 0).rows_total == 3)
    wait_until(lambda: view.read(0, 0).progress.steps_per_s == 123.0)
    assert (view.read(0, 0).record.state, view.feed.is_over) == (RunState.RUNNING, False)
    assert any("Another server" in each.template for each in view.read(0, 0).notices)
    told.set()
    rows = [*view.read(0, 0).rows]
    while len(rows) < 6:
        rows += view.read(len(rows), 0).rows
        time.sleep(0.01)
    assert same(rows, [episode(number) for number in range(1, 7)])
    wait_until(lambda: view.read(0, 0).progress.env_step == 120)
    snapshot = other.snapshot(run_id)
    assert (snapshot.is_active, snapshot.record.name, snapshot.record.episodes) == (True, "there", 6)
    assert (snapshot.is_elsewhere, one.snapshot(run_id).is_elsewhere) == (True, False)
    one.stop(run_id)
    wait_for_end(one, run_id)
    wait_until(lambda: view.read(0, 0).is_over)
    update = view.read(0, 0)
    assert (update.record.reason, update.is_last, update.notices) == (EndReason.STOPPED, True, ())
    assert not other.snapshot(run_id).is_active


def test_a_run_that_waits_says_its_place_everywhere(dashboard: Servers) -> None:
    one, other = dashboard(max_active_runs=1), dashboard()
    one.start(TrainingConfig())
    second = one.start(TrainingConfig())
    wait_until(lambda: other.snapshot(second).queue_position == 1)
    assert other.view(second).read(0, 0).queue_position == 1
    other.stop(second)
    wait_until(lambda: one.snapshot(second).record.state is RunState.STOPPED)


def test_a_run_that_another_server_goes_on_with_is_seen_anew(dashboard: Servers) -> None:
    one, other = dashboard(), dashboard()
    run_id = one.start(TrainingConfig())
    _is(one, run_id, RunState.RUNNING)
    other.stop(run_id)
    wait_for_end(one, run_id)
    before = one.snapshot(run_id).launches
    other.store.update_run(run_id, episodes=0)  # as of one whose turn never came
    other.store.rewind(run_id, 0, 0, state=RunState.QUEUED, reason=None, episodes=0)
    wait_until(lambda: one.snapshot(run_id).record.state is RunState.QUEUED)
    assert one.snapshot(run_id).launches > before


# ------------------------------------------------------------------------------------------------------------ steering


def test_a_run_is_steered_at_another_server(dashboard: Servers) -> None:
    one, other = dashboard(), dashboard()
    run_id = one.start(TrainingConfig())
    _is(one, run_id, RunState.RUNNING)
    other.pause(run_id)
    _is(one, run_id, RunState.PAUSED)
    _is(other, run_id, RunState.PAUSED)
    changed = other.change(run_id, "gamma", 0.5)
    assert changed.gamma == other.snapshot(run_id).wanted_config.gamma == 0.5
    wait_until(lambda: one.snapshot(run_id).record.config.gamma == 0.5)
    other.set_pace(run_id, 7.0, is_automatic=True)
    assert (one.snapshot(run_id).pace, one.snapshot(run_id).is_pace_automatic) == (7.0, True)
    wait_until(lambda: other.snapshot(run_id).pace == 7.0)
    steps = one.snapshot(run_id).record.env_steps
    other.step(run_id)
    wait_until(lambda: one.snapshot(run_id).record.env_steps == steps + 1)
    other.take_checkpoint(run_id)
    other.rename(run_id, "there")
    other.tag(run_id, ["a", "b"])
    assert (one.snapshot(run_id).record.name, one.snapshot(run_id).record.tags) == ("there", ("a", "b"))
    other.resume(run_id)
    _is(one, run_id, RunState.RUNNING)
    other.stop(run_id)
    wait_for_end(one, run_id)
    record = other.store.run(run_id)
    assert (record.state, record.name, record.tags) == (RunState.STOPPED, "there", ("a", "b"))
    assert [each.changes[0].new for each in other.view(run_id).changes()] == [0.5]


def test_what_keeps_a_run_from_it_is_said_where_it_was_asked(dashboard: Servers) -> None:
    one, other = dashboard(), dashboard()
    run_id = one.start(TrainingConfig())
    _is(one, run_id, RunState.RUNNING)
    with pytest.raises(RunStateError, match="running, not paused"):
        other.resume(run_id)
    with pytest.raises(ConfigError, match="gamma = 2") as caught:
        other.change(run_id, "gamma", 2)
    assert [each.field for each in caught.value.problems] == ["gamma"]
    with pytest.raises(ChangeRefusedError):
        other.change(run_id, "seed", 2)
    with pytest.raises(ConfigError, match="pace"):
        other.set_pace(run_id, -1.0)
    with pytest.raises(RunStateError, match="stop it before you delete it"):
        other.delete(run_id)
    with pytest.raises(RunStateError, match="nothing to resume"):
        other.go_on(run_id)


def test_a_command_that_nobody_answers_is_not_done_later(
    dashboard: Servers, server: PostgreSql, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = dashboard(), dashboard()
    run_id = one.start(TrainingConfig())
    _is(one, run_id, RunState.RUNNING)
    freeze(one)
    with pytest.raises(RunStateError, match=r"does not answer, so nothing was done.*takes the run over"):
        other._elsewhere._commands.ask(run_id, "pause", {}, answer_s=0.3)
    assert server.rows(address, "SELECT count(*) FROM commands") == [(0,)]
    commands.Commands(one.store.database).serve(one.lease.server_id, one._do)
    assert one.snapshot(run_id).record.state is RunState.RUNNING


def test_a_run_that_is_over_is_deleted_at_any_server(dashboard: Servers) -> None:
    one, other = dashboard(a_run_of(2)), dashboard()
    run_id = one.start(TrainingConfig())
    wait_for_end(one, run_id)
    other.delete(run_id)
    wait_until(lambda: one.feed(run_id) is None)
    assert one.list_runs() == []


def test_the_runs_of_a_visitor_count_over_all_servers(dashboard: Servers) -> None:
    one, other = dashboard(max_runs_per_visitor=2), dashboard(max_runs_per_visitor=2)
    one.start(TrainingConfig(), owner="me")
    other.start(TrainingConfig(), owner="me")
    for each in (one, other):
        with pytest.raises(LimitReachedError, match="You have 2 runs"):
            each.start(TrainingConfig(), owner="me")
    other.start(TrainingConfig(), owner="another")


# ------------------------------------------------------------------------------------------------------- taking over


def test_runs_of_a_server_that_is_gone_are_interrupted_with_the_cause(
    dashboard: Servers, server: PostgreSql, address: str
) -> None:
    one, other = dashboard(), dashboard()
    run_id = one.start(TrainingConfig())
    wait_until(lambda: one.store.episode_count(run_id) == 3)
    freeze(one)
    view = other.view(run_id)
    lapse(server, address, one)
    wait_until(lambda: other.store.run(run_id).state is RunState.INTERRUPTED)
    assert "The server that trained this run is gone" in other.store.run(run_id).message_template
    wait_until(lambda: view.feed.is_left or view.feed.is_over)
    assert (len(other.view(run_id).read(0, 0).rows), other.view(run_id).read(0, 0).is_last) == (3, True)
    assert server.rows(address, "SELECT server_id FROM servers") == [(other.lease.server_id,)]


def test_of_several_servers_one_takes_a_run_over(dashboard: Servers, server: PostgreSql, address: str) -> None:
    gone = dashboard(max_active_runs=50)
    run_ids = sorted(gone.start(TrainingConfig(seed=seed)) for seed in range(20))
    others = [dashboard() for _ in range(4)]
    for each in [gone, *others]:
        freeze(each)
    lapse(server, address, gone)
    for each in others:
        each.lease._renew()
    taken: dict[str, list[str]] = {}
    barrier = threading.Barrier(len(others))

    def take(manager: RunManager) -> None:
        barrier.wait(PATIENCE_S)
        found = manager._data.servers.take_over(manager.lease.server_id)
        taken[manager.lease.server_id] = found

    threads = [threading.Thread(target=take, args=(each,)) for each in others]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(run_id for each in taken.values() for run_id in each) == run_ids


def test_a_server_that_lost_its_runs_writes_nothing_of_them(
    dashboard: Servers, server: PostgreSql, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dqn_core.runs.recorder._ROWS_EVERY_S", 0.0)
    told, is_over = threading.Event(), threading.Event()

    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        yield from (episode(number) for number in range(1, 4))
        while not told.wait(0.05):
            yield progress(60)
        number = 3
        while not is_over.wait(0.01):
            number += 1
            yield episode(number)
        yield ended(episodes=number)

    zombie, other = dashboard(script), dashboard(a_run_of(5))
    run_id = zombie.start(TrainingConfig())
    wait_until(lambda: zombie.store.episode_count(run_id) == 3)
    freeze(zombie)
    lapse(server, address, zombie)
    wait_until(lambda: other.store.run(run_id).state is RunState.INTERRUPTED)
    view, thread = zombie.view(run_id), zombie._runs[run_id].thread
    told.set()
    assert thread is not None
    wait_until(lambda: thread.is_lost)
    is_over.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert view.feed.is_left
    assert (other.store.episode_count(run_id), other.store.run(run_id).state) == (3, RunState.INTERRUPTED)
    with pytest.raises(RunLostError):
        zombie.store.append(run_id, [episode(4)], [])
    assert not zombie._runs[run_id].is_active


def test_a_server_that_may_have_lost_a_run_asks_before_it_writes_a_file(
    dashboard: Servers, server: PostgreSql, address: str, tmp_path: Path
) -> None:
    manager = dashboard()
    run_id = manager.start(TrainingConfig())
    _is(manager, run_id, RunState.RUNNING)
    folder = RunFolder.create(tmp_path / "files", TrainingConfig())
    lapses: list[int | None] = [0]
    feed = LiveFeed(manager.store.run(run_id))
    recorder = RunRecorder(feed, manager.store, folder, lapses=lambda: lapses[0])
    for known in (0, 1, None):  # it may have lapsed by now, and the run is this server's still
        lapses[0] = known
        recorder.take(snapshot_of(known or 0))
        assert {each.name for each in folder.snapshots()} == {"best"}
    before = (tmp_path / "files").stat().st_mtime_ns
    server.rows(address, "UPDATE runs SET server_id = 'another'")
    lapses[0] = 2
    recorder._ask_at = 0.0
    with pytest.raises(RunLostError):
        recorder.take(snapshot_of(9))
    assert (tmp_path / "files").stat().st_mtime_ns == before


def snapshot_of(episode: int) -> WeightsReady:
    state = {"online.weight": np.full(3, episode, np.float32)}
    return WeightsReady(kind="best", episode=episode, env_step=episode, eval_return=1.0, state=state)


def test_a_server_that_comes_back_in_time_keeps_its_runs(dashboard: Servers, server: PostgreSql, address: str) -> None:
    one, other = dashboard(), dashboard()
    freeze(other)
    run_id = one.start(TrainingConfig())
    _is(one, run_id, RunState.RUNNING)
    lapse(server, address, one)
    one.lease._renew()
    assert other._data.servers.take_over(other.lease.server_id) == []
    one.stop(run_id)
    wait_for_end(one, run_id)
    assert one.store.run(run_id).state is RunState.STOPPED


def test_a_server_that_stops_in_the_ordinary_way_leaves_nothing_to_take_over(dashboard: Servers) -> None:
    one, other = dashboard(), dashboard()
    run_id = one.start(TrainingConfig())
    _is(one, run_id, RunState.RUNNING)
    one.close()
    record = other.store.run(run_id)
    assert (record.state, "shut down" in record.message_template) == (RunState.INTERRUPTED, True)
    assert not other.snapshot(run_id).is_active


def test_a_new_server_interrupts_no_run_of_one_that_lives(dashboard: Servers) -> None:
    one = dashboard()
    run_id = one.start(TrainingConfig())
    _is(one, run_id, RunState.RUNNING)
    dashboard()
    assert one.store.run(run_id).state is RunState.RUNNING
    one.stop(run_id)
    wait_for_end(one, run_id)


@pytest.mark.sqlite_file
def test_a_file_is_one_servers_and_a_shared_folder_admits_no_such_server(
    dashboard: Servers, tmp_path: Path, address: str
) -> None:
    dashboard()
    with pytest.raises(StoreError, match="Another server"):
        RunManager(tmp_path / "data")
    with pytest.raises(StoreError, match="Another server"):
        copy_database(address, tmp_path / "copy.sqlite")


# ------------------------------------------------------------------------------------------------------------- classes


def test_a_class_is_bound_to_no_server(dashboard: Servers) -> None:
    one, other = dashboard(), dashboard()
    opened = one.classes.open("Monday", "teacher")
    revision = other.classes.revision
    wait_until(lambda: other.classes.open_classes() == [opened])
    assert other.classes.revision > revision
    one.classes.announce(opened.class_id, Announcement(made_at=datetime.now(UTC), message="look here"))
    other.classes.join(opened.code, "student", "Mina")  # before it has heard of that
    assert other.classes.get(opened.class_id).announcement is not None
    wait_until(lambda: one.classes.nickname("student") == "Mina")
    assert (one.classes.class_of("student"), one.classes.revision_of(opened.class_id)) == (
        other.classes.get(opened.class_id),
        3,
    )
    with pytest.raises(ClassError, match="Somebody in this class is called Mina"):
        one.classes.join(opened.code, "another", "mina")
    other.classes.remove_class(opened.class_id)
    wait_until(lambda: one.classes.open_classes() == [])
    assert one.classes.class_of("student") is None


def test_changes_at_two_servers_at_once_are_all_kept(dashboard: Servers) -> None:
    both = [dashboard(), dashboard()]
    for each in both:
        freeze(each)  # none hears of the other by itself
    opened = both[0].classes.open("Monday", "teacher")

    def join(number: int) -> None:
        classes = both[number % 2].classes
        classes.refresh()
        classes.join(opened.code, f"visitor {number}", f"student {number}")
        classes.raise_hand(opened.class_id, f"visitor {number}", up=True)

    threads = [threading.Thread(target=join, args=(number,)) for number in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for manager in both:
        manager.classes.refresh()
        members = manager.classes.members(opened.class_id)
        assert {member.nickname for member in members} == {f"student {number}" for number in range(20)}
        assert all(member.hand_raised_at for member in members)


# ------------------------------------------------------------------------------------------------------------ searches


@pytest.fixture
def searches(dashboard: Servers) -> Iterator[Callable[[RunManager], Searches]]:
    made: list[Searches] = []

    def make(manager: RunManager) -> Searches:
        made.append(Searches(manager))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _search(trials: int) -> SearchSpec:
    base = TrainingConfig(max_env_steps=200, warmup_steps=0)
    return SearchSpec(base=base, ranges=(SearchRange(field="gamma", low=0.5, high=1.0),), trials=trials, at_once=1)


def test_a_search_is_carried_on_by_one_server_and_stopped_at_any(
    dashboard: Servers, searches: Callable[[RunManager], Searches]
) -> None:
    one, other = (searches(dashboard()) for _ in range(2))
    search_id = one.start(_search(2), "there")
    wait_until(lambda: len(one.status(search_id).trials) == 1)
    assert other.status(search_id).is_active
    other.resume(search_id)
    assert search_id not in other._work
    other.stop(search_id)
    wait_until(lambda: not one.status(search_id).is_active)
    wait_until(lambda: not other.status(search_id).is_active)
    assert len(one.status(search_id).trials) == 1


def test_a_search_whose_server_is_gone_is_carried_on_by_another(
    dashboard: Servers, searches: Callable[[RunManager], Searches], server: PostgreSql, address: str
) -> None:
    gone, manager = dashboard(), dashboard(a_run_of(4))
    one, other = searches(gone), searches(manager)
    search_id = one.start(_search(3), "there")
    wait_until(lambda: any(each.run_id for each in one.status(search_id).trials))
    (run_id,) = [each.run_id for each in one.status(search_id).trials]
    freeze(gone)
    lapse(server, address, gone)
    wait_until(lambda: manager.store.run(run_id).state is RunState.INTERRUPTED)
    assert not other.status(search_id).is_active
    other.resume(search_id)
    wait_until(lambda: not one._work[search_id].is_alive())  # it sees that the search is another's
    wait_until(lambda: not other.status(search_id).is_active)
    states = [each.state for each in other.status(search_id).trials]
    assert states.count("complete") == 3
