"""A run's learning to look at: recorded episodes from early to late, each with its return, played when clicked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

from dqn_core.episodes.recordings import list_recordings, recording_name
from dqn_core.errors import DqnLabError
from dqn_core.events import EpisodeRecorded
from dqn_core.runs.jobs.orders import Order, recording_video_order
from dqn_core.runs.jobs.videos import MOST_VIDEO_BYTES, video_bytes
from pages.replay.video_texts import overlay_translation, say_if_english
from pages.server.process import get_jobs, get_manager
from pages.shared.errors import fragment
from pages.shared.jobs.job_progress import cancel_job
from pages.shared.jobs.panels import gallery
from pages.shared.jobs.wire import video_place
from pages.shared.texts.i18n import _, translate_error
from pages.shared.visitor.identity import may_control, visitor

__all__ = ["chosen_recordings", "learning_gallery"]

_SHOWN = 6
_MEGABYTE = 1e6


@fragment
def learning_gallery(run_id: str) -> None:
    """Show some of the episodes that ``run_id`` recorded, or all of them."""
    run_folder = get_manager().run_folder(run_id)
    recorded = list_recordings(run_folder)
    if not recorded:
        st.caption(_("Episodes appear here as the run trains: a few spread over the training, and each new best."))
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(_disk_text(run_folder), width="content")
        is_all = st.toggle(_("All {n}").format(n=len(recorded)), key="gallery-all", disabled=len(recorded) <= _SHOWN)
    say_if_english()
    shown = recorded if is_all else chosen_recordings(recorded)
    wanted = gallery(f"gallery-{run_id}", [_facts(run_id, each) for each in shown])
    if wanted.cancel:
        cancel_job(str(wanted.cancel))
    if wanted.play:
        _play(run_id, wanted.play)


def chosen_recordings(recorded: Sequence[EpisodeRecorded], count: int = _SHOWN) -> list[EpisodeRecorded]:
    """At most ``count``: training episodes evenly spread from the first to the last, and the best evaluation's."""
    training = [each for each in recorded if each.kind == "training"]
    bests = [each for each in recorded if each.kind == "best"]
    best = max(bests, key=lambda each: (each.eval_return, each.episode), default=None)
    places = count - (best is not None)
    last = len(training) - 1
    spread = {round(last * number / max(1, places - 1)) for number in range(places)} if training else set()
    chosen = [training[each] for each in sorted(spread)] + ([best] if best is not None else [])
    return sorted(chosen, key=lambda each: (each.episode, each.kind == "best"))


def _disk_text(run_folder: Path) -> str:
    return _("Videos of this run use {used} MB of at most {most} MB; the oldest are deleted first.").format(
        used=f"{video_bytes(run_folder) / _MEGABYTE:.1f}", most=f"{MOST_VIDEO_BYTES / _MEGABYTE:.0f}"
    )


def _order(run_id: str, name: str) -> Order:
    return recording_video_order(get_manager(), run_id, name, translation=overlay_translation())


def _facts(run_id: str, recording: EpisodeRecorded) -> dict[str, Any]:
    """What the browser shows of a recording."""
    name = recording_name(recording)
    order = _order(run_id, name)
    video, job = order.video, order.job(get_jobs())
    return {
        "name": name,
        "kind": recording.kind,
        "episode": recording.episode,
        "episode_return": recording.episode_return,
        "picture": f"live/runs/{quote(run_id)}/recordings/{name}.jpg?at={recording.env_step}",
        "video": video_place(video) if video else None,
        "job_id": job.job_id if job is not None and video is None and not job.state.is_over else None,
        "may_cancel": job is not None and may_control(job),
    }


def _play(run_id: str, name: str) -> None:
    """Have a video made of the recording that was clicked."""
    try:
        _order(run_id, name).submit(get_jobs(), visitor().visitor_id)
    except DqnLabError as error:
        st.error(translate_error(error), icon=":material/block:")
        return
    st.rerun(scope="fragment")
