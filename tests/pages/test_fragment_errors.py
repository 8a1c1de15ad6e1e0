"""What keeps a part of a page from being drawn is said in its place, as for a whole page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages
from dqn_core.runs.manager import RunManager
from pages.server.settings import settings


def _page() -> None:
    import streamlit as st

    from dqn_core.errors import StoreError, mark
    from pages.shared.errors import fragment

    @fragment
    def failing() -> None:
        raise StoreError(mark("The disk is full."))

    @fragment(run_every=60.0)
    def sound(text: str) -> None:
        st.caption(text)

    failing()
    failing()
    sound("drawn all the same")


def test_every_part_of_a_page_says_what_keeps_it_from_being_drawn() -> None:
    rooms = Path(pages.__file__).parent
    streamlits_own = [path for path in rooms.rglob("*.py") if "st.fragment" in path.read_text()]
    assert streamlits_own == [rooms / "shared" / "errors.py"]


def test_a_part_that_fails_says_so_and_the_others_are_drawn() -> None:
    app = AppTest.from_function(_page, default_timeout=30).run()
    assert not app.exception
    assert [each.value for each in app.error] == ["The disk is full.", "The disk is full."]
    assert [each.value for each in app.caption] == ["drawn all the same"]


@pytest.mark.parametrize("page", ["classroom/page.py", "train/page.py", "runs/page.py", "start/page.py"])
def test_an_instructors_code_that_is_too_short_is_named_on_every_page(
    manager: RunManager, open_app: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", "abc")
    settings.cache_clear()
    try:
        app = open_app(page=page)
    finally:
        settings.cache_clear()
    assert ["must have at least 6 characters" in each.value for each in app.error] == [True]
