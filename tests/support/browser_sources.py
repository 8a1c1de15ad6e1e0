"""What a component's browser side is made of, and what a page hands to it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Route

import pages
from pages.server.browser_code import BROWSER_CODE, plotly_file

_FOLDER = Path(pages.__file__).parent


def module_text(module: str) -> str:
    """The sources of ``module``, a path below pages/, and of all that it imports."""
    found: dict[Path, str] = {}
    waiting = [_FOLDER / module]
    while waiting:
        path = waiting.pop().resolve()
        if path not in found:
            found[path] = path.read_text("utf-8")
            waiting += [path.parent / name for name in re.findall(r'from "(\.[^"]+)"', found[path])]
    return "\n".join(found.values())


def style_text(styles: tuple[str, ...]) -> str:
    """The style sheets, in their order."""
    return "\n".join((_FOLDER / name).read_text("utf-8") for name in styles)


def fulfill(route: Route) -> bool:
    """Answer a request for browser code as the server does; whether it was one."""
    path = urlsplit(route.request.url).path.removeprefix("/")
    kept = plotly_file() if path == BROWSER_CODE.address("shared/browser/plotly.min.js") else BROWSER_CODE.kept(path)
    if kept is not None:
        route.fulfill(body=kept.plain, content_type=kept.media_type)
    return kept is not None


def mount_script(module: str, styles: tuple[str, ...]) -> str:
    """JavaScript of ``window.mountAt(element, data, setTriggerValue)``, which resolves to what takes it away again."""
    mount, kind = (
        f"import(new URL({json.dumps(BROWSER_CODE.address(name))}, document.baseURI))"
        for name in ("shared/browser/mount.js", module)
    )
    return f"""
window.mountAt = async (parentElement, data, setTriggerValue) => {{
  const [{{ mount }}, {{ default: Kind }}] = await Promise.all([{mount}, {kind}]);
  return mount({{ data, parentElement, setTriggerValue }}, Kind, {json.dumps(styles)});
}};
"""


def data_of(proto: Any) -> dict[str, Any]:
    """What a component's module is given: the data of the element ``proto``, and the constants at their address."""
    values: dict[str, Any] = json.loads(proto.json)
    kept = BROWSER_CODE.kept(values.pop("constants"))
    assert kept is not None
    return values | json.loads(kept.plain)
