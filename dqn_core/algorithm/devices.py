"""The devices of this machine that torch can use."""

from __future__ import annotations

import os

import torch

__all__ = ["device_summary"]


def device_summary() -> str:
    """One English sentence: which CUDA device was found, or that none was."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if torch.cuda.is_available():
        return f"CUDA device found: {torch.cuda.get_device_name()}; torch {torch.__version__}, {cores} CPU cores"
    return f"no CUDA device found; torch {torch.__version__}, {cores} CPU cores"
