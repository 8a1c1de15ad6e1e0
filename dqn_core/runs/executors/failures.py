"""What a trainer's own code could not turn into an event, as an error to show; the same in a thread and a process."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from dqn_core.errors import DqnLabError, mark

__all__ = ["as_error", "import_modules"]


def as_error(error: BaseException) -> DqnLabError:
    """``error`` as something to show."""
    if isinstance(error, DqnLabError):
        return error
    template = mark("The run failed ({kind}: {cause}). What it logged up to then is kept.")
    return DqnLabError(template, kind=type(error).__name__, cause=str(error))


def import_modules(names: Iterable[str]) -> None:
    """Import modules that register environments; raises :class:`DqnLabError` naming one that cannot be imported."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a third party's module raises becomes a message
            template = mark(
                "The module {module}, which registers environments, could not be imported ({kind}: {cause}): "
                "install its package, or take it off the list."
            )
            raise DqnLabError(template, module=name, kind=type(error).__name__, cause=error) from error
