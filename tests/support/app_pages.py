from __future__ import annotations

from pathlib import PurePosixPath

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash


def to_page(app: AppTest, page: str) -> AppTest:
    """Have ``app`` show ``page`` ("replay/page.py") at its next run, which may be its first.

    ``AppTest.switch_page`` names a page by its file until the app has run once, and each of ours is a ``page.py``.
    """
    room = PurePosixPath(page).parent.name
    app._page_hash = calc_hash("" if room == "start" else room)
    return app
