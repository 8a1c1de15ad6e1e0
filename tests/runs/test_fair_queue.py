"""Fair shares: in which order runs that wait begin, whoever started them and how many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from dqn_core.runs.fair_queue import MOST_IN_A_ROW, FairQueue


@dataclass(eq=False)
class Run:
    owner: str
    is_part: bool = False
    most_steps: int = 100


class Server:
    """Gives its places to those whose turn it is, as a scheduler does, and keeps what it did."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.queue: FairQueue[Run] = FairQueue()
        self.training: list[Run] = []
        self.begun: list[Run] = []

    @property
    def counts(self) -> Counter[str]:
        return Counter(run.owner for run in self.training)

    def enter(self, *runs: Run) -> None:
        for run in runs:
            self.queue.add(run)

    def fill(self) -> None:
        while len(self.training) < self.places and self.queue:
            before, waiting = self.counts, {run.owner for run in self.queue}
            run = self.queue.next(before)
            assert before[run.owner] == min(before[owner] for owner in waiting)
            self.queue.begin(run)
            self.training.append(run)
            self.begun.append(run)

    def end_first(self) -> None:
        del self.training[0]
        self.fill()

    def work(self) -> None:
        """Until nobody waits."""
        self.fill()
        while self.queue:
            self.end_first()


_runs = st.builds(
    Run, owner=st.sampled_from("abcdef"), is_part=st.booleans(), most_steps=st.sampled_from([0, 10, 100, 1_000])
)
_events = st.lists(st.one_of(st.lists(_runs, min_size=1, max_size=6), st.just("end"), st.just("withdraw")), max_size=40)


@settings(max_examples=200, deadline=None)
@given(places=st.integers(1, 4), events=_events, data=st.data())
def test_whatever_comes_and_goes_nobody_has_a_second_place_while_another_waits_for_a_first(
    places: int, events: list[list[Run] | str], data: st.DataObject
) -> None:
    """``fill`` looks at each choice; and everything that was not withdrawn begins, once."""
    server, expected = Server(places), []
    for event in events:
        if isinstance(event, list):
            server.enter(*event)
            expected += event
        elif event == "end" and server.training:
            del server.training[data.draw(st.integers(0, len(server.training) - 1))]
        elif event == "withdraw" and server.queue:
            withdrawn = data.draw(st.sampled_from(list(server.queue)))
            assert server.queue.remove(withdrawn)
            assert not server.queue.remove(withdrawn)
            expected.remove(withdrawn)
        server.fill()
    server.work()
    assert sorted(map(id, server.begun)) == sorted(map(id, expected))


@settings(max_examples=200, deadline=None)
@given(places=st.integers(1, 4), runs=st.lists(_runs, min_size=1, max_size=30))
def test_the_order_that_is_told_is_the_order_in_which_they_begin(places: int, runs: list[Run]) -> None:
    server = Server(places)
    for run in runs:  # as they come, while places are free
        server.enter(run)
        server.fill()
    told = server.queue.order([run.owner for run in server.training])
    began = len(server.begun)
    server.work()
    assert server.begun[began:] == told


@given(runs=st.lists(_runs, min_size=1, max_size=30), free=st.integers(0, 4))
def test_telling_an_order_leaves_the_queue_as_it_is(runs: list[Run], free: int) -> None:
    queue: FairQueue[Run] = FairQueue()
    for run in runs:
        queue.add(run)
    first = queue.order([], free)
    assert first == queue.order([], free)
    assert sorted(map(id, queue)) == sorted(map(id, runs))
    assert first[0] is queue.next({})


@settings(max_examples=200, deadline=None)
@given(runs=st.lists(_runs, min_size=1, max_size=40), places=st.integers(1, 4))
def test_the_runs_of_one_owner_begin_in_the_order_in_which_they_came(runs: list[Run], places: int) -> None:
    server = Server(places)
    server.enter(*runs)
    server.work()
    for owner in "abcdef":
        for is_part in (False, True):
            mine = [run for run in runs if run.owner == owner and run.is_part is is_part]
            assert [run for run in server.begun if run.owner == owner and run.is_part is is_part] == mine


def test_thirty_who_press_start_three_times_each_get_one_before_anybody_gets_two() -> None:
    server = Server(2)
    names = [f"student {number}" for number in range(30)]
    for name in names:  # each presses three times before the next one does
        server.enter(*(Run(name) for _ in range(3)))
    server.work()
    for begin in (0, 30, 60):
        assert {run.owner for run in server.begun[begin : begin + 30]} == set(names)


@pytest.mark.parametrize("is_part", [False, True])
def test_a_hundred_runs_of_one_student_delay_nobody(is_part: bool) -> None:
    server = Server(2)
    server.enter(*(Run("many", is_part) for _ in range(100)))
    server.fill()
    others = [Run(f"student {number}") for number in range(29)]
    server.enter(*others)
    for _ in range(40):
        server.end_first()
    places = [server.begun.index(run) for run in others]
    assert max(places) < 2 + 29 + 29 // MOST_IN_A_ROW + 1
    server.work()
    assert len(server.begun) == 129


@pytest.mark.parametrize("kind", ["long", "part", "many"])
def test_a_run_begins_however_many_others_come_after_it(kind: str) -> None:
    """Each time a place is free, two more students have come, each with a shorter run."""
    patient = Run("patient", kind == "part", most_steps=10**6)
    server = Server(1)
    server.enter(*(Run("patient") for _ in range(3 if kind == "many" else 0)), patient)
    server.enter(*(Run(f"before {number}") for number in range(5)))
    server.fill()
    for number in range(200):
        server.enter(Run(f"{number} a", most_steps=1), Run(f"{number} b", most_steps=1))
        server.end_first()
    assert patient in server.begun


def test_runs_of_an_experiment_wait_for_others_but_not_for_ever() -> None:
    server = Server(1)
    parts = [Run("scientist", is_part=True) for _ in range(3)]
    server.enter(*parts)
    server.enter(*(Run(f"student {number}") for number in range(3 * MOST_IN_A_ROW)))
    server.work()
    places = [server.begun.index(run) for run in parts]
    assert places == [MOST_IN_A_ROW, 2 * MOST_IN_A_ROW + 1, 3 * MOST_IN_A_ROW + 2]


def test_a_run_of_ones_own_begins_before_the_rest_of_ones_experiment() -> None:
    server = Server(1)
    server.enter(*(Run("me", is_part=True) for _ in range(3)))
    server.fill()
    own = Run("me")
    server.enter(own)
    server.end_first()
    assert server.begun[1] is own


def test_between_equals_the_shorter_run_begins_first() -> None:
    server = Server(1)
    long, short = Run("a", most_steps=10**6), Run("b", most_steps=10**4)
    server.enter(Run("first"))
    server.fill()
    server.enter(long, short)
    server.work()
    assert server.begun[1:] == [short, long]


def test_a_short_second_run_does_not_overtake_another_owners_first() -> None:
    server = Server(1)
    first, second, long = Run("a", most_steps=1), Run("a", most_steps=1), Run("b", most_steps=10**6)
    server.enter(first, second, long)
    server.work()
    assert server.begun == [first, long, second]


def test_without_owners_it_is_first_come_first_served() -> None:
    runs = [Run("", most_steps=steps) for steps in (5, 1, 9, 0)]
    server = Server(2)
    server.enter(*runs)
    server.work()
    assert server.begun == runs


def test_an_empty_queue_has_no_next() -> None:
    queue: FairQueue[Run] = FairQueue()
    assert (len(queue), list(queue), queue.order(["a"])) == (0, [], [])
    with pytest.raises(ValueError, match="empty"):
        queue.next({})
