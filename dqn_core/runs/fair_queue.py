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

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

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
_Key = tuple[int, bool, int, int, int]


class FairQueue(Generic[W]):
    """The runs that wait; not safe for use by several threads at once."""

    def __init__(self) -> None:
        self._kinds: tuple[_Turns[W], _Turns[W]] = (_Turns(), _Turns())
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
        is_part_due = self._in_a_row >= MOST_IN_A_ROW
        heads = [
            ((training.get(run.owner, 0), run.is_part is not is_part_due, round_, run.most_steps, came), run)
            for kind in self._kinds
            for run, round_, came in kind.heads()
        ]
        return min(heads, key=_key)[1]

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
        rest, at_work, counts = self._copy(), deque(training), Counter(training)
        order: list[W] = []
        while rest:
            if len(order) >= free and at_work:
                counts[at_work.popleft()] -= 1
            run = rest.next(counts)
            rest.begin(run)
            at_work.append(run.owner)
            counts[run.owner] += 1
            order.append(run)
        return order

    def _copy(self) -> FairQueue[W]:
        copied: FairQueue[W] = FairQueue()
        copied._kinds = (self._kinds[False].copy(), self._kinds[True].copy())
        copied._came, copied._in_a_row = self._came, self._in_a_row
        return copied


def _key(head: tuple[_Key, object]) -> _Key:
    return head[0]


class _Turns(Generic[W]):
    """Runs of one kind, whose owners take turns."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[tuple[W, int]]] = {}
        """By owner: its runs, each with its number among all that came."""
        self._rounds: dict[str, int] = {}
        """By owner: the round in which its next run begins."""
        self._round = 0
        """The latest in which a run began."""

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __iter__(self) -> Iterator[W]:
        for line in self._lines.values():
            for run, _came in line:
                yield run

    def heads(self) -> Iterator[tuple[W, int, int]]:
        """The next run of each owner, its round, and its number among all that came."""
        for owner, line in self._lines.items():
            run, came = line[0]
            yield run, self._rounds[owner], came

    def add(self, run: W, came: int) -> None:
        self._rounds.setdefault(run.owner, self._round + 1)
        self._lines.setdefault(run.owner, deque()).append((run, came))

    def remove(self, run: W) -> bool:
        line = self._lines.get(run.owner, ())
        for place, (each, _came) in enumerate(line):
            if each is run:
                del self._lines[run.owner][place]
                self._forget_without_runs(run.owner)
                return True
        return False

    def begin(self, run: W) -> None:
        owner = run.owner
        self._lines[owner].popleft()
        self._round = max(self._round, self._rounds[owner])
        self._rounds[owner] += 1
        self._forget_without_runs(owner)

    def copy(self) -> _Turns[W]:
        copied: _Turns[W] = _Turns()
        copied._lines = {owner: line.copy() for owner, line in self._lines.items()}
        copied._rounds, copied._round = self._rounds.copy(), self._round
        return copied

    def _forget_without_runs(self, owner: str) -> None:
        if not self._lines[owner]:
            del self._lines[owner], self._rounds[owner]
