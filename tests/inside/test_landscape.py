from __future__ import annotations

import numpy as np
import pytest

from dqn_core.inside.landscape import Plane, landscape, visited_range
from inside_checkpoints import trained_checkpoint


def test_every_point_is_what_the_agent_says_of_that_state() -> None:
    checkpoint = trained_checkpoint(compute="fused")
    learner, base = checkpoint.agent.learner(), checkpoint.replay.observations[3]
    plane = Plane(x=2, y=0, x_values=np.float32([-0.2, 0.1, 0.2]), y_values=np.float32([-1, 1]), base=base)
    seen = landscape(learner, plane)
    assert seen.q_values.shape == (2, 3, 2)
    for row, y in enumerate(plane.y_values):
        for column, x in enumerate(plane.x_values):
            state = base.copy()
            state[2], state[0] = x, y
            q = learner.q_values(state[None])[0]
            assert np.array_equal(seen.q_values[row, column], q)
            assert seen.max_q[row, column] == q.max()
            assert seen.greedy[row, column] == learner.act(state)


@pytest.mark.parametrize(
    ("values", "low", "high"), [([0.0, 1.0, 10.0], -0.5, 10.5), ([3.0, 3.0], 2.0, 4.0), ([0.0], -1.0, 1.0)]
)
def test_the_visited_range_has_a_margin(values: list[float], low: float, high: float) -> None:
    covered = visited_range(np.float32(values), 5)
    assert covered.tolist() == pytest.approx(np.linspace(low, high, 5).tolist())
    assert covered.dtype == np.float32
