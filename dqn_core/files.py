"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

__all__ = ["write_atomically", "write_once"]

_SHARED, _PRIVATE = 0o666, 0o600
"""Who may use a new file: whoever the umask lets, or its owner alone."""


def write_atomically(
    path: Path, content: bytes | memoryview, *, is_lasting: bool = True, is_private: bool = False
) -> None:
    """Replace ``path`` by ``content``: after a crash the file is the old one or the new one, whole.

    Where it need not outlast a crash of the machine itself (``is_lasting`` false), the disk is not waited for. Others
    may read it where the umask lets them, unless it ``is_private``.
    """
    with _beside(path, content, is_lasting=is_lasting, is_private=is_private) as temporary:
        temporary.replace(path)


def write_once(path: Path, content: bytes, *, is_private: bool = False) -> bytes:
    """Make ``path`` with ``content``, unless it is there, or another process makes it in this moment.

    Gives what is in it then.
    """
    with _beside(path, content, is_private=is_private) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links: the last of several that come at once is the one that holds
            temporary.replace(path)
    return path.read_bytes()


@contextlib.contextmanager
def _beside(
    path: Path, content: bytes | memoryview, *, is_lasting: bool = True, is_private: bool = False
) -> Iterator[Path]:
    """A file with ``content`` in the same folder, which is gone in the end unless it was renamed."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    mode = _PRIVATE if is_private else _SHARED
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
            file.flush()
            if is_lasting:
                os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
