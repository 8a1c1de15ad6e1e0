"""What a server does for the others of its database: it answers them, tells them of its runs, and takes over theirs.

A run that is another server's by now is given up; runs whose server is gone are taken over, by one of those that look.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dqn_core.errors import DqnLabError
from dqn_core.runs.managed_run import ManagedRuns
from dqn_core.runs.servers.commands import Commands, Do
from dqn_core.runs.servers.leases import Lease, Servers
from dqn_core.runs.servers.standings import Standing, Standings

__all__ = ["Lookout"]

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.2
_TELL_EVERY_S = 0.5
_TAKE_OVER_EVERY_S = 1.0
_FORGET_EVERY_S = 60.0


class Lookout(threading.Thread):
    """A thread that looks at the database until :meth:`close`.

    Parameters
    ----------
    runs
        Those of this server.
    do
        Does a command that another server was asked for.
    take_over
        Called with the ids of runs whose server is gone, which are this one's now.
    give_up
        Called with the id of a run that is another server's now, or that there is not any more.
    refresh
        Takes in what other servers have changed of what this one has in memory.
    """

    def __init__(  # noqa: PLR0913, PLR0917  what it looks at, and what it does about it
        self,
        servers: Servers,
        lease: Lease,
        runs: ManagedRuns,
        do: Do,
        take_over: Callable[[Sequence[str]], object],
        give_up: Callable[[str], object],
        refresh: Callable[[], None],
    ) -> None:
        super().__init__(name="lookout", daemon=True)
        self._servers = servers
        self._lease = lease
        self._runs = runs
        self._commands = Commands(servers.database)
        self._standings = Standings(servers.database)
        self._do = do
        self._take_over = take_over
        self._give_up = give_up
        self._refresh = refresh
        self._told: dict[str, Standing] = {}
        self._due: dict[Callable[[], None], float] = {}
        self._is_closed = threading.Event()

    def close(self) -> None:
        """End the thread, and wait for it."""
        self._is_closed.set()
        self.join()

    def run(self) -> None:
        """Look, again and again; what fails once is tried again."""
        is_failing = False
        while not self._is_closed.wait(_LOOK_S):
            try:
                self._look()
                is_failing = False
            except Exception as error:  # noqa: BLE001  without it, no command to any run of this server is answered
                if not is_failing:
                    known = isinstance(error, DqnLabError)
                    _LOG.warning("Other servers hear nothing: %s", error, exc_info=None if known else error)
                is_failing = True

    def _look(self) -> None:
        self._every(_TAKE_OVER_EVERY_S, self._look_for_left_behind)
        if not self._lease.others:
            return
        self._commands.serve(self._lease.server_id, self._obey)
        self._every(_TAKE_OVER_EVERY_S, self._look_after_own)
        self._every(_TELL_EVERY_S, self._tell)
        self._every(_TELL_EVERY_S, self._refresh)
        self._every(_FORGET_EVERY_S, self._commands.forget)

    def _obey(self, run_id: str, name: str, arguments: Mapping[str, Any]) -> None:
        """Do a command; who asked sees what came of it at once."""
        self._do(run_id, name, arguments)
        run = self._runs.get(run_id)
        if run is not None:
            self._standings.put({run_id: run.standing()})

    def _every(self, seconds: float, do: Callable[[], None]) -> None:
        now = time.monotonic()
        if now >= self._due.get(do, 0.0):
            self._due[do] = now + seconds
            do()

    def _look_for_left_behind(self) -> None:
        run_ids = self._servers.take_over(self._lease.server_id)
        if run_ids:
            _LOG.info("Taken over from servers that are gone: %s", ", ".join(run_ids))
            self._take_over(run_ids)

    def _look_after_own(self) -> None:
        owners = self._servers.owners(list(self._runs))
        for run_id, run in list(self._runs.items()):
            owner = owners.get(run_id)
            is_gone = owner is None and run_id in owners and not run.is_active
            if is_gone or owner not in {None, self._lease.server_id}:
                self._give_up(run_id)

    def _tell(self) -> None:
        now = {run_id: run.standing() for run_id, run in self._runs.items() if run.is_active}
        news = {run_id: standing for run_id, standing in now.items() if standing != self._told.get(run_id)}
        if news:
            self._standings.put(news)
        self._told = now
