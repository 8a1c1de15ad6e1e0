from __future__ import annotations

from pathlib import PurePosixPath

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

_ADDRESSES = {"start": "", "classroom": "class"}
"""Of pages whose part of the address is another than their room's name."""


def to_page(app: AppTest, page: str) -> AppTest:
    """Have ``app`` show ``page`` ("replay/page.py") at its next run, which may be its first.

    ``AppTest.switch_page`` names a page by its file until the app has run once, and each of ours is a ``page.py``.
    """
    room = PurePosixPath(page).parent.name
    app._page_hash = calc_hash(_ADDRESSES.get(room, room))
    return app
