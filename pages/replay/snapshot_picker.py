"""Which agent plays: a run, and one of the networks that it kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dqn_core.runs.storage.records import RunRecord
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.snapshots import SnapshotInfo, preferred_snapshot
from pages.server.process import get_manager
from pages.shared.address_choices import address_select
from pages.shared.run_picker import run_title
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["ChosenPolicy", "snapshot_picker", "snapshot_text"]

_WIDTH = 235


@dataclass(frozen=True)
class ChosenPolicy:
    """A run and one of its snapshots."""

    record: RunRecord
    snapshot: SnapshotInfo


def snapshot_picker(
    runs: Sequence[RunRecord], default: str, *, names: tuple[str, str], labels: tuple[str, str], early: bool = False
) -> ChosenPolicy | None:
    """Selectboxes for one of ``runs`` and for a snapshot of it; None where the run has none yet.

    Parameters
    ----------
    default
        Id of the run where the address names none.
    names
        What the run and the snapshot are called in the address.
    labels
        What they are called on the page.
    early
        Whether the earliest snapshot is taken where the address names none, and not the best.
    """
    texts = {each.run_id: run_title(each) for each in runs}
    run_id = address_select(names[0], labels[0], texts, default, width=_WIDTH)
    snapshots = RunFolder.open(get_manager().run_folder(run_id)).snapshots()
    if not snapshots:
        st.selectbox(labels[1], [], key=f"none-{names[1]}", disabled=True, placeholder=_("none yet"), width=_WIDTH)
        return None
    by_name = {each.name: each for each in reversed(snapshots)}
    texts = {name: snapshot_text(each) for name, each in by_name.items()}
    first = (snapshots[0] if early else preferred_snapshot(snapshots)) or snapshots[0]
    name = address_select(names[1], labels[1], texts, first.name, width=_WIDTH)
    record = next(each for each in runs if each.run_id == run_id)
    return ChosenPolicy(record, by_name[name])


def snapshot_text(snapshot: SnapshotInfo) -> str:
    """What a snapshot is called: "Best · episode 340 · evaluation 500"."""
    parts = {"best": [_("Best")], "last": [_("Last")], "kept": []}[snapshot.kind]
    if snapshot.episode == 0:
        parts.append(_("before the first episode"))
    elif snapshot.episode > 0:
        parts.append(_("episode {n}").format(n=f"{snapshot.episode:,}"))
    if not math.isnan(snapshot.eval_return):
        parts.append(_("evaluation {score}").format(score=number_text(round(snapshot.eval_return, 1))))
    return " · ".join(parts) or snapshot.name
