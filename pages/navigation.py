"""The app's frame: what every page shares, and the pages themselves."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.shared.component import preload_script
from pages.shared.i18n import _
from pages.shared.links import keep_address

_HERE = Path(__file__).parent
_PICTURES = _HERE / "pictures"
_SIDEBAR_WIDTH = 330

st.set_page_config(
    page_title="DQN Lab", page_icon=_PICTURES / "icon.svg", layout="wide", initial_sidebar_state=_SIDEBAR_WIDTH
)
st.logo(_PICTURES / f"logo_{st.context.theme.type or 'light'}.svg", size="large", icon_image=_PICTURES / "icon.svg")
keep_address()
st.html(_HERE / "shared" / "page_style.css")
with st.container(key="preload"):
    st.html(f"<script>{preload_script()}</script>", unsafe_allow_javascript=True)
pages = [
    st.Page("train/page.py", title=_("Train"), icon=":material/model_training:", default=True),
    st.Page("replay/page.py", title=_("Replay"), icon=":material/slow_motion_video:", url_path="replay"),
    st.Page("play/page.py", title=_("Play"), icon=":material/sports_esports:", url_path="play"),
    st.Page("compare/page.py", title=_("Compare"), icon=":material/stacked_line_chart:", url_path="compare"),
    st.Page("experiments/page.py", title=_("Experiments"), icon=":material/science:", url_path="experiments"),
    st.Page("search/page.py", title=_("Tune"), icon=":material/manage_search:", url_path="search"),
    st.Page("lessons/page.py", title=_("Lessons"), icon=":material/school:", url_path="lessons"),
    st.Page("inside/page.py", title=_("Inside"), icon=":material/neurology:", url_path="inside"),
    st.Page("runs/page.py", title=_("Runs"), icon=":material/list_alt:", url_path="runs"),
    st.Page("leaderboard/page.py", title=_("Leaderboard"), icon=":material/leaderboard:", url_path="leaderboard"),
]
st.navigation(pages, position="top").run()
