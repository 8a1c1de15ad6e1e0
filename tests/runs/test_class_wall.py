"""The cards of a class: whose run, how far, how good, and who is stuck."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from dqn_core.config import TrainingConfig
from dqn_core.environments.pictures import as_jpeg
from dqn_core.errors import ClassError
from dqn_core.events import Event, Frame, RunState, Stop
from dqn_core.runs.classes.classroom import Assignment
from dqn_core.runs.classes.wall import NO_RUN_MINUTES, SMALL_PICTURE, Card, ClassWall, Curve, StuckReason
from dqn_core.runs.manager import RunManager
from dqn_core.runs.run_list import RunList
from scripted_trainer import Mailbox, Managed, a_run_of, ended, episode, frame, obedient, progress, started, wait_until

_NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
_CONFIG = TrainingConfig(max_episodes=100)


class Class:
    """A class with two members, and its wall at a time that a test sets."""

    def __init__(self, manager: RunManager) -> None:
        self.manager = manager
        self.minutes = 0.0
        self.class_id = manager.classes.open("a class", "teacher").class_id
        for name in ("Ann", "Ben"):
            manager.classes.join(manager.classes.get(self.class_id).code, name.lower(), name)
        self.wall = ClassWall(RunList(manager), lambda: datetime.now(UTC) + timedelta(minutes=self.minutes))

    def card(self, name: str = "Ann") -> Card:
        self.wall._made.clear()
        self.wall._run_list.lines(at_once=True)
        return next(each for each in self.wall.cards(self.class_id) if each.member.nickname == name)


def test_a_member_without_a_run_is_stuck_some_minutes_after_there_was_something_to_do(managed: Managed) -> None:
    own = Class(managed(obedient()))
    assert (own.card().run, own.card().fraction, own.card().score, own.card().stuck) == (None, 0.0, None, None)
    own.minutes = NO_RUN_MINUTES + 0.1
    assert own.card().stuck is StuckReason.NO_RUN
    later = datetime.now(UTC) + timedelta(minutes=own.minutes)
    own.manager.classes.assign(own.class_id, Assignment(pushed_at=later))
    assert own.card().stuck is None


def test_a_card_shows_the_newest_run_that_is_not_over(managed: Managed) -> None:
    own = Class(managed(obedient(episodes=20)))
    first = own.manager.start(_CONFIG, owner="ann")
    wait_until(lambda: own.manager.view(first).feed.rows_total == 20)
    second = own.manager.start(_CONFIG.replace(seed=1), owner="ann")
    own.manager.start(_CONFIG, owner="somebody else")
    wait_until(lambda: own.manager.view(second).feed.rows_total == 20)
    own.manager.stop(second)
    wait_until(lambda: not own.manager.snapshot(second).record.state.is_active)
    card = own.card()
    assert card.run is not None
    assert (card.run.run_id, card.run.state, card.fraction) == (first, RunState.RUNNING, 0.2)
    assert card.curve == pytest.approx([20.0 + number / 3 for number in range(1, 21)])
    assert card.score == 106.0
    assert own.card("Ben").run is None
    own.manager.stop(first)
    wait_until(lambda: not own.manager.snapshot(first).record.state.is_active)
    card = own.card()
    assert card.run is not None
    assert (card.run.run_id, card.fraction) == (second, 1.0)


def test_settings_that_are_not_as_assigned_are_named(managed: Managed) -> None:
    own = Class(managed(obedient()))
    run_id = own.manager.start(_CONFIG.replace(gamma=0.9, seed=5), owner="ann")
    assert own.card().differences == ()
    own.manager.classes.assign(own.class_id, Assignment(pushed_at=_NOW, config=_CONFIG))
    assert own.card().differences == (("gamma", 0.9),)
    assert own.card().run is not None
    own.manager.stop(run_id)


def _worsening(_config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
    """The best evaluation at env step 100, then worse ones to step 300."""
    yield started()
    for number in range(1, 16):
        yield episode(number, eval_return=200.0 - abs(number - 5), wall_time_s=10.0 * number)
    yield progress(300, wall_time_s=150.0)
    while not isinstance(mailbox.get(timeout=60), Stop):
        pass
    yield ended(episodes=15)


def test_a_run_without_a_better_evaluation_in_its_second_half_is_stuck(managed: Managed) -> None:
    own = Class(managed(_worsening))
    run_id = own.manager.start(_CONFIG, owner="ann")
    wait_until(lambda: own.manager.view(run_id).feed.record().env_steps == 300)
    assert own.card().stuck is StuckReason.NO_PROGRESS
    own.manager.stop(run_id)
    wait_until(lambda: not own.manager.snapshot(run_id).record.state.is_active)
    assert own.card().stuck is None


def test_a_run_that_failed_is_stuck(managed: Managed) -> None:
    def failing(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        message = "broken"
        raise OSError(message)

    own = Class(managed(failing))
    run_id = own.manager.start(_CONFIG, owner="ann")
    wait_until(lambda: own.manager.snapshot(run_id).record.state is RunState.FAILED)
    assert own.card().stuck is StuckReason.FAILED


def test_runs_of_an_earlier_server_are_on_the_wall(managed: Managed) -> None:
    earlier = Class(managed(a_run_of(7)))
    run_id = earlier.manager.start(_CONFIG, owner="ann")
    wait_until(lambda: not earlier.manager.snapshot(run_id).record.state.is_active)
    expected = earlier.card()
    earlier.manager.close()
    later = managed(a_run_of(7))
    wall = ClassWall(RunList(later))
    (card, _ben) = wall.cards(earlier.class_id)
    assert (card.curve, card.score, card.fraction) == (expected.curve, expected.score, 1.0)
    assert len(card.curve) == 7


def test_the_picture_is_small_and_asks_for_the_next_one(managed: Managed) -> None:
    jpeg = as_jpeg(np.full((400, 600, 3), 200, np.uint8))

    def drawing(_config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        while True:
            match mailbox.get(timeout=60):
                case Stop():
                    yield ended()
                    return
                case _:
                    sent = frame()
                    yield Frame(**{name: getattr(sent, name) for name in sent.__slots__} | {"jpeg": jpeg})

    own = Class(managed(drawing))
    run_id = own.manager.start(_CONFIG, owner="ann")
    wait_until(lambda: own.manager.snapshot(run_id).record.state is RunState.RUNNING)
    wait_until(lambda: own.wall.picture(run_id, SMALL_PICTURE) is not None)
    picture = own.wall.picture(run_id, SMALL_PICTURE)
    assert picture is not None
    with Image.open(io.BytesIO(picture)) as small:
        assert small.width == SMALL_PICTURE
    assert len(picture) < len(jpeg)
    assert own.wall.picture("20260401-143501-none", SMALL_PICTURE) is None


def test_a_class_that_there_is_not_has_no_cards(managed: Managed) -> None:
    with pytest.raises(ClassError):
        ClassWall(RunList(managed(obedient()))).cards("20260401-143501-none")


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 16, 100, 1_000])
def test_a_curve_keeps_few_points_and_its_mean(count: int) -> None:
    curve = Curve(most=8)
    for value in range(count):
        curve.add(float(value))
    points = curve.points
    assert len(points) <= 16
    assert list(points) == sorted(points)
    if count:
        assert points[0] <= count / 8
        assert points[-1] > count * 0.85 - 1
