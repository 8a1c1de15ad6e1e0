from __future__ import annotations

from pathlib import PurePosixPath

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from pages.shared.texts.fields import GROUP_TITLES

_ADDRESSES = {"start": "", "classroom": "class"}
"""Of pages whose part of the address is another than their room's name."""


def to_page(app: AppTest, page: str) -> AppTest:
    """Have ``app`` show ``page`` ("replay/page.py") at its next run, which may be its first.

    ``AppTest.switch_page`` names a page by its file until the app has run once, and each of ours is a ``page.py``.
    """
    room = PurePosixPath(page).parent.name
    app._page_hash = calc_hash(_ADDRESSES.get(room, room))
    return app


def open_groups(app: AppTest) -> AppTest:
    """Have the form of ``app`` show all of its fields at its next run, not only those that are always there."""
    for group in GROUP_TITLES:
        app.session_state[f"group:{group.value}"] = True
    return app
