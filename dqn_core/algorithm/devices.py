"""The devices of this machine that torch can use; torch itself, which takes seconds, is loaded where it is asked."""

from __future__ import annotations

import os
import sys

__all__ = ["cuda_device_name", "device_summary", "is_torch_loaded"]


def is_torch_loaded() -> bool:
    """Whether asking for devices costs no time: torch is there, and not just being loaded by another thread."""
    torch = sys.modules.get("torch")
    return torch is not None and not getattr(torch.__spec__, "_initializing", False)


def cuda_device_name() -> str | None:
    """Name of the CUDA device that torch would use; None where there is none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def device_summary() -> str:
    """One English sentence: which CUDA device was found, or that none was."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    device = cuda_device_name()
    found = f"CUDA device found: {device}" if device else "no CUDA device found"
    return f"{found}; torch {torch.__version__}, {cores} CPU cores"
