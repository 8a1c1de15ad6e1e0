from __future__ import annotations

import pytest

from dqn_core.runs.live_feed import RemainingTime


def test_nothing_is_known_at_first() -> None:
    remaining = RemainingTime()
    assert remaining.seconds is None
    remaining.add(0.0, 0.0)
    remaining.add(5.0, 0.0)  # warming up: no episode is done
    assert remaining.seconds is None


def test_a_steady_run_ends_when_it_should() -> None:
    remaining = RemainingTime()
    for tenth in range(101):
        remaining.add(tenth / 10, tenth / 1_000)  # 1 % a second
    assert remaining.seconds == pytest.approx(90.0)


def test_the_recent_rate_counts() -> None:
    remaining = RemainingTime()
    for second in range(100):
        remaining.add(second, second * 0.001)
    for second in range(100, 140):
        remaining.add(second, 0.1 + (second - 100) * 0.01)
    assert remaining.seconds == pytest.approx((1.0 - 0.49) / 0.01)


def test_a_finished_run_has_nothing_left() -> None:
    remaining = RemainingTime()
    remaining.add(0.0, 0.0)
    remaining.add(10.0, 1.0)
    assert remaining.seconds == 0.0
