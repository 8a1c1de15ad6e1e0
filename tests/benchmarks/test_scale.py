"""The simulated platform: small, it measures something of everything, and its page is made of what was measured."""

from __future__ import annotations

import json

from benchmarks import scale


def test_a_small_platform_is_measured_in_every_part() -> None:
    sizes = scale.Sizes({3: float(scale._RARE), 6: 0.5}, rounds=1, queues=(20, 40))
    measured = json.loads(json.dumps(scale.measure(sizes)))
    assert set(measured["runs"]) == set(measured["viewers"]) == {"3", "6"}
    for run in (each for runs in measured["runs"].values() for each in runs.values()):
        assert 0.0 < run["feed_cpu_s"] < run["cpu_s"]
    for viewer in measured["viewers"].values():
        assert viewer["cpu_s"] > 0.0
        assert viewer["bytes"] > 100
    assert 0.0 < measured["queue"]["20"]["places_s"] < measured["queue"]["40"]["places_s"]
    run = measured["runs"]["3"]["full"]
    assert run["writes"] == 4.0
    assert run["feed_cpu_s"] < run["rare_cpu_s"] < run["cpu_s"]
    text = scale.page({"machine": "a machine", "load": 0.0, "seconds": {"3": 4.0, "6": 0.5}, "measured": measured})
    assert "| 6 | " in text
    assert "a machine" in text


def test_the_page_is_that_of_the_kept_results() -> None:
    kept = json.loads(scale.RESULTS.read_text("utf-8"))
    assert scale.PAGE.read_text("utf-8") == scale.page(kept)
    assert set(kept["measured"]["runs"]) == {"100", "1000", "10000"}
