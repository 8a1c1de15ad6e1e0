from __future__ import annotations

import time

from benchmarks.measuring import interleaved, microseconds_each, ratios, summary


def test_rounds_run_every_contender_once_and_begin_with_another_each_time() -> None:
    order: list[str] = []

    def contender(name: str) -> float:
        order.append(name)
        return float(len(order))

    values = interleaved({name: lambda name=name: contender(name) for name in "abc"}, 3)  # type: ignore[misc]
    assert "".join(order) == "abcbcacab"
    assert values == {"a": [1.0, 6.0, 8.0], "b": [2.0, 4.0, 9.0], "c": [3.0, 5.0, 7.0]}


def test_ratios_compare_within_a_round() -> None:
    values = {"ours": [10.0, 30.0], "theirs": [5.0, 10.0]}
    assert ratios(values, "ours", "theirs") == [2.0, 3.0]


def test_a_summary_has_median_and_spread() -> None:
    assert summary([3.0, 1.0, 8.0]) == {"median": 3.0, "low": 1.0, "high": 8.0, "count": 3}


def test_a_call_is_timed_over_as_many_as_fill_the_time() -> None:
    calls, waits = [], []
    took = microseconds_each(lambda: calls.append(time.sleep(0.001)), 0.02, lambda: waits.append(len(calls)))
    assert took >= 1_000
    assert 1 <= len(calls) <= 21
    assert waits[-1] == len(calls)  # the last calls, too, were waited for
