"""Messages that databases of earlier versions hold, with what they say today."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FORMER_TEXTS"]

_CHANGED = (
    (
        "Nobody watched this run for {minutes} minutes, so it was paused. Resume goes on with it.",
        "Nobody watched this run for {minutes} minutes, so it was paused. Press Resume to continue.",
    ),
    (
        ("The process that trained this run ended without a word (exit status {status}). What it logged is kept."),
        ("The process that trained this run ended without a message (exit status {status}). What it logged is kept."),
    ),
    (
        "The run failed: its trainer fell silent without giving a reason.",
        "The run failed: its trainer stopped responding without giving a reason.",
    ),
    (
        "The search ended ({kind}: {cause}). Resume goes on with it.",
        "The search ended ({kind}: {cause}). Press Resume to continue.",
    ),
    (
        "The server shut down before this run's turn came. Resume begins it.",
        "The server shut down before this run's turn came. Press Resume to start it.",
    ),
    (
        "The server shut down while this run was at work. Everything is kept: Resume goes on from there.",
        ("The server shut down while this run was active. Everything is saved: press Resume to continue from there."),
    ),
    (
        (
            "The server went away while this run was at work: it was killed, it crashed, or the machine stopped. "
            "What was logged is kept: Resume goes on from the last checkpoint."
        ),
        (
            "The server went down while this run was active: it was killed, it crashed, or the machine stopped. "
            "What was logged is kept: press Resume to continue from the last checkpoint."
        ),
    ),
    (
        (
            "The run's folder {path} cannot be written ({cause}): make room on the disk, or see that the folder "
            "above it can be written."
        ),
        (
            "The run's folder {path} cannot be written ({cause}): make room on the disk, or check that the "
            "folder above it can be written."
        ),
    ),
    (
        "Exploration goes on at epsilon {epsilon} instead of {before}, as these settings say.",
        "Exploration continues at epsilon {epsilon} instead of {before}, as these settings say.",
    ),
    (
        "Exploration goes on from where it stood, at epsilon {epsilon}, for its schedule was adjusted.",
        "Exploration continues from where it was, at epsilon {epsilon}: its schedule was adjusted.",
    ),
    (
        (
            "Its last good checkpoint is of episode {checkpoint_episode}, env step {checkpoint_step}: Resume "
            "goes on from it."
        ),
        (
            "Its last good checkpoint is of episode {checkpoint_episode}, env step {checkpoint_step}: press "
            "Resume to continue from it."
        ),
    ),
    (
        (
            "The loss became {loss} at update {updates}: training diverged. The last good weights are kept. Try "
            "a smaller learning rate, gradient clipping or the Huber loss: start anew, or go on from the last "
            "good checkpoint with Resume."
        ),
        (
            "The loss became {loss} at update {updates}: training diverged. The last good weights are kept. Try "
            "a smaller learning rate, gradient clipping or the Huber loss: start a new run, or press Resume to "
            "continue from the last good checkpoint."
        ),
    ),
    ("The run goes on with other settings: {changes}.", "The run continues with other settings: {changes}."),
    (
        "{env_id} did not repeat itself: the running episode begins anew.",
        "{env_id} did not repeat itself exactly: the running episode starts over.",
    ),
)
FORMER_TEXTS: Mapping[str, str] = MappingProxyType(dict(_CHANGED))
"""Today's text of each."""
