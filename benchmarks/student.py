"""A student without a browser: speaks to the server as Streamlit's page does, so that a class fits on one machine.

    async with Student(url) as student:
        seconds = await student.enter()
        seconds = await student.press("Start")
        async for message in student.run_messages(): ...

Only what a browser sends is sent; what comes back is taken apart as far as the buttons and the end of a script run.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import httpx
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash

from benchmarks.live_viewer import run_wish, socket_address

__all__ = ["Student"]

_TIMEOUT_S = 120.0
_CLASS_CODE = re.compile(r'data-testid="class-code">([A-Z0-9]+)<')
_TICKET = re.compile(r'"ticket": ?"([^"]+)"')
_RUN_ID = re.compile(r"(?:^|&)run=([^&]+)")


class Student:
    """One visitor of the Train page at ``url``, with a session of its own and a cookie, or a browser's ``cookies``."""

    def __init__(self, url: str, cookies: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._origin = websockets.Origin(url)
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, cookies=dict(cookies or {}))
        self._socket: websockets.ClientConnection | None = None
        self._widgets: dict[str, tuple[str, str]] = {}
        """Id and fragment of each button, switch and choice, by its label."""
        self._options: dict[str, list[str]] = {}
        """What there is to choose from, by the choice's label."""
        self._query = ""
        self._page = calc_hash("train")
        self.class_code = ""
        """Of the class that the page shows to its teacher; empty before there is one."""
        self.ticket = ""
        """Of that page, to follow what only the teacher sees."""
        self.errors: list[str] = []
        """What the pages said in boxes, such as what was refused."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._http.aclose()

    async def enter(self, page: str = "train", query: str = "") -> float:
        """Open a page; seconds until all of it has come."""
        self._page, self._query = calc_hash(page), query
        began = time.perf_counter()
        (await self._http.get(self._url)).raise_for_status()
        cookie = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        self._socket = await websockets.connect(
            f"{self._url.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=[websockets.Subprotocol("streamlit")],
            additional_headers={"Cookie": cookie, "Origin": self._url},
            max_size=None,
        )
        await self._run_script(BackMsg())
        return time.perf_counter() - began

    async def go(self, page: str) -> float:
        """Go to another page in the same tab; seconds until all of it has come."""
        self._page, self._query = calc_hash(page), ""
        self._widgets.clear()
        return await self._run_script(BackMsg())

    async def press(self, label: str, texts: Mapping[str, str] | None = None) -> float:
        """Press a button, with ``texts`` typed into fields by their labels; seconds until the page has answered."""
        request = BackMsg()
        for field, text in (texts or {}).items():
            self._widget(request, field).string_value = text
        self._widget(request, label).trigger_value = True
        return await self._run_script(request)

    async def switch(self, label: str, *, is_on: bool) -> float:
        """Turn a switch on or off; seconds until the page has answered."""
        request = BackMsg()
        self._widget(request, label).bool_value = is_on
        return await self._run_script(request)

    async def choose(self, label: str, option: str) -> float:
        """Choose one of some buttons, or of a slider's stops; seconds until the page has answered."""
        if option not in self._options[label]:
            msg = f"{label} offers {self._options[label]}, not {option!r}."  # which the server would pass over
            raise ValueError(msg)
        request = BackMsg()
        self._widget(request, label).string_array_value.data.append(option)
        return await self._run_script(request)

    @property
    def run_id(self) -> str:
        """The run that the page shows; empty before there is one."""
        found = _RUN_ID.search(self._query)
        return found[1] if found else ""

    async def run_messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the tab's live socket tells of the run, frames included, to its end."""
        async with websockets.connect(socket_address(self._url), origin=self._origin, max_size=None) as socket:
            await socket.send(run_wish(self.run_id, frames=True))
            async for text in socket:
                message = json.loads(text)
                if "data" in message:
                    yield message["data"]
                    if message["over"]:
                        return
        msg = "The live socket ended before the run did."
        raise RuntimeError(msg)

    def _widget(self, request: BackMsg, label: str) -> Any:
        widget_id, fragment_id = self._widgets[label]
        request.rerun_script.fragment_id = fragment_id
        state = request.rerun_script.widget_states.widgets.add()
        state.id = widget_id
        return state

    async def _run_script(self, request: BackMsg) -> float:
        if self._socket is None:
            msg = "A student enters first."
            raise RuntimeError(msg)
        request.rerun_script.query_string = self._query
        request.rerun_script.page_script_hash = self._page
        began = time.perf_counter()
        await self._socket.send(request.SerializeToString())
        while not self._is_end(ForwardMsg.FromString(await self._socket.recv(decode=False))):
            pass
        return time.perf_counter() - began

    def _is_end(self, message: ForwardMsg) -> bool:
        """Take note of ``message``; whether the script run ends with it."""
        kind = message.WhichOneof("type")
        if kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta":
            self._note(message.delta)
        return kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def _note(self, delta: Any) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise RuntimeError(element.exception.message)
        if kind == "html" and (code := _CLASS_CODE.search(element.html.body)):
            self.class_code = code[1]
        if kind == "bidi_component" and (ticket := _TICKET.search(str(element.bidi_component).replace("\\", ""))):
            self.ticket = ticket[1]
        if kind == "alert":
            self.errors.append(element.alert.body)
        if kind in ("button", "checkbox", "button_group", "slider", "text_input"):
            widget = getattr(element, kind)
            self._widgets[widget.label] = widget.id, delta.fragment_id
            if kind == "button_group":
                self._options[widget.label] = [each.content for each in widget.options]
            if kind == "slider":
                self._options[widget.label] = list(widget.options)
