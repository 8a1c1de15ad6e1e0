"""The app's frame: what every page shares, and the pages themselves."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components.links import base_path, keep_address
from pages.i18n import _
from pages.live.panel import preload_script

_HERE = Path(__file__).parent
_PICTURES = _HERE / "pictures"
_SIDEBAR_WIDTH = 330

st.set_page_config(
    page_title="DQN Lab", page_icon=_PICTURES / "icon.svg", layout="wide", initial_sidebar_state=_SIDEBAR_WIDTH
)
st.logo(_PICTURES / f"logo_{st.context.theme.type or 'light'}.svg", size="large", icon_image=_PICTURES / "icon.svg")
keep_address()
st.html(_HERE / "components" / "page_style.css")
with st.container(key="preload"):
    st.html(f"<script>{preload_script(base_path())}</script>", unsafe_allow_javascript=True)
pages = [
    st.Page("train.py", title=_("Train"), icon=":material/model_training:", default=True),
    st.Page("replay.py", title=_("Replay"), icon=":material/slow_motion_video:"),
    st.Page("play.py", title=_("Play"), icon=":material/sports_esports:"),
    st.Page("compare.py", title=_("Compare"), icon=":material/stacked_line_chart:"),
    st.Page("experiments.py", title=_("Experiments"), icon=":material/science:"),
    st.Page("search.py", title=_("Search"), icon=":material/manage_search:"),
    st.Page("lessons.py", title=_("Lessons"), icon=":material/school:"),
    st.Page("inside.py", title=_("Inside"), icon=":material/neurology:"),
    st.Page("runs.py", title=_("Runs"), icon=":material/list_alt:"),
    st.Page("leaderboard.py", title=_("Leaderboard"), icon=":material/leaderboard:"),
]
st.navigation(pages, position="top").run()
