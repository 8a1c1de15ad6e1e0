"""Uploaded files are kept in memory: how much all of them may take, and when they are freed.

Streamlit bounds each file (``server.maxUploadSize``) and keeps it as long as it remembers the tab, which may be for
ever on a quiet server.
"""

from __future__ import annotations

import asyncio
import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from dqn_core.training.weights_file import MOST_BYTES

__all__ = ["UploadLimits", "held_bytes", "release_gone"]

_MOST_OF_ALL = 4 * MOST_BYTES
_MOST_OF_ONE = 2 * MOST_BYTES
_GRACE_S = 30.0
"""A tab whose connection breaks comes back within this time, and finds its file."""
_UPLOAD = re.compile(r".*/_stcore/upload_file/(?P<session>[^/]+)/[^/]+")
_STREAM = "/_stcore/stream"


class UploadLimits:
    """Middleware: refuses an upload that would be too much beside the others, and frees those whose tab went."""

    def __init__(self, app: ASGIApp, grace_s: float = _GRACE_S) -> None:
        self._app = app
        self._grace_s = grace_s
        self._coming: dict[int, tuple[str, int]] = {}
        """Session and bytes of each upload that is under way, as far as it says."""
        self._numbers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is no upload, and what is one that fits."""
        if scope["type"] == "websocket" and scope["path"].endswith(_STREAM):
            try:
                await self._app(scope, receive, send)
            finally:
                asyncio.get_running_loop().call_later(self._grace_s, release_gone)
            return
        upload = _UPLOAD.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if upload is None:
            await self._app(scope, receive, send)
        else:
            await self._take(upload["session"], scope, receive, send)

    async def _take(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        release_gone()
        size = _length(scope)
        of_one = held_bytes(session) + sum(each for own, each in self._coming.values() if own == session)
        of_all = held_bytes() + sum(each for _, each in self._coming.values())
        if of_one + size > _MOST_OF_ONE or of_all + size > _MOST_OF_ALL:
            text = "The server holds as many uploaded files as it can: close tabs with files in them, and try again."
            await PlainTextResponse(text, status_code=503)(scope, receive, send)
            return
        self._numbers += 1
        number = self._numbers
        self._coming[number] = session, size
        try:
            await self._app(scope, receive, send)
        finally:
            del self._coming[number]


def held_bytes(session: str | None = None) -> int:
    """Bytes of all uploaded files, or of one session's."""
    files = _files()
    if files is None:
        return 0
    sessions = list(files.file_storage) if session is None else [session]
    return sum(len(file.data) for each in sessions for file in list(files.file_storage.get(each, {}).values()))


def release_gone() -> None:
    """Free the files of tabs that are not connected any more."""
    files = _files()
    if files is not None:
        for session in list(files.file_storage):
            if not Runtime.instance().is_active_session(session):
                files.remove_session_files(session)


def _files() -> MemoryUploadedFileManager | None:
    if not Runtime.exists():
        return None
    files = Runtime.instance().uploaded_file_mgr
    return files if isinstance(files, MemoryUploadedFileManager) else None


def _length(scope: Scope) -> int:
    """What an upload says that its size is; the most there may be, where it does not say."""
    text = dict(scope["headers"]).get(b"content-length", b"")
    return min(int(text), MOST_BYTES) if text.isdigit() else MOST_BYTES
