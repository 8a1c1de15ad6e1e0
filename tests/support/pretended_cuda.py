"""A CUDA device, and graphs captured on it, on a machine without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor

from dqn_core.algorithm.torch_cuda import Graph


def pretend_cuda(monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool) -> None:
    """Have torch find a CUDA device; ``bfloat16``: one that computes in it.

    Optimizers ask the accelerator in use whether it captures a graph: torch's CUDA build would ask a driver that is
    not there.
    """
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bfloat16)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_options: None)


class PretendedGraph:
    """Stands for a captured graph."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.replay = work


def pretend_capture(work: Callable[[], None], changed: Iterable[Tensor]) -> Graph:
    return PretendedGraph(work)
