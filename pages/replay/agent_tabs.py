"""What else there is of an agent whose episode is looked at: its video, how good it is, how it came to be so."""

from __future__ import annotations

import streamlit as st

from dqn_core.config import Arguments
from pages.replay.evaluation import evaluation
from pages.replay.learning_gallery import learning_gallery
from pages.replay.video_export import video_export
from pages.shared.texts.i18n import _

__all__ = ["agent_tabs"]


def agent_tabs(  # noqa: PLR0913  the episode in the address, whole
    run_id: str,
    checkpoint: str,
    seed: int,
    epsilon: float,
    env_kwargs: Arguments | None,
    *,
    beside: tuple[str, str] | None,
) -> None:
    """Tabs about the snapshot ``checkpoint`` of ``run_id`` and its episode on ``seed``, played with ``env_kwargs``.

    ``beside`` is the run and snapshot that is looked at beside it.
    """
    texts = (
        (":material/movie:", _("Video of this episode")),
        (":material/checklist:", _("Evaluate over many")),
        (":material/timeline:", _("Learning over time")),
    )
    video, many, learning = st.tabs([f"{icon} {text}" for icon, text in texts])
    with video:
        video_export(run_id, checkpoint, seed, epsilon, env_kwargs, beside=beside)
    with many:
        evaluation(run_id, checkpoint, env_kwargs)
    with learning:
        learning_gallery(run_id)
