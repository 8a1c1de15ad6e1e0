"""A component: an element of a page that JavaScript draws, told by Python what to show.

    Component(name, "train/panel.js", styles) ── two lines of JavaScript ──> mount.js ──> the class of panel.js

Streamlit sends an element's JavaScript and data at each drawing. The JavaScript is therefore two lines that import the
module by its address, which browsers keep; and so is the address of the constants, all that is the same each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dqn_core.json_text import json_text
from pages.server.browser_code import BROWSER_CODE

__all__ = ["Component", "component_value", "page_script"]

_RETRY_MS = 1_000


class Component:
    """Draws the default class of ``module`` with what :meth:`__call__` is given.

    Parameters
    ----------
    name
        Streamlit's name of it, one in the process.
    module
        Path below pages/ of the JavaScript module; ``pages/shared/browser/mount.js`` says what its class is to have.
    styles
        Paths below pages/ of its style sheets, in their order. They hold for the whole page: every rule in them is for
        elements of ours.
    """

    def __init__(self, name: str, module: str, styles: Sequence[str]) -> None:
        self.name = name
        self.module = module
        self.styles = tuple(styles)
        self._mount = st.components.v2.component(name, js=self._script(), isolate_styles=False)

    def _script(self) -> str:
        """An import that fails, for the server is away just now, is made again; a module's failure would be kept."""
        mount, module = (
            f"load({json_text(BROWSER_CODE.address(name))})" for name in ("shared/browser/mount.js", self.module)
        )
        styles = json_text(list(self.styles))
        return (
            "const load = (address) => import(new URL(address, document.baseURI)).catch(() => "
            f"new Promise((again) => setTimeout(again, {_RETRY_MS})).then(() => load(address)));\n"
            f"export default (component) => Promise.all([{mount}, {module}]).then("
            f"([{{ mount }}, {{ default: Kind }}]) => mount(component, Kind, {styles}));\n"
        )

    def __call__(self, *, key: str, data: Mapping[str, Any], constants: Mapping[str, Any], **callbacks: Any) -> Any:
        """Draw it; gives what the browser side says.

        Parameters
        ----------
        data
            What to show, sent at each drawing.
        constants
            More of it, which differs by the reader's language alone: labels, templates, colours. A browser fetches
            them once.
        callbacks
            ``on_<name>_change``, called without arguments when the browser side says ``name``.
        """
        where = BROWSER_CODE.keep(constants)
        return self._mount(key=key, data={**data, "constants": where}, **callbacks)

    def fetch_early(self, constants: Mapping[str, Any]) -> None:
        """Have the browser fetch, when it has nothing else to do, what it will need to draw this component."""
        addresses = [*map(BROWSER_CODE.address, self.styles), BROWSER_CODE.keep(constants)]
        script = (
            "(window.requestIdleCallback ?? setTimeout)(() => {"
            f"{_import(self.module)}.catch(() => undefined);"
            f"for (const each of {json_text(addresses)}) fetch(each).catch(() => undefined); }});"
        )
        with st.container(key="preload-component"):
            st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


def component_value(key: str, name: str) -> Any:
    """What the component ``key`` says as ``name``, for the callback that it caused.

    None where its page was left before the callback ran.
    """
    return (st.session_state.get(key) or {}).get(name)


def page_script(*, language: str, skip: str, target: str) -> str:
    """A script for any page: its language, a link ``skip`` to the element ``target``, lists that stay open, and Plotly.

    Plotly takes a second to start, and is there before a panel asks: it is fetched when the page has nothing else
    to do.
    """
    page = json_text({"language": language, "skip": skip, "target": target})
    document, loader = _import("shared/browser/document.js"), _import("shared/browser/plotly_loader.js")
    describe = f"{document}.then(({{ describeDocument }}) => describeDocument({page})).catch(() => undefined)"
    load = f"{loader}.then(({{ loadPlotly }}) => loadPlotly()).catch(() => undefined)"
    return f"{describe};\n(window.requestIdleCallback ?? setTimeout)(() => {load});"


def _import(name: str) -> str:
    """An import in a page's own script. The address is a page's, not that of what Streamlit makes of the script."""
    return f"import(new URL({json_text(BROWSER_CODE.address(name))}, document.baseURI))"
