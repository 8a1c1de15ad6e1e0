from __future__ import annotations

import threading
import time

import pytest

from dqn_core.events import Event, Notice, RunState, StateChanged
from dqn_core.runs.executors.training_worker import CAN_WAIT
from dqn_core.runs.executors.worker_process import Outbox
from scripted_trainer import ended, episode, frame, progress, started, wait_until


def test_messages_that_come_together_leave_together_and_in_order() -> None:
    outbox = Outbox(gather_s=0.05)
    messages = [progress(1), episode(1), frame(2), episode(2)]
    for message in messages:
        outbox.put(message, can_wait=True)
    assert outbox.take() == messages


def test_a_message_that_can_wait_waits_for_others() -> None:
    outbox = Outbox(gather_s=30.0)
    batches: list[list[object]] = []
    sender = threading.Thread(target=lambda: batches.append(outbox.take()), daemon=True)
    sender.start()
    outbox.put(episode(1), can_wait=True)
    outbox.put(episode(2), can_wait=True)
    sender.join(0.1)
    assert batches == []
    outbox.put(StateChanged(state=RunState.PAUSED))
    sender.join(10)
    assert [len(batch) for batch in batches] == [3]


@pytest.mark.parametrize("news", [started(), StateChanged(state=RunState.PAUSED), Notice(template="Look"), ended()])
def test_news_goes_at_once(news: Event) -> None:
    outbox = Outbox(gather_s=30.0)
    outbox.put(news, can_wait=isinstance(news, CAN_WAIT))
    began = time.monotonic()
    assert outbox.take() == [news]
    assert time.monotonic() - began < 10.0


def test_a_full_outbox_makes_the_trainer_wait_and_loses_nothing() -> None:
    outbox = Outbox(gather_s=0.0, most_waiting=3, most_at_once=2)
    messages = [episode(number) for number in range(1, 8)]
    trainer = threading.Thread(target=lambda: [outbox.put(message, can_wait=True) for message in messages], daemon=True)
    trainer.start()
    wait_until(lambda: len(outbox._waiting) == 3)
    trainer.join(0.05)
    assert len(outbox._waiting) == 3
    assert trainer.is_alive()
    taken: list[object] = []
    while len(taken) < 7:
        batch = outbox.take()
        assert 1 <= len(batch) <= 2
        taken += batch
    trainer.join(10)
    assert taken == messages


def test_what_was_put_in_before_the_close_still_leaves() -> None:
    outbox = Outbox(gather_s=30.0, most_at_once=2)
    messages = [episode(number) for number in range(1, 4)]
    for message in messages:
        outbox.put(message, can_wait=True)
    outbox.close()
    assert [outbox.take(), outbox.take(), outbox.take()] == [messages[:2], messages[2:], []]
