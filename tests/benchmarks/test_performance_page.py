from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import machine, memory_probe, speed_class, speed_dashboard, speed_newcomer, speed_soak
from benchmarks.measuring import summary
from benchmarks.performance_page import performance_page, requirements
from benchmarks.performance_sections import SECTIONS
from benchmarks.performance_text import microseconds, percent, rate, seconds, table
from benchmarks.sizes import QUICK
from scripts.find_chromium import NoChromiumError


def _result(measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "machine": "A processor, 2 cores",
        "device": "no CUDA device found",
        "packages": {"torch": "2.13.0"},
        "command": "python -m benchmarks --only dashboard",
        "load_before": 0.25,
        "took_s": 12.3,
        "measured": measured,
    }


def _dashboard(share: float, click_ms: float) -> dict[str, Any]:
    click = summary([click_ms])
    return {
        "steps_per_s": {name: summary([20_000.0]) for name in ("closed", "open", "frames")},
        "share": {"open": summary([share]), "frames": summary([0.6])},
        "clicks_ms": {"training": {"watch": click, "pause": click}, "idle": {"watch": click, "resume": click}},
        "server_bytes": {"idle": 200_000_000, "after": 300_000_000},
    }


def test_numbers_read_well() -> None:
    assert rate(summary([19_512.3, 18_900.0, 20_100.0])) == "19,512 (18,900–20,100)"
    assert microseconds(summary([34.567])) == "34.6 µs (34.6–34.6)"
    assert microseconds(summary([123_456.0])) == "123,000 µs (123,000–123,000)"
    assert seconds(summary([2.345])) == "2.35 s (2.35–2.35)"
    assert percent(summary([0.75])) == "75 % (75–75)"


def test_a_table_has_a_line_for_each_row() -> None:
    assert table(("what", "time"), [("a", "1")]) == "| what | time |\n| --- | ---: |\n| a | 1 |\n"


@pytest.mark.parametrize(("share", "click_ms", "hold"), [(0.7, 400.0, True), (0.69, 401.0, False)])
def test_what_must_hold_is_judged_at_its_limit(share: float, click_ms: float, hold: bool) -> None:
    results = {"dashboard": _result(_dashboard(share, click_ms))}
    assert [each.holds for each in requirements(results)] == [hold] * 3
    assert ("**no**" in performance_page(results)) is not hold


def test_a_class_is_told_in_numbers() -> None:
    time = summary([1_250.0])
    measured = {
        "students": 30,
        "arrive_s": 10.0,
        "cores": 2,
        "server_bytes": {"idle": 600_000_000, "after": 700_000_000},
        "enter_ms": {"alone": summary([80.0]), "at_once": time},
        "start_ms": time,
        "click_ms": time,
        "begun_s": summary([2.5]),
        "over_s": summary([7.25]),
        "all_over_s": 68.9,
        "solved": 29,
    }
    page = performance_page({"class": _result(measured)})
    assert "| 30 students open it at once | 1250 ms (1250–1250) |" in page
    assert "| all 30 runs; of 30 without a browser, 29 solved | 69 s |" in page
    assert "600 MB before, 700 MB after" in page


def test_a_class_that_joins_is_told_in_numbers() -> None:
    time = summary([1_250.0])
    measured = {
        "students": 60,
        "browsers": 6,
        "arrive_s": 10.0,
        "cores": 2,
        "server_bytes": {"idle": 600_000_000, "after": 700_000_000},
        "join_s": summary([2.0, 4.0]),
        "all_joined_s": 8.25,
        "enter_ms": {"alone": summary([80.0]), "at_once": time},
        "start_ms": time,
        "click_ms": time,
        "click_p95_ms": 912.4,
        "begun_s": summary([2.5]),
        "over_s": summary([7.25]),
        "all_over_s": 68.9,
        "solved": 54,
        "wall_delay_s": {"median": 0.31, "p95": 0.72, "count": 180},
        "rest": {"first": 650_000_000, "last": 656_500_000, "growth": 0.01, "seconds": 600.0},
    }
    page = performance_page({"class": _result(measured)})
    for said in (
        "6 of them are real browsers",
        "| until all have joined | 8.2 s |",
        "| a click is answered, 95th percentile | 912 ms |",
        "| delay of the wall, 95th percentile | 0.72 s |",
        "650 MB, and 10 minutes later 656 MB (+1.0 %)",
    ):
        assert said in page, said


def test_a_part_that_could_not_be_measured_says_why_and_claims_nothing() -> None:
    results = {"dashboard": _result({"skipped": "No Chromium here."})}
    assert requirements(results) == []
    page = performance_page(results)
    assert "Not measured: No Chromium here." in page
    assert "What must hold" not in page


@pytest.mark.parametrize("part", [speed_dashboard, speed_newcomer])
@pytest.mark.parametrize("missing", ["playwright", "httpx", "chromium"])
def test_what_needs_a_browser_is_left_out_with_a_reason_where_something_is_missing(
    part: ModuleType, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_spec(name: str) -> object:
        return None if name == missing else object()

    def find_chromium() -> Path:
        message = "No chromium here.\nDo this."
        raise NoChromiumError(message)

    monkeypatch.setattr(machine.importlib.util, "find_spec", find_spec)
    monkeypatch.setattr(machine, "find_chromium", find_chromium)
    skipped = part.measure(QUICK)["skipped"]
    assert missing in skipped
    assert "\n" not in skipped


def test_the_class_is_left_out_with_a_reason_where_something_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None if name == "httpx" else object())
    assert speed_class.measure(QUICK) == {"skipped": "httpx not installed: pip install -r requirements-dev.txt"}


def test_the_page_names_machine_command_and_load() -> None:
    page = performance_page({"dashboard": _result(_dashboard(0.8, 100.0))})
    assert "`python -m benchmarks --only dashboard`: 12 s on A processor, 2 cores, no CUDA device found" in page
    assert "load 0.25" in page
    assert "| page open, frames off | 20,000 (20,000–20,000) | 80 % (80–80) |" in page


def test_every_part_has_its_section_and_its_measurement() -> None:
    assert tuple(SECTIONS) == tuple(command.PARTS)
    folder = Path(command.__file__).parent
    assert {path.stem.removeprefix("speed_") for path in folder.glob("speed_*.py")} == set(command.PARTS)


def test_a_quick_look_changes_nothing_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, page = tmp_path / "kept.json", tmp_path / "page.md"
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "RESULTS", kept)
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "QUICK_FOLDER", tmp_path / "quick")
    monkeypatch.setattr(command, "measure_part", lambda _part, _sizes: _result({"skipped": "only a test"}))
    command.main(command.Options(only=("dashboard",), quick=True))
    assert "dashboard ... skipped: only a test" in capsys.readouterr().out
    assert (tmp_path / "quick" / "performance.md").exists()
    assert not kept.exists()
    assert not page.exists()


def test_parts_measured_earlier_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "kept.json")
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(command, "measure_part", lambda _part, _sizes: _result(_dashboard(0.8, 100.0)))
    command.main(command.Options(only=("dashboard",)))
    probes = {"python": {"count": 1, "bytes": 13_000_000}}
    monkeypatch.setattr(command, "measure_part", lambda _part, _sizes: _result(probes))
    command.main(command.Options(only=("memory",)))
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "## Memory" in page
    assert "13 MB" in page
    assert "## The dashboard" in page


def test_peak_memory_counts_what_was_touched() -> None:
    before = memory_probe.peak_bytes()
    block = bytearray(200_000_000)
    block[::4096] = b"\x01" * len(block[::4096])
    assert memory_probe.peak_bytes() >= max(before, 200_000_000)
    del block
    assert memory_probe.peak_bytes() >= 200_000_000  # a peak stays


@pytest.mark.parametrize(("times_one", "holds"), [(1.6, True), (1.59, False)])
def test_runs_side_by_side_are_judged_by_what_they_do_in_all(times_one: float, holds: bool) -> None:
    rate_of = {name: summary([20_000.0]) for name in ("one", "threads", "auto", "processes")}
    ratio_of = {name: summary([times_one]) for name in ("threads", "auto", "processes")}
    envs = {"CartPole-v1": {"steps_per_s": rate_of, "times_one": ratio_of}}
    results = {"processes": _result({"runs": 4, "cores": 2, "envs": envs})}
    (requirement,) = requirements(results)
    assert requirement.holds is holds
    page = performance_page(results)
    assert "4 runs in processes on 2 cores" in page
    assert "| 4 runs in threads of one process | 20,000 (20,000–20,000) | 1.6× (1.6–1.6) |" in page or not holds


@pytest.mark.parametrize(("growth", "holds"), [(0.03, True), (0.031, False), (-0.01, True)])
def test_a_servers_memory_over_time_is_judged_by_its_growth(growth: float, holds: bool) -> None:
    measured = {
        "env_id": "LunarLander-v3",
        "runs": 2,
        "viewers": 20,
        "minutes": 10.0,
        "after_s": 60.0,
        "server_bytes": {"first": 600_000_000, "last": int(600_000_000 * (1 + growth)), "most": 640_000_000},
        "growth": growth,
        "env_steps": [1_000_000, 2_000_000],
        "messages": 100_000,
        "frames": 50_000,
    }
    results = {"soak": _result(measured)}
    (requirement,) = requirements(results)
    assert requirement.holds is holds
    page = performance_page(results)
    assert f"| growth | {100 * growth:+.1f} % |" in page
    assert "over 10 min" in page
    assert performance_page({"soak": _result({"skipped": "only here"})}).count("Not measured: only here") == 1


def test_a_soak_may_be_shorter_or_longer() -> None:
    assert command.Options().sizes.soak_s == 600.0
    assert command.Options(soak_minutes=3).sizes.soak_s == 180.0
    assert command.Options(quick=True).sizes == QUICK


def test_the_memory_of_a_process_is_read_as_it_is_now() -> None:
    own = os.getpid()
    before = speed_soak.resident_bytes(own)
    block = bytearray(b"\x01") * 200_000_000
    grown = speed_soak.resident_bytes(own)
    assert grown >= before + 150_000_000
    del block
    assert speed_soak.resident_bytes(own) < grown - 100_000_000  # no peak: it goes down as well
