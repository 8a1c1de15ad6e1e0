"""In which order runs that wait begin: fair shares between their owners.

The next run is chosen by these rules, in this order:

1. An owner with fewer runs that train comes first: nobody gets a second place while another waits for a first one.
2. A single run comes before the runs of experiments and searches. After :data:`MOST_IN_A_ROW` single runs, one of an
   experiment or a search begins, if any waits.
3. Owners take turns. In each round, every owner begins one run; who joins later joins the next round.
4. Within a round, the run with fewer env steps comes first.
5. The runs of one owner begin in the order in which they came.

No run waits for ever, however many others come later, as long as each run ends: nobody joins a round that has begun, so
every round ends; and the fifth place at the latest is for experiments.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

__all__ = ["MOST_IN_A_ROW", "FairQueue", "Waiting"]

MOST_IN_A_ROW = 4
"""Single runs that may begin one after the other while one of an experiment waits."""


class Waiting(Protocol):
    """A run, as far as the queue looks at it."""

    @property
    def owner(self) -> str:
        """Id of the visitor whose run it is; those without an owner share one place among the owners."""

    @property
    def is_part(self) -> bool:
        """Whether it is one of the runs of an experiment or a search."""

    @property
    def most_steps(self) -> int:
        """Env steps that it takes at most."""


W = TypeVar("W", bound=Waiting)


class FairQueue(Generic[W]):
    """The runs that wait; not safe for use by several threads at once."""

    def __init__(self) -> None:
        self._kinds: tuple[_Turns[W], _Turns[W]] = (_Turns(is_part=False), _Turns(is_part=True))
        """Single runs, and those of experiments and searches."""
        self._came = 0
        self._in_a_row = 0

    def __len__(self) -> int:
        return sum(map(len, self._kinds))

    def __iter__(self) -> Iterator[W]:
        """The runs, in no order that means anything."""
        for kind in self._kinds:
            yield from kind

    def add(self, run: W) -> None:
        """``run`` waits from now on."""
        self._came += 1
        self._kinds[run.is_part].add(run, self._came)

    def remove(self, run: W) -> bool:
        """``run`` waits no longer, and did not begin; False where it does not wait."""
        return self._kinds[run.is_part].remove(run)

    def next(self, training: Mapping[str, int]) -> W:
        """Whose turn it is, with ``training`` runs of each owner at work. Raises ValueError where no run waits."""
        firsts = [min((kind.key(owner, training), owner) for owner in kind.owners) for kind in self._kinds if kind]
        return self._first(firsts)

    def begin(self, run: W) -> None:
        """``run``, which :meth:`next` named, waits no longer, for it begins."""
        self._kinds[run.is_part].begin(run)
        self._in_a_row = 0 if run.is_part or not self._kinds[True] else self._in_a_row + 1

    def order(self, training: Sequence[str], free: int = 0) -> list[W]:
        """All that wait in the order in which they would begin now.

        For this, runs are taken to end in the order in which they began, and no further one to come.

        Parameters
        ----------
        training
            The owners of those that train, longest at work first.
        free
            Places that are free.
        """
        rest: FairQueue[W] = self._copy()
        at_work, counts = deque(training), Counter(training)
        kinds = [_Sorted(kind, counts) for kind in rest._kinds]
        order: list[W] = []
        while rest:
            if len(order) >= free and at_work:
                ended = at_work.popleft()
                counts[ended] -= 1
                for kind in kinds:
                    kind.has_changed(ended)
            run = rest._first([first for kind in kinds if (first := kind.first())])
            rest.begin(run)
            at_work.append(run.owner)
            counts[run.owner] += 1
            for kind in kinds:
                kind.has_changed(run.owner)
            order.append(run)
        return order

    def _first(self, firsts: Sequence[tuple[_Key, str]]) -> W:
        """Of the owners who are first with a single run, and with a part of an experiment, the run that is next."""
        is_part_due = self._in_a_row >= MOST_IN_A_ROW
        key, owner = min(firsts, key=lambda first: first[0].of_all(is_part_due=is_part_due))
        return self._kinds[key.is_part].head(owner)

    def _copy(self) -> FairQueue[W]:
        copied: FairQueue[W] = FairQueue()
        copied._kinds = (self._kinds[False].copy(), self._kinds[True].copy())
        copied._came, copied._in_a_row = self._came, self._in_a_row
        return copied


class _Key(NamedTuple):
    """By what the first runs of two owners are compared where both are of one kind."""

    training: int
    """The owner's runs that train."""
    round: int
    most_steps: int
    came: int
    is_part: bool

    def of_all(self, *, is_part_due: bool) -> tuple[int, bool, int, int, int]:
        """By what it is compared with one of the other kind."""
        return self.training, self.is_part is not is_part_due, self.round, self.most_steps, self.came


class _Turns(Generic[W]):
    """Runs of one kind, whose owners take turns."""

    def __init__(self, *, is_part: bool) -> None:
        self._is_part = is_part
        self._count = 0
        self._lines: dict[str, deque[tuple[W, int]]] = {}
        """By owner: its runs, each with its number among all that came."""
        self._rounds: dict[str, int] = {}
        """By owner: the round in which its next run begins."""
        self._round = 0
        """The latest in which a run began."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[W]:
        for line in self._lines.values():
            for run, _came in line:
                yield run

    @property
    def owners(self) -> Collection[str]:
        """Those whose runs wait."""
        return self._lines.keys()

    def head(self, owner: str) -> W:
        """The owner's next run."""
        return self._lines[owner][0][0]

    def key(self, owner: str, training: Mapping[str, int]) -> _Key:
        """By what the owner's next run is compared."""
        run, came = self._lines[owner][0]
        return _Key(training.get(owner, 0), self._rounds[owner], run.most_steps, came, self._is_part)

    def add(self, run: W, came: int) -> None:
        self._rounds.setdefault(run.owner, self._round + 1)
        self._lines.setdefault(run.owner, deque()).append((run, came))
        self._count += 1

    def remove(self, run: W) -> bool:
        line = self._lines.get(run.owner, ())
        for place, (each, _came) in enumerate(line):
            if each is run:
                del self._lines[run.owner][place]
                self._count -= 1
                self._forget_without_runs(run.owner)
                return True
        return False

    def begin(self, run: W) -> None:
        owner = run.owner
        self._lines[owner].popleft()
        self._count -= 1
        self._round = max(self._round, self._rounds[owner])
        self._rounds[owner] += 1
        self._forget_without_runs(owner)

    def copy(self) -> _Turns[W]:
        copied: _Turns[W] = _Turns(is_part=self._is_part)
        copied._lines = {owner: line.copy() for owner, line in self._lines.items()}
        copied._rounds, copied._round = self._rounds.copy(), self._round
        copied._count = self._count
        return copied

    def _forget_without_runs(self, owner: str) -> None:
        if not self._lines[owner]:
            del self._lines[owner], self._rounds[owner]


class _Sorted(Generic[W]):
    """The owners of one kind, sorted by their next runs, while ``turns`` and ``training`` change."""

    def __init__(self, turns: _Turns[W], training: Mapping[str, int]) -> None:
        self._turns = turns
        self._training = training
        self._keys = {owner: turns.key(owner, training) for owner in turns.owners}
        self._heap = [(key, owner) for owner, key in self._keys.items()]
        """Also what was true once: an owner's key now is in ``_keys``."""
        heapq.heapify(self._heap)

    def has_changed(self, owner: str) -> None:
        """Look again at an owner's next run, or how many train."""
        if owner not in self._turns.owners:
            self._keys.pop(owner, None)
            return
        key = self._keys[owner] = self._turns.key(owner, self._training)
        heapq.heappush(self._heap, (key, owner))

    def first(self) -> tuple[_Key, str] | None:
        """Who is next, by what; None where nobody waits."""
        while self._heap and self._keys.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None
