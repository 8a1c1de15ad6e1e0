"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["write_atomically"]

_SHARED, _PRIVATE = 0o666, 0o600
"""Who may use a new file: whoever the umask lets, or its owner alone."""


def write_atomically(
    path: Path, content: bytes | memoryview, *, is_lasting: bool = True, is_private: bool = False
) -> None:
    """Replace ``path`` by ``content``: after a crash the file is the old one or the new one, whole.

    Where it need not outlast a crash of the machine itself (``is_lasting`` false), the disk is not waited for. Others
    may read it where the umask lets them, unless it ``is_private``.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    mode = _PRIVATE if is_private else _SHARED
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
            file.flush()
            if is_lasting:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
