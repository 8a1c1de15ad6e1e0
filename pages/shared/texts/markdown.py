"""What people typed, where Streamlit reads Markdown: titles, labels, captions, messages."""

from __future__ import annotations

import re

__all__ = ["escape_markdown"]

_MARKS = re.compile(r"([\\`*_\[\]<>$~|&^{}])")
_BLOCK = re.compile(r"^(\d{0,9})([#+\-=.)])")
"""What makes a heading or a list of a line that begins with it."""
_LINK = re.compile(r"(:|@|(?<![A-Za-z0-9])www(?=\.))(?=\S)", re.IGNORECASE)
"""In the middle of an address, of a colour, an icon or an emoji. Addresses become links whether escaped or not."""
_WORD_JOINER = "\u2060"
"""Is not seen, and ends what Streamlit would take for one of these."""


def escape_markdown(text: str) -> str:
    """``text`` as it stands, on one line: none of it is a link, a picture, a colour, a formula or a list."""
    one_line = " ".join(text.split())
    marked = _BLOCK.sub(r"\1\\\2", _MARKS.sub(r"\\\1", one_line))
    return _LINK.sub(rf"\1{_WORD_JOINER}", marked)
