"""What a browser loads once and keeps: the pages' modules and style sheets, plotly.js, and values that stay the same.

Every address has a digest of what is there in it, so that a browser never asks for it again; after a change it is
another address. All modules and style sheets share one digest: an import by a relative path stays within it.

    live/browser/<digest>/train/panel.js        a file of pages/, and its imports
    live/browser/<digest>/shared/browser/plotly.min.js
                                                plotly.js as the plotly package brings it along: classrooms are offline
    live/browser/constants/<digest>.json        what :meth:`BrowserCode.keep` was given

Addresses are relative to those of the pages.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dqn_core.json_text import json_text
from pages.server.answers import error_answer

__all__ = ["BROWSER_CODE", "BrowserCode", "browser_routes", "plotly_file"]

_ADDRESS = "live/browser"
_PLOTLY = "shared/browser/plotly.min.js"
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
_DIGITS = 16
"""Of a digest, in hexadecimal."""


@dataclass(frozen=True)
class _Kept:
    plain: bytes
    zipped: bytes
    media_type: str


class BrowserCode:
    """The modules and style sheets below ``folder``, read once, and constants.

    Constants are kept until the server ends: they may differ by language, not by visitor, run or time.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".js", ".css"})
        sources = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        digest = hashlib.sha256(importlib.metadata.version("plotly").encode())
        for name, source in sources.items():
            digest.update(f"{name} {len(source)} ".encode() + source)
        self._folder = digest.hexdigest()[:_DIGITS]
        self._kept = {f"{self._folder}/{name}": _kept(name, source) for name, source in sources.items()}

    def address(self, name: str) -> str:
        """Where the file ``name``, a path below pages/, is served."""
        return f"{_ADDRESS}/{self._folder}/{name}"

    def keep(self, values: Mapping[str, Any]) -> str:
        """Where ``values`` are served as JSON from now on; the same values have the same address."""
        text = json_text(values, is_compact=True, is_ascii=False).encode()
        name = f"constants/{hashlib.sha256(text).hexdigest()[:_DIGITS]}.json"
        if name not in self._kept:
            self._kept[name] = _kept(name, text)
        return f"{_ADDRESS}/{name}"

    def kept(self, address: str) -> _Kept | None:
        """What is at ``address``, but for plotly.js; None where nothing is (any more)."""
        return self._kept.get(address.removeprefix(f"{_ADDRESS}/"))

    async def answer(self, request: Request) -> Response:
        """What is at the request's address; 404 where there is nothing (any more)."""
        path = request.path_params["path"]
        is_plotly = path == f"{self._folder}/{_PLOTLY}"
        kept = await run_in_threadpool(plotly_file) if is_plotly else self.kept(path)
        if kept is None:
            return error_answer(404, f"There is nothing at {path[:200]}: it may be of another version of the lab.")
        is_zipped = "gzip" in request.headers.get("accept-encoding", "")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Encoding": "gzip" if is_zipped else "identity",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(kept.zipped if is_zipped else kept.plain, media_type=kept.media_type, headers=headers)


def _kept(name: str, source: bytes) -> _Kept:
    return _Kept(source, gzip.compress(source, 6), _MEDIA_TYPES[Path(name).suffix])


@functools.cache
def plotly_file() -> _Kept:
    """plotly.js: found without importing plotly, read and compressed at the first call."""
    package = importlib.util.find_spec("plotly")
    if package is None or package.origin is None:
        message = "plotly is not installed: pip install -r requirements.txt"
        raise ModuleNotFoundError(message)
    return _kept(_PLOTLY, (Path(package.origin).parent / "package_data" / "plotly.min.js").read_bytes())


BROWSER_CODE = BrowserCode(Path(__file__).parents[1])
"""This process's."""


def browser_routes(code: BrowserCode = BROWSER_CODE) -> list[BaseRoute]:
    """The one route of what browsers keep."""
    return [Route(f"/{_ADDRESS}/{{path:path}}", code.answer, methods=["GET"])]
