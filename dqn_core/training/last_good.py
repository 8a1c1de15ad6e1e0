"""A run that came to grief says from where it can go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dqn_core.errors import mark
from dqn_core.events import RunEnded, RunState
from dqn_core.training.checkpoint import CheckpointInfo

__all__ = ["with_last_good"]

_LAST_GOOD = mark(
    "Its last good checkpoint is of episode {checkpoint_episode}, env step {checkpoint_step}: Resume goes on from it."
)


def with_last_good(ended: RunEnded, checkpoints: Iterable[CheckpointInfo]) -> RunEnded:
    """``ended``; unless the run came to a good end, its message says which of ``checkpoints`` it would go on from.

    The sentence stands in a paragraph of its own: message templates are translated paragraph by paragraph.
    """
    last = next((each for each in checkpoints if each.kind == "last"), None)
    if ended.reason.state is RunState.FINISHED or last is None or not ended.template:
        return ended
    place = {"checkpoint_episode": last.episode, "checkpoint_step": last.env_step}
    return replace(ended, template=f"{ended.template}\n\n{_LAST_GOOD}", parameters={**ended.parameters, **place})
