"""Commands to runs that another server trains, by way of the database.

Whoever asks puts a command down and waits for its answer; the server whose run it is does it and answers, within half a
second. One that is not answered in time is taken back, so that it is done, or is not, and who asked knows which.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from dqn_core import errors
from dqn_core.errors import ConfigError, DqnLabError, FieldProblem, RunStateError, mark
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.database import Database

__all__ = ["Commands", "Do"]

_ANSWER_S = 6.0
"""How long an answer may take."""
_LOOK_S = 0.05
_FORGOTTEN_S = 60.0
"""After so long, nobody waits for an answer any more."""
_commands, _runs = tables.commands, tables.runs

Do = Callable[[str, str, Mapping[str, Any]], object]
"""Does the command of that name to the run of that id, with arguments by name; raises what keeps it from it."""


class Commands:
    """The commands of one database; any thread may call any method, and each raises StoreError where it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, run_id: str, name: str, arguments: Mapping[str, Any], answer_s: float = _ANSWER_S) -> None:
        """Have the run's server do something to it, and wait until it has.

        Raises what keeps it from it, as that server says, and RunStateError where it says nothing within ``answer_s``
        seconds: nothing is done then.
        """
        command_id = self.tell(run_id, name, arguments)
        mine = _commands.c.command_id == command_id
        query = sa.select(_commands.c.is_answered, _commands.c.answer).where(mine)
        deadline = time.monotonic() + answer_s
        while time.monotonic() < deadline:
            with self._database.read() as connection:
                if connection.execute(query).one_or_none() != (False, None):
                    break
            time.sleep(_LOOK_S)
        with self._database.write() as connection:  # waits where it is being done in this moment
            is_answered, answer = connection.execute(query.with_for_update()).one_or_none() or (True, None)
            connection.execute(sa.delete(_commands).where(mine))
        if answer is not None:
            raise _error(answer)
        if not is_answered:
            template = mark(
                "The server that trains this run does not answer, so nothing was done. If it is gone, another one "
                "takes the run over within half a minute: try again then."
            )
            raise RunStateError(template)

    def tell(self, run_id: str, name: str, arguments: Mapping[str, Any]) -> str:
        """Put a command down, and do not wait; gives its id."""
        values = {
            "command_id": secrets.token_hex(8),
            "run_id": run_id,
            "asked_at": self._database.now,
            "name": name,
            "arguments": dict(arguments),
            "is_answered": False,
        }
        with self._database.write() as connection:
            connection.execute(sa.insert(_commands).values(values))
        return str(values["command_id"])

    def serve(self, server_id: str, do: Do) -> None:
        """Do what was asked of the runs of ``server_id``, in order, and answer."""
        query = (
            sa.select(_commands)
            .join(_runs, _runs.c.run_id == _commands.c.run_id)
            .where(_runs.c.server_id == server_id, sa.not_(_commands.c.is_answered))
            .order_by(_commands.c.asked_at, _commands.c.command_id)
        )
        with self._database.read() as connection:
            found = connection.execute(query).mappings().all()
        for each in found:
            self._serve(each, do)

    def _serve(self, command: Mapping[Any, Any], do: Do) -> None:
        """Do it while its row is held: it cannot be taken back in the middle."""
        mine = _commands.c.command_id == command["command_id"]
        open_ = sa.select(sa.literal(1)).where(mine, sa.not_(_commands.c.is_answered)).with_for_update()
        with self._database.write() as connection:
            if connection.execute(open_).first() is None:
                return
            answer = None
            try:
                do(command["run_id"], command["name"], command["arguments"])
            except DqnLabError as error:
                answer = _answer(error)
            connection.execute(sa.update(_commands).where(mine).values(is_answered=True, answer=answer))

    def forget(self) -> None:
        """Remove those that nobody waits for any more."""
        with self._database.write() as connection:
            old = _commands.c.asked_at < self._database.now - _FORGOTTEN_S
            connection.execute(sa.delete(_commands).where(old))


def _answer(error: DqnLabError) -> dict[str, Any]:
    """An error as JSON values."""
    if isinstance(error, ConfigError):
        problems = [[each.field, each.value, each.template, each.parameters] for each in error.problems]
        return {"kind": "ConfigError", "problems": problems}
    return {"kind": type(error).__name__, "template": error.template, "parameters": error.parameters}


def _error(answer: Mapping[str, Any]) -> DqnLabError:
    """The error that was made an answer of."""
    if answer["kind"] == "ConfigError":
        return ConfigError(tuple(FieldProblem(*each) for each in answer["problems"]))
    kind = getattr(errors, answer["kind"], DqnLabError)
    error: DqnLabError = kind(answer["template"], **answer["parameters"])
    return error
