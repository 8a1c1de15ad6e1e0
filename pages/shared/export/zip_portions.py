"""A ZIP file that is made while it is downloaded: no more of it is in memory than a piece of one file."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["zip_portions"]

_PACKED = {".csv", ".html", ".json"}
"""What packing makes smaller; weights, pictures and workbooks it does not."""


def zip_portions(files: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """The pieces of a ZIP file with ``files``: of each its name, and its content in pieces, read before the next."""
    written = _Pieces()
    with zipfile.ZipFile(written, "w") as zipped:
        for name, content in files:
            with zipped.open(_entry(name), "w", force_zip64=True) as file:
                for piece in content:
                    file.write(piece)
                    yield written.take()
            yield written.take()
    yield written.take()


class _Pieces(io.RawIOBase):
    """Takes what a ZIP file is made of; it cannot be gone back in, for a part of it is on its way already."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        """All that came since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, time.localtime()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED if Path(name).suffix in _PACKED else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    return entry
