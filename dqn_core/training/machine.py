"""What this machine has: memory, as far as this process may use it, and room on its disks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["free_bytes", "machine_memory", "memory_for_runs"]

_SHARE_FOR_RUNS = 0.75
"""Of the machine's memory; the rest is for the server, its jobs, and everybody else."""
_CGROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT = 2**60


def machine_memory(cgroups: Path = _CGROUPS) -> int:
    """Bytes of memory that this process may use at most: the machine's, or what its control groups or ulimit allow."""
    return min(_physical_memory(), _address_space(), *_cgroup_limits(cgroups))


def memory_for_runs() -> int:
    """Bytes that all runs of this machine together may take."""
    return int(_SHARE_FOR_RUNS * machine_memory())


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # no POSIX system: nothing is known, and nothing refused
        return _NO_LIMIT


def _address_space() -> int:
    try:
        import resource
    except ImportError:
        return _NO_LIMIT
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return _NO_LIMIT if soft == resource.RLIM_INFINITY else soft


def _cgroup_limits(root: Path) -> Iterator[int]:
    """Limits of the process's own groups and of all above them, in both versions of control groups."""
    yield _NO_LIMIT
    try:
        lines = Path("/proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return
    groups = {(root, "memory.max"), (root / "memory", "memory.limit_in_bytes")}  # a container sees its own as the root
    for line in lines:
        _, controllers, path = line.split(":", 2)
        base, name = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        if controllers and "memory" not in controllers.split(","):
            continue
        own = Path(path.lstrip("/"))
        groups |= {(base / each, name) for each in (own, *own.parents)}
    for folder, name in groups:
        try:
            text = (folder / name).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text.isdigit():
            yield int(text)


def free_bytes(folder: Path) -> int:
    """Room on the disk that ``folder``, which may not be there yet, would be on."""
    for place in (folder, *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return _NO_LIMIT
