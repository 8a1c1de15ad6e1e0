"""The page of the class's best: for each environment, the best evaluation and the fewest env steps to the goal."""

from __future__ import annotations

import streamlit as st

from pages.leaderboard.ranking import score_ranking, speed_ranking, unmeasured
from pages.server.process import get_leaderboard
from pages.shared.errors import fragment, show_errors
from pages.shared.links import LEADERBOARD_PAGE
from pages.shared.page_header import page_header
from pages.shared.texts.i18n import _

_LOOK_AGAIN_S = 2.0


def leaderboard_page() -> None:
    """Draw the page."""
    page_header(LEADERBOARD_PAGE, _("Leaderboard"))
    environments = get_leaderboard().environments()
    if not environments:
        _welcome()
        return
    env_id = st.segmented_control(
        _("Environment"), list(environments), default=next(iter(environments)), required=True, key="leaderboard:env"
    )
    waits = get_leaderboard().standings(env_id).is_waiting
    fragment(_standings, run_every=_LOOK_AGAIN_S if waits else None)(env_id, is_waiting=waits)


def _standings(env_id: str, *, is_waiting: bool) -> None:
    """Both rankings; drawn again while evaluations are in progress."""
    standings = get_leaderboard().standings(env_id)
    if standings.is_waiting != is_waiting:
        st.rerun()
    left, right = st.columns(2, gap="medium")
    with left:
        score_ranking(standings)
    with right:
        speed_ranking(standings)
    unmeasured(standings)
    st.caption(
        _(
            "The server plays the same 100 episodes with the best weights of each run, always taking the greedy "
            "action; scores that a run recorded itself do not count. Each student appears once, with the best run."
        )
    )


def _welcome() -> None:
    with st.container(border=True):
        st.header(_("No entries yet"), anchor=False)
        st.markdown(
            _(
                "Train an agent, and submit its run from the Train page when it has ended. The server then plays 100 "
                "episodes with it and shows its rank here."
            )
        )


show_errors(leaderboard_page)
