"""The networks that a run kept, by name: its best, its last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dqn_core.errors import RunFolderError, mark
from dqn_core.runs.replays import Policy
from dqn_core.training.run_folder import RunFolder

__all__ = ["find_policy"]

_NAMES = ("best", "last")


def find_policy(folder: Path, name: str) -> tuple[Path, Callable[[], Policy]]:
    """The file of the weights ``name`` in a run's ``folder``, and what loads them.

    Raises :class:`RunFolderError` where no run keeps weights of this name; the loader does where they are missing.
    """
    if name not in _NAMES:
        template = mark("A run keeps no weights called {name}: choose one of {choices}.")
        raise RunFolderError(template, name=repr(name[:40]), choices=", ".join(_NAMES))

    def load() -> Policy:
        opened = RunFolder.open(folder)
        return Policy(opened.config, opened.weights("best" if name == "best" else "last"))

    return folder / f"{name}.safetensors", load
