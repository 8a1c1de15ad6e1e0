"""Widgets that show what is held elsewhere, and what a browser says of those that were replaced."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from pages.shared.held_values import held_key, hold, unless_stale

    held = st.session_state.setdefault("held", {"speed": 5, "taken": []})
    key = hold("speed", held["speed"])

    def take() -> None:
        held["speed"] = st.session_state[key]
        held["taken"].append(st.session_state[key])

    st.slider("Speed", 0, 10, key=key, on_change=unless_stale(key, take))
    st.session_state["keys"] = (key, held_key("speed"))


def test_a_widget_stays_as_long_as_it_shows_what_is_held() -> None:
    app = AppTest.from_function(_page).run()
    assert app.slider[0].value == 5
    app.slider[0].set_value(7).run()
    assert app.session_state["held"] == {"speed": 7, "taken": [7]}
    assert app.session_state["keys"] == ("speed", "speed")


def test_a_widget_whose_value_changes_elsewhere_is_another_one() -> None:
    app = AppTest.from_function(_page).run()
    app.session_state["held"]["speed"] = 2
    app.run()
    (key, current) = app.session_state["keys"]
    assert key == current != "speed"
    assert app.slider[0].value == 2
    app.slider[0].set_value(3).run()
    assert app.session_state["held"] == {"speed": 3, "taken": [3]}


def test_what_a_replaced_widget_showed_is_no_change_and_a_hand_on_it_is() -> None:
    app = AppTest.from_function(_late_word, args=(5,)).run()
    assert not app.session_state["taken"]
    app = AppTest.from_function(_late_word, args=(8,)).run()
    assert app.session_state["taken"] == [8]


def _late_word(said: int) -> None:
    """A browser that is behind says ``said`` of a widget that showed 5 when it was replaced."""
    import streamlit as st

    from pages.shared.held_values import hold, unless_stale

    st.session_state["taken"] = []
    old = hold("speed", 5)
    callback = unless_stale(old, lambda: st.session_state["taken"].append(st.session_state[old]))
    hold("speed", 2)
    st.session_state[old] = said
    callback()
