"""``docs/performance.md``, made whole from the kept results of the benchmarks of speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.performance_sections import SECTIONS
from benchmarks.performance_text import table

__all__ = ["Requirement", "performance_page", "requirements"]

_HEAD = """# Performance

Made by `make bench` (`python -m benchmarks`), which writes this page from `benchmarks/results/performance.json`. Each
number is the median over the rounds of one process, with the lowest and highest in brackets. Implementations that are
compared take turns, round by round, and each round starts with another one. A ratio is the median of the ratios of the
rounds, so that a busy moment of the machine affects both sides. Load is the machine's one-minute load average when a
section began; apart from the benchmark itself it should be near 0.
"""


@dataclass(frozen=True)
class Requirement:
    """Something that must hold, and what was measured of it."""

    text: str
    measured: float
    limit: float
    unit: str
    at_most: bool
    """Whether ``limit`` is the most allowed rather than the least."""

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit

    def cells(self) -> tuple[str, str, str, str]:
        """A row of the page's table."""
        bound = f"{'at most' if self.at_most else 'at least'} {self.limit:g}{self.unit}"
        return self.text, bound, f"{self.measured:.3g}{self.unit}", "yes" if self.holds else "**no**"


def performance_page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page's text; parts without a result are left out."""
    parts = [_HEAD]
    rows = [requirement.cells() for requirement in requirements(results)]
    if rows:
        parts += ["## Requirements\n", table(("", "required", "measured", "met"), rows)]
    for part, (title, section) in SECTIONS.items():
        if part in results:
            parts += [f"## {title}\n", section(results[part]["measured"]), _origin(results[part])]
    return "\n".join(parts)


def requirements(results: Mapping[str, Mapping[str, Any]]) -> list[Requirement]:
    """All requirements for which there is a measurement."""
    measured = {part: result["measured"] for part, result in results.items() if "skipped" not in result["measured"]}
    return [each for part, take in _TAKE.items() if part in measured for each in take(measured[part])]


def _loop(measured: Mapping[str, Any]) -> Iterator[Requirement]:
    for env_id, result in measured.items():
        factor = result["times_faster"]["real_path"].get("sb3")
        if factor:
            text = f"{env_id}: env steps per second, with events, live feed and log, over SB3's"
            yield Requirement(text, factor["median"], 20.0, "×", at_most=False)


def _lab(measured: Mapping[str, Any]) -> Iterator[Requirement]:
    text = f"The course lab's workload on CartPole: {measured['env_steps']:,} env steps, four gradient steps each"
    yield Requirement(text, measured["seconds"]["real_path"]["median"], 5.0, " s", at_most=True)


def _replay(measured: Mapping[str, Any]) -> Iterator[Requirement]:
    rows = measured["rows"]
    text = f"Time of an env step with {rows['many']:,} rows in the replay memory over that with {rows['few']:,}"
    yield Requirement(text, measured["loop"]["times_longer"]["median"], 1.3, "×", at_most=True)


def _processes(measured: Mapping[str, Any]) -> Iterator[Requirement]:
    for env_id, result in measured["envs"].items():
        text = f"{env_id}: {measured['runs']} runs in processes on {measured['cores']} cores, over one run's rate"
        yield Requirement(text, result["times_one"]["processes"]["median"], 1.6, "×", at_most=False)


def _frames(measured: Mapping[str, Any]) -> Iterator[Requirement]:
    for env_id, result in measured.items():
        share = 100.0 * result["share"]["frames"]["median"]
        text = f"{env_id}: rate with ten frames a second, made and sent, over that with the curves only"
        yield Requirement(text, share, 90.0, " %", at_most=False)


def _newcomer(measured: Mapping[str, Any]) -> Iterator[Requirement]:
    for name, text in (
        ("flight_s", "Start page: from its first paint until something moves, the longest"),
        ("first_moves_s", "From “Start” until the agent moves, in a browser that was never there"),
    ):
        value = measured[name]["high" if name == "flight_s" else "median"]
        yield Requirement(text, value, 1.0, " s", at_most=True)
    share = 100.0 * measured["within_a_minute"] / measured["newcomers"]
    yield Requirement(
        "Seeds on which a newcomer sees failing, then balancing, within 60 s", share, 95.0, " %", at_most=False
    )


def _dashboard(measured: Mapping[str, Any]) -> Iterator[Requirement]:
    share = 100.0 * measured["share"]["open"]["median"]
    yield Requirement("Rate with the dashboard open, frames off", share, 70.0, " %", at_most=False)
    clicks = measured["clicks_ms"]["training"]
    for name, text in (("watch", "Show agent"), ("pause", "Pause")):
        yield Requirement(
            f"A click on “{text}” answered while a run trains", clicks[name]["median"], 400.0, " ms", at_most=True
        )


def _soak(measured: Mapping[str, Any]) -> Iterator[Requirement]:
    text = f"Growth of the server's memory after its first minute, over {measured['minutes']:.3g} min"
    yield Requirement(text, 100.0 * measured["growth"], 3.0, " %", at_most=True)


_TAKE = {
    "loop": _loop,
    "lab": _lab,
    "replay": _replay,
    "processes": _processes,
    "frames": _frames,
    "newcomer": _newcomer,
    "dashboard": _dashboard,
    "soak": _soak,
}


def _origin(result: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in result["packages"].items())
    return (
        f"`{result['command']}`: {result['took_s']:.0f} s on {result['machine']}, {result['device']}; {packages}; load "
        f"{result['load_before']:.2f}.\n"
    )
