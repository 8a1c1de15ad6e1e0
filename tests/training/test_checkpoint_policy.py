from __future__ import annotations

import numpy as np
import pytest

from dqn_core.events import CheckpointReady
from dqn_core.training.checkpoint_policy import CheckpointCadence, pause_after


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _checkpoint() -> CheckpointReady:
    return CheckpointReady(episode=1, env_step=1, arrays={"rows": np.zeros(8, np.uint8)}, values={})


@pytest.mark.parametrize(
    ("seconds", "size", "pause"),
    [(0.01, 1_000, 5.0), (0.3, 1_000, 15.0), (0.01, 20_000_000, 20.0), (10.0, 1_000, 60.0), (0.1, 900_000_000, 60.0)],
)
def test_what_costs_more_is_done_less_often(seconds: float, size: int, pause: float) -> None:
    assert pause_after(seconds, size) == pytest.approx(pause)


def test_the_first_is_due_at_once_and_the_time_of_its_keeping_counts() -> None:
    clock = Clock()
    cadence = CheckpointCadence(clock)
    assert cadence.is_due
    taking = cadence.timed(iter([_checkpoint()]))
    next(taking)
    clock.now += 0.2  # whoever consumes the event writes it now
    assert next(taking, None) is None
    clock.now += 9.9
    assert not cadence.is_due
    clock.now += 0.2
    assert cadence.is_due
