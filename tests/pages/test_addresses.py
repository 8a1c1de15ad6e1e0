"""What stands in an address, or comes from a page that was left: read where it makes sense, passed over elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dqn_core.config import TrainingConfig
from dqn_core.runs.manager import RunManager

LONG = "9" * 5_000


@pytest.mark.parametrize(
    "page", ["replay/page.py", "compare/page.py", "inside/page.py", "play/page.py", "train/page.py", "search/page.py"]
)
@pytest.mark.parametrize("value", [LONG, "-1", "nan", "1e999", ""])
def test_numbers_that_are_none_do_no_harm(
    open_app: Callable[..., AppTest], manager: RunManager, page: str, value: str
) -> None:
    run_id = manager.start(TrainingConfig())
    open_app(page=page, run=run_id, seed=value, epsilon=value, window=value, double="1", part=value, x=value)


def _callbacks_without_their_page() -> None:
    """Callbacks of widgets that are gone by the time they run."""
    import streamlit as st

    from pages.inside import batch, update
    from pages.runs import run_dialogs
    from pages.shared import address_choices
    from pages.shared.browser.component import component_value
    from pages.shared.visitor import instructor

    choices = (
        address_choices.AddressChoice("x", ("a", "b")),
        address_choices.AddressFlag("double"),
        address_choices.AddressNumber("seed", 1, 0, 9),
    )
    for choice in choices:
        choice.take()
    for key in ("compare-runs", "runs-table", "experiments"):
        assert component_value(key, "selected") is None
    instructor._enter()
    batch._draw("update-seed")
    update._select("update")
    st.write("all ran", run_dialogs.__name__)


def test_a_callback_that_comes_after_its_page_was_left_does_no_harm(manager: RunManager) -> None:
    app = AppTest.from_function(_callbacks_without_their_page, default_timeout=30).run()
    assert not app.exception
    assert any("all ran" in each.value for each in app.markdown)


def _unforeseen() -> None:
    message = "/srv/secret/place"
    raise RuntimeError(message)


def test_an_error_that_nobody_foresaw_shows_no_place_on_the_servers_disk() -> None:
    (shown,) = AppTest.from_function(_unforeseen, default_timeout=30).run().exception
    assert "RuntimeError" in str(shown.proto)
    assert not any(place in str(shown.proto) for place in ("/srv", ".py", "File "))
