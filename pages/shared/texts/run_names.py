"""What a run is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dqn_core.runs.examples import EXAMPLE_NAMES, EXAMPLES_OWNER
from pages.shared.texts.i18n import _

__all__ = ["run_name"]


class _Run(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def owner(self) -> str: ...


def run_name(run: _Run, say: Callable[[str], str] = _) -> str:
    """The run's name as plain text: an example's in the language of ``say``, any other as a person gave it."""
    is_ours = run.owner == EXAMPLES_OWNER and run.name in EXAMPLE_NAMES.values()
    return say(run.name) if is_ours else run.name
