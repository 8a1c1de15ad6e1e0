"""The devices of this machine that torch can use."""

from __future__ import annotations

import os

import torch

__all__ = ["cuda_device_name", "device_summary"]


def cuda_device_name() -> str | None:
    """Name of the CUDA device that torch would use; None where there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def device_summary() -> str:
    """One English sentence: which CUDA device was found, or that none was."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    device = cuda_device_name()
    found = f"CUDA device found: {device}" if device else "no CUDA device found"
    return f"{found}; torch {torch.__version__}, {cores} CPU cores"
