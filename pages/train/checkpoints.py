"""What a run has kept so far: states of its learner to look back at, and checkpoints to go on from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import streamlit as st

from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, RunFolderError, mark
from dqn_core.runs.manager import RunSnapshot
from dqn_core.training.checkpoint import CheckpointInfo
from dqn_core.training.disk_use import DiskUse
from dqn_core.training.snapshots import SnapshotInfo
from pages.server.process import get_manager
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.numbers import number_text, size_text
from pages.shared.visitor.identity import may_control, steering
from pages.train.run_controls import keep_command_error

__all__ = ["checkpoints"]

_SNAPSHOT_LABELS = {
    "kept": mark("Snapshot during training"),
    "best": mark("Snapshot of the best evaluation"),
    "last": mark("Last snapshot"),
}
_CHECKPOINT_LABELS = {"last": mark("Latest checkpoint"), "best": mark("Checkpoint of the best evaluation")}
_WHAT_FOR = mark(
    "A snapshot holds the network at one point of the training: replay it, or start another run from it. A "
    "checkpoint also holds the replay memory: the run can resume from it. Above the limit, the largest files are "
    "deleted first, and the oldest of equally large ones, but never the latest checkpoint, the best snapshot or the "
    "last."
)
_NO_BEST = mark(
    "The checkpoint of the best evaluation was not kept: with this replay memory it is larger than the {spare} that a "
    "run may keep beside its latest checkpoint. Start a new run from the best snapshot, or have the server's "
    "DQN_LAB_CHECKPOINT_MB raised."
)
_TABLE_HEIGHT = 320
_ROWS_IN_VIEW = 7
_DASH = "–"


def checkpoints(snapshot: RunSnapshot, config_now: Callable[[], TrainingConfig | None]) -> None:
    """A section that lists what the run shown has kept; ``config_now`` gives the settings to go on with, if any."""
    run_id = snapshot.record.run_id
    section = st.expander(_("Checkpoints"), icon=":material/bookmarks:", key=f"{run_id}:checkpoints", on_change="rerun")
    if not section.open:
        return
    with section:
        try:
            folder = get_manager().open_folder(run_id)
        except RunFolderError as error:
            st.error(translate_error(error), icon=":material/folder_off:")
            return
        kept, resumable, use = folder.snapshots(), folder.checkpoints(), folder.disk_use()
        has_best = any(each.kind == "best" for each in resumable)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(_summary(kept, resumable, use), width="stretch", help=_(_WHAT_FOR))
            _commands(snapshot, config_now, has_best=has_best)
        if not has_best and any(each.kind == "best" for each in kept) and use.needed > use.spare:
            st.caption(_(_NO_BEST).format(spare=size_text(use.spare)))
        if kept or resumable:
            _table(kept, resumable)


def _summary(kept: Sequence[SnapshotInfo], resumable: Sequence[CheckpointInfo], use: DiskUse) -> str:
    if not kept and not resumable:
        return _("Nothing is saved yet: the first checkpoint is saved when the warm-up is over.")
    template = _("Snapshots: {states} · checkpoints: {checkpoints} · {used} of at most {limit}")
    return template.format(
        states=len(kept), checkpoints=len(resumable), used=size_text(use.used), limit=size_text(use.limit)
    )


def _commands(snapshot: RunSnapshot, config_now: Callable[[], TrainingConfig | None], *, has_best: bool) -> None:
    run_id, is_ours = snapshot.record.run_id, may_control(snapshot.record)
    st.button(_("Refresh"), icon=":material/refresh:", key=f"{run_id}:look-again", type="tertiary")
    if snapshot.is_active:
        st.button(
            _("Save a checkpoint"),
            icon=":material/bookmark_add:",
            key=f"{run_id}:take-checkpoint",
            help=_("Saves everything needed to resume from here. The run keeps training."),
            disabled=not is_ours,
            on_click=_take,
            args=(run_id,),
        )
    elif has_best:
        st.button(
            _("Resume from the best"),
            icon=":material/history:",
            key=f"{run_id}:from-best",
            help=_(
                "Resumes from the best evaluation and discards what came later. Change a setting first: with the "
                "same settings, the same training follows."
            ),
            disabled=config_now() is None or not is_ours,
            on_click=_go_on_from_best,
            args=(snapshot, config_now),
        )


def _take(run_id: str) -> None:
    try:
        steering(run_id).take_checkpoint(run_id)
    except DqnLabError as error:
        keep_command_error(error)


def _go_on_from_best(snapshot: RunSnapshot, config_now: Callable[[], TrainingConfig | None]) -> None:
    config = config_now()
    if config is None:
        return
    changes = {name: new for name, _old, new in snapshot.record.config.differences(config)}
    run_id = snapshot.record.run_id
    try:
        steering(run_id).go_on(run_id, from_="best", **changes)
    except DqnLabError as error:
        keep_command_error(error)


def _table(kept: Sequence[SnapshotInfo], resumable: Sequence[CheckpointInfo]) -> None:
    """One row a file, the newest first."""
    rows = [
        *((each.env_step, _(_CHECKPOINT_LABELS[each.kind]), each.episode, math.nan, each.size) for each in resumable),
        *((each.env_step, _(_SNAPSHOT_LABELS[each.kind]), each.episode, each.eval_return, each.size) for each in kept),
    ]
    rows.sort(key=lambda row: -row[0])
    st.table(
        {
            _("Saved"): [label for _step, label, *_rest in rows],
            _("Episode"): [_count(episode) for _step, _label, episode, *_rest in rows],
            _("Environment step"): [_count(env_step) for env_step, *_rest in rows],
            _("Evaluation"): [_DASH if math.isnan(row[3]) else number_text(round(row[3], 2)) for row in rows],
            _("Size"): [size_text(row[4]) for row in rows],
        },
        border="horizontal",
        height=_TABLE_HEIGHT if len(rows) > _ROWS_IN_VIEW else "content",
        alt=_("Saved by this run"),
    )


def _count(value: int) -> str:
    return _DASH if value < 0 else f"{value:,}"
