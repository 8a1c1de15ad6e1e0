from __future__ import annotations

import numpy as np
import torch

from dqn_core.algorithm.targets import td_targets

# Three transitions, gamma 0.9: one that goes on, one that terminated, one that was truncated (and so goes on).
REWARDS = [1.0, -100.0, 1.0]
TERMINATED = [0.0, 1.0, 0.0]
MAX_NEXT_Q = [10.0, 50.0, 20.0]
TARGETS = [10.0, -100.0, 19.0]  # 1 + 0.9 * 10;  -100;  1 + 0.9 * 20


def test_targets_of_numpy_arrays() -> None:
    rewards, terminated, max_next_q = (np.array(each, np.float32) for each in (REWARDS, TERMINATED, MAX_NEXT_Q))
    targets = td_targets(rewards, terminated, max_next_q, 0.9)
    np.testing.assert_allclose(targets, TARGETS, rtol=1e-6)
    assert targets.dtype == np.float32


def test_targets_of_torch_tensors() -> None:
    rewards, terminated, max_next_q = (torch.tensor(each) for each in (REWARDS, TERMINATED, MAX_NEXT_Q))
    torch.testing.assert_close(td_targets(rewards, terminated, max_next_q, 0.9), torch.tensor(TARGETS))
