"""What of the server's disk a visitor gets to see: names of files, and nothing of where they lie."""

from __future__ import annotations

import contextlib
import re

from dqn_core.errors import DqnLabError
from pages.server.settings import settings

__all__ = ["without_folders"]

_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^/\s'\"]+/)*(?=[^/\s'\"])|(?<!\w)[A-Za-z]:\\(?:[^\\\s'\"]+\\)*")


def without_folders(text: str) -> str:
    """``text`` with the last part alone of each absolute path in it, and of each in the data folder."""
    with contextlib.suppress(DqnLabError):  # a setting that is not valid: there is no folder then
        data = settings().data
        for folder in {str(data.resolve()), str(data)}:
            if data.parts:  # the working directory itself has no name to look for
                text = re.sub(rf"{re.escape(folder)}/(?:[^/\s'\"]+/)*", "", text)
    return _FOLDERS.sub("", text)
