"""Widgets that show what is held elsewhere, and what a browser says of those that were replaced."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from streamlit.testing.v1 import AppTest

import pages

PAGES = Path(pages.__file__).parent


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


def test_every_widget_with_such_a_key_is_told_again_to_a_browser_that_did_not_hear() -> None:
    """What a run of the script says may be lost where a press interrupts it: ``persist_state`` has the next say it.

    Without it, the widget shows its first stop, and the next press sends that as if a hand had moved it there.
    """
    paths = sorted(path for path in PAGES.rglob("*.py") if path.name != "held_values.py")
    found = [(path, key, is_told) for path in paths for key, is_told in _held_widgets(path)]
    assert len(found) > 20
    assert [f"{path.relative_to(PAGES)}:{key.lineno}" for path, key, is_told in found if not is_told] == []


def _held_widgets(path: Path) -> Iterator[tuple[ast.expr, bool]]:
    """Keys of a module's widgets that come from ``hold`` or ``held_key``; whether ``persist_state`` is with each."""
    for function in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        keys = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and _asks_for_a_key(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(function):
            given = _given(node)
            key = given.get("key")
            if key is not None and (_asks_for_a_key(key) or (isinstance(key, ast.Name) and key.id in keys)):
                yield key, "persist_state" in given


def _given(node: ast.AST) -> dict[str, ast.expr]:
    """What a call is given by name, or a dict that is to be handed to one."""
    if isinstance(node, ast.Call):
        return {each.arg: each.value for each in node.keywords if each.arg}
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(name.value): value for name, value in pairs if isinstance(name, ast.Constant)}
    return {}


def _asks_for_a_key(node: ast.expr) -> bool:
    """Whether it is ``hold(...)``, ``held_key(...)`` or ``choice.hold()``, or one of them under a condition."""
    if isinstance(node, ast.IfExp):
        return _asks_for_a_key(node.body) or _asks_for_a_key(node.orelse)
    if not isinstance(node, ast.Call):
        return False
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name in {"hold", "held_key"}
