"""The app's frame: what every page shares, and the pages themselves."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.shared.browser.component import page_script
from pages.shared.browser.server_watch import server_watch
from pages.shared.links import keep_address
from pages.shared.page_header import CONTENT_ID
from pages.shared.texts.i18n import _, current_language

_HERE = Path(__file__).parent
_PICTURES = _HERE / "pictures"
_SIDEBAR_WIDTH = 330

st.set_page_config(
    page_title="DQN Lab", page_icon=_PICTURES / "icon.svg", layout="wide", initial_sidebar_state=_SIDEBAR_WIDTH
)
st.logo(_PICTURES / f"logo_{st.context.theme.type or 'light'}.svg", size="large", icon_image=_PICTURES / "icon.svg")
keep_address()
st.html(_HERE / "shared" / "browser" / "page_style.css")
with st.container(key="preload"):
    script = page_script(language=current_language(), skip=_("Skip to main content"), target=CONTENT_ID)
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
    server_watch()
pages = [
    st.Page("start/page.py", title=_("Start"), icon=":material/home:", default=True),
    st.Page("lessons/page.py", title=_("Learn"), icon=":material/school:", url_path="lessons"),
    st.Page("train/page.py", title=_("Lab"), icon=":material/model_training:", url_path="train"),
    st.Page("replay/page.py", title=_("Watch"), url_path="replay", visibility="hidden"),
    st.Page("play/page.py", title=_("Play"), url_path="play", visibility="hidden"),
    st.Page("inside/page.py", title=_("Inside"), url_path="inside", visibility="hidden"),
    st.Page("experiments/page.py", title=_("Experiments"), icon=":material/science:", url_path="experiments"),
    st.Page("search/page.py", title=_("Tune"), url_path="search", visibility="hidden"),
    st.Page("compare/page.py", title=_("Compare"), url_path="compare", visibility="hidden"),
    st.Page("runs/page.py", title=_("Runs"), icon=":material/list_alt:", url_path="runs"),
    st.Page("classroom/page.py", title=_("Class"), icon=":material/groups:", url_path="class"),
    st.Page("leaderboard/page.py", title=_("Leaderboard"), url_path="leaderboard", visibility="hidden"),
]
st.navigation(pages, position="top").run()
