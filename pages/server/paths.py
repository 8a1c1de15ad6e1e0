"""What of the server's disk a visitor gets to see: names of files, and nothing of where they lie."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from dqn_core.errors import DqnLabError
from pages.server.settings import settings

__all__ = ["shown_parameters", "without_folders"]

_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^/\s'\"]+/)*(?=[^/\s'\"])|(?<!\w)[A-Za-z]:\\(?:[^\\\s'\"]+\\)*")


def shown_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A message's parameters as JSON values, without the folders in them."""
    return {name: _shown(value) for name, value in parameters.items()}


def without_folders(text: str) -> str:
    """``text`` with the last part alone of each absolute path in it, and of each in the data folder."""
    with contextlib.suppress(DqnLabError):  # a setting that is not valid: there is no folder then
        data = settings().data
        for folder in {str(data.resolve()), str(data)}:
            if data.parts:  # the working directory itself has no name to look for
                text = re.sub(rf"{re.escape(folder)}/(?:[^/\s'\"]+/)*", "", text)
    return _FOLDERS.sub("", text)


def _shown(value: Any) -> Any:
    if isinstance(value, PurePath):
        return value.name
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str):
        text = without_folders(value)
        return value if text == value else text
    return without_folders(str(value))
