"""An episode as a video to download."""

from __future__ import annotations

import streamlit as st

from dqn_core.config import Arguments
from dqn_core.environments.make import inspect_environment
from dqn_core.errors import DqnLabError
from dqn_core.runs.jobs.orders import rollout_video_order
from pages.replay.video_texts import overlay_translation, say_if_english
from pages.server.process import get_manager
from pages.shared.errors import fragment
from pages.shared.jobs.job_progress import is_on_its_way, job_progress, submit
from pages.shared.texts.i18n import _, translate_error

__all__ = ["video_export"]

_KINDS = (".mp4", ".gif")


@fragment
def video_export(  # noqa: PLR0913  the episode in the address, whole
    run_id: str,
    checkpoint: str,
    seed: int,
    epsilon: float,
    env_kwargs: Arguments | None,
    *,
    beside: tuple[str, str] | None,
) -> None:
    """Choices and a button for a video of the episode that a run's snapshot plays on ``seed``; then the video.

    With the run and snapshot ``beside``, the video may show both episodes.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="video-choice"):
        kind = st.segmented_control(
            _("Format"),
            _KINDS,
            format_func=lambda each: each.removeprefix(".").upper(),
            default=_KINDS[0],
            key="video-kind",
            required=True,
            help=_("MP4 plays everywhere and is small. A GIF also moves inside documents and chats."),
        )
        overlay = st.toggle(
            _("Overlay Q-values on the video"),
            key="video-overlay",
            value=True,
            help=_("The step, the return so far, and every action's Q-value."),
        )
        shows_both = beside is not None and st.toggle(
            _("Both agents"), key="video-both", value=True, help=_("The two episodes side by side, as above.")
        )
        try:
            manager = get_manager()
            environment = inspect_environment(*manager.snapshot(run_id).record.config.environment)
            order = rollout_video_order(
                manager,
                run_id,
                checkpoint,
                seed,
                epsilon,
                kind=kind or _KINDS[0],
                overlay=overlay,
                translation=overlay_translation(environment.action_names),
                env_kwargs=env_kwargs,
                beside=beside if shows_both else None,
            )
        except DqnLabError as error:
            st.error(translate_error(error), icon=":material/error:")
            return
        st.button(
            _("Make the video"),
            icon=":material/movie:",
            type="primary",
            key="video-make",
            disabled=order.video is not None or is_on_its_way(order),
            on_click=submit,
            args=(order,),
        )
    if overlay:
        say_if_english()
    job_progress("video-job", order)
