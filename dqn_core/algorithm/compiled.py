"""How kernels are compiled and where the compiled code is kept.

numba caches a kernel by its own file alone: a change in a helper's file would go unseen. The cache folder used here is
named after a digest of every kernel source, and is the first of these that can be written:

    $NUMBA_CACHE_DIR    __pycache__ beside this file    the user's cache folder    a private folder for temporary files

With none, kernels are compiled anew in each process, which the log says.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numba

__all__ = ["cache_folder", "helper", "kernel"]

_LOG = logging.getLogger(__name__)
_NUMBA_CONFIG: Any = numba.config
_HERE = Path(__file__).parent
_SOURCES = (
    "compiled.py",
    "vector_products.py",
    "fused_network.py",
    "fused_kernels.py",
    "picture_kernels.py",
    "powers.py",
    "sum_tree.py",
)

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    # No fast-math flag: each would let LLVM order or fuse sums as the CPU at hand likes it, and one seed would give
    # another run on another CPU. Sums that are to be fast are written out lane by lane in vector_products.
    # x / 0 is infinite, as in numpy: Python's check for it would keep loops from being vectorised.
    "error_model": "numpy",
}


def kernel(function: Function) -> Function:
    """Compile ``function`` at its first call, without the interpreter's lock, cached on disk where that works."""
    folder = cache_folder()
    if folder is None:
        compiled: Function = numba.njit(**_OPTIONS)(function)
        return compiled
    before = _NUMBA_CONFIG.CACHE_DIR
    _NUMBA_CONFIG.CACHE_DIR = str(folder)  # read while decorating, and not again
    try:
        compiled = numba.njit(cache=True, **_OPTIONS)(function)
    finally:
        _NUMBA_CONFIG.CACHE_DIR = before
    return compiled


def helper(function: Function) -> Function:
    """Compile ``function`` as a part of the kernels that call it."""
    compiled: Function = numba.njit(**_OPTIONS)(function)
    return compiled


@functools.cache
def cache_folder() -> Path | None:
    """Where compiled kernels are kept; None where nothing can be written."""
    for root in _roots():
        folder = root / f"dqn-lab-kernels-{_digest()}"
        if _is_usable(folder):
            return folder
    _LOG.warning(
        "No cache folder can be written: kernels are compiled anew in each process. Set NUMBA_CACHE_DIR to a folder "
        "that can be written."
    )
    return None


def _roots() -> Iterator[Path]:
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"])
    yield _HERE / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    yield Path(tempfile.gettempdir())


def _digest() -> str:
    return hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _SOURCES)).hexdigest()[:12]


def _is_usable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Cached code is run: in a folder shared by all users, another user's must not be taken.
        is_own = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
        with tempfile.TemporaryFile(dir=folder):
            return is_own
    except OSError as error:
        _LOG.info("Kernels cannot be cached in %s: %s", folder, error)
        return False
