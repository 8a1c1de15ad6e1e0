"""``docs/results.md``, its picture, and the records that the program shows beside presets, from the study's tables."""

from __future__ import annotations

import json
import math
import statistics
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from benchmarks.results_picture import distributions_svg
from dqn_core.analysis.bands import wilson_interval
from dqn_core.presets import RECORDS, PresetRecord, preset_config, settings_digest

__all__ = ["SeedResult", "final_episodes", "first_threshold", "write_results_page"]

DOCS = Path(__file__).parent.parent / "docs"

_THRESHOLDS = {
    "CartPole-v1": 475.0,
    "LunarLander-v3": 200.0,
    "Acrobot-v1": -100.0,
    "MountainCar-v0": -110.0,
    "FrozenLake-v1": 0.70,
    "Taxi-v4": 7.5,
    "CliffWalking-v1": -13.0,
    "Blackjack-v1": -0.08,
}
"""Return from which an environment counts as solved (Gymnasium's registry; where it has none, a goal of our own)."""

_EPISODES = {"FrozenLake-v1": 1_000, "Taxi-v4": 1_000, "Blackjack-v1": 10_000}
"""Final episodes where the return of a single one says little."""
_DIGITS = {"FrozenLake-v1": 3, "Taxi-v4": 2, "Blackjack-v1": 3}


def final_episodes(env_id: str) -> int:
    """Episodes that a run is judged on."""
    return _EPISODES.get(env_id, 100)


def first_threshold(env_id: str, preset: str) -> float:
    """Evaluation return whose first time a run notes: the environment's, or that which the lab's report tells of.

    Infinity where neither names one.
    """
    return 100.0 if (env_id, preset) == ("CartPole-v1", "lab8") else _THRESHOLDS.get(env_id, math.inf)


@dataclass(frozen=True, kw_only=True)
class SeedResult:
    """What one run came to: a row of a preset's table."""

    seed: int
    reason: str
    """Why it ended, as :class:`~dqn_core.events.EndReason` has it."""
    episodes: int
    env_steps: int
    """Warm-up included; those of evaluations are not counted."""
    updates: int
    best_eval: float
    """Mean return of the evaluation whose network was kept; NaN where there was none."""
    first_episode: int | None
    """Episode and env step of the first evaluation at or above the environment's threshold; None where none was."""
    first_env_step: int | None
    wall_s: float
    """Of the whole run, start-up and evaluations included; NaN where other programs had a part in it."""
    mean_20: float
    """Mean return of the first 20 final episodes."""
    mean_100: float
    """Mean return of all of them: 100, or :func:`final_episodes`."""
    worst: float
    """Least return of theirs."""

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Self:
        """A result from its text in a table."""
        kinds = typing.get_type_hints(cls)
        values = {each.name: row[each.name] for each in fields(cls)}
        made = {
            name: None
            if text == ""
            else (text if kinds[name] is str else float(text) if kinds[name] is float else int(text))
            for name, text in values.items()
        }
        return cls(**made)


Results = Sequence[SeedResult]
Kept = Mapping[tuple[str, str], Results]


@dataclass(frozen=True, kw_only=True)
class Success:
    """What a preset is for, as something that holds for a seed or not."""

    text: str
    is_reached: Callable[[SeedResult], bool]
    goal: float
    """Return that the text names."""


def _at_least(goal: float, episodes: int = 100) -> Success:
    text = f"mean of {episodes:,} episodes {goal:g} or more"
    return Success(text=text, is_reached=lambda each: each.mean_100 >= goal, goal=goal)


@dataclass(frozen=True, kw_only=True)
class _Published:
    """Mean return of DQN in the curves of MinAtar's authors, read off by the picture's points."""

    at_as_many: float
    """After as many frames as the preset's run has: 250,000, of Asterix 750,000."""
    at_5m: float
    """After five million."""
    random: float
    """Of random actions, measured here: 100 episodes, 20 of Freeway."""


_YOUNG_AND_TIAN = {
    "MinAtar/Breakout-v1": _Published(at_as_many=6.8, at_5m=10.0, random=0.3),
    "MinAtar/Freeway-v1": _Published(at_as_many=6.0, at_5m=50.0, random=0.3),
    "MinAtar/Asterix-v1": _Published(at_as_many=1.9, at_5m=17.0, random=0.6),
    "MinAtar/SpaceInvaders-v1": _Published(at_as_many=21.0, at_5m=44.0, random=4.1),
}

_SOLVED = "its own goal reached, confirmed by two episodes"

SUCCESSES = {
    ("CartPole-v1", "lab8"): Success(text=_SOLVED, is_reached=lambda each: each.reason == "solved", goal=450.0),
    ("CartPole-v1", "fast"): _at_least(475.0),
    ("CartPole-v1", "strong"): _at_least(500.0),
    ("LunarLander-v3", "lab8"): Success(text=_SOLVED, is_reached=lambda each: each.reason == "solved", goal=200.0),
    ("LunarLander-v3", "fast"): _at_least(200.0),
    ("LunarLander-v3", "strong"): _at_least(200.0),
    ("Acrobot-v1", "fast"): _at_least(-100.0),
    ("Acrobot-v1", "strong"): _at_least(-76.0),
    ("MountainCar-v0", "fast"): _at_least(-110.0),
    ("MountainCar-v0", "strong"): _at_least(-105.0),
    ("FrozenLake-v1", "fast"): _at_least(0.70, 1_000),
    ("Taxi-v4", "fast"): _at_least(7.5, 1_000),
    ("CliffWalking-v1", "fast"): _at_least(-13.0),
    ("Blackjack-v1", "fast"): _at_least(-0.08, 10_000),
    **{(env_id, "fast"): _at_least(published.at_as_many) for env_id, published in _YOUNG_AND_TIAN.items()},
}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One line of what was to be reached."""

    env_id: str
    preset: str
    text: str
    seeds: int
    """Seeds that it is asked of."""
    measure: Callable[[Results], tuple[str, bool]]
    """What came out, and whether that is enough."""

    def line(self, results: Results) -> str:
        """Its row of the table."""
        measured, is_enough = self.measure(results) if results else ("-", False)
        verdict = "reached" if is_enough else "**not reached**"
        if len(results) < self.seeds:
            verdict = f"measured on {len(results)} of {self.seeds} seeds"
        return f"| {self.env_id} | `{self.preset}` | {self.text} | {measured} | {verdict} |"


def _share(least: int, is_reached: Callable[[SeedResult], bool]) -> Callable[[Results], tuple[str, bool]]:
    def measure(results: Results) -> tuple[str, bool]:
        count = sum(map(is_reached, results))
        return f"{count} of {len(results)}", count >= least

    return measure


def _within_a_minute(goal: float) -> Callable[[SeedResult], bool]:
    return lambda each: each.mean_100 >= goal and each.wall_s <= 60.0


def _mean(least: float, digits: int = 1) -> Callable[[Results], tuple[str, bool]]:
    def measure(results: Results) -> tuple[str, bool]:
        mean = statistics.fmean(each.mean_100 for each in results)
        return f"{mean:.{digits}f}", mean >= least

    return measure


def _worst(least: float) -> Callable[[Results], tuple[str, bool]]:
    def measure(results: Results) -> tuple[str, bool]:
        worst = min(each.mean_100 for each in results)
        return f"{worst:.1f}", worst >= least

    return measure


def _median_time(most: float) -> Callable[[Results], tuple[str, bool]]:
    def measure(results: Results) -> tuple[str, bool]:
        middle = statistics.median(each.wall_s for each in results)
        return f"{middle:.1f} s", middle <= most

    return measure


def _goal(env_id: str, preset: str, text: str, measure: Callable[[Results], tuple[str, bool]], seeds: int = 30) -> Goal:
    return Goal(env_id=env_id, preset=preset, text=text, seeds=seeds, measure=measure)


GOALS = (
    _goal("CartPole-v1", "strong", "500.0 on 97 of 100 seeds", _share(97, lambda each: each.mean_100 >= 500.0), 100),
    _goal("CartPole-v1", "fast", "475 on 97 of 100 seeds", _share(97, lambda each: each.mean_100 >= 475.0), 100),
    _goal("CartPole-v1", "fast", "median time at most 5 s", _median_time(5.0), 100),
    _goal("CartPole-v1", "lab8", "solved on 85 % of 30 seeds", _share(26, lambda each: each.reason == "solved")),
    _goal("LunarLander-v3", "strong", "mean at least 220", _mean(220.0)),
    _goal("LunarLander-v3", "strong", "above 200 on 27 of 30 seeds", _share(27, lambda each: each.mean_100 > 200.0)),
    _goal(
        "LunarLander-v3",
        "fast",
        "200 within 60 s on 28 of 30 seeds",
        _share(28, lambda each: each.mean_100 >= 200.0 and each.wall_s <= 60.0),
    ),
    _goal("Acrobot-v1", "strong", "mean at least -72", _mean(-72.0)),
    _goal("MountainCar-v0", "strong", "mean at least -99.5", _mean(-99.5, 2)),
    _goal("MountainCar-v0", "strong", "no seed below -105", _worst(-105.0)),
    *(
        _goal(env_id, "fast", f"{goal:g} within 60 s on 9 of 10 seeds", _share(27, _within_a_minute(goal)))
        for env_id, goal in (("FrozenLake-v1", 0.70), ("Taxi-v4", 7.5), ("CliffWalking-v1", -13.0))
    ),
)

_HEAD = """# Results

Made by `make results` (`python -m benchmarks.learning`), which writes this page and its picture from the tables in
`benchmarks/results/learning/`, one per preset with a row per seed. Seeds from 0 on are reported, 100 for CartPole's
`fast` and `strong`, 10 for MinAtar's games and 30 for the others; none is left out. Settings were chosen on seeds
from 100 on (`lab8` has those of the course lab). "100 episodes" are greedy episodes with the weights that the run
itself selected, on starts that were used neither for training nor for selecting weights: reset seeds 10000 + 1000 s,
10001 + 1000 s, ... for the run with seed s, so that no start that is hard by chance counts for all runs. Where a single
episode says little, there are more of them: 1,000 for FrozenLake and Taxi, 10,000 for Blackjack. Rewards are those of
the environments. Env steps include the warm-up; those of evaluations are not counted, as in the references. The wall
time covers the whole run, including start-up and evaluations; "-" stands where other programs ran beside it.

The same seed gives the same run on every CPU ([decision 017](decisions/017-one-run-on-every-cpu.md)), so these shares
are the same on another machine; only the times differ.

![Distribution of the seeds' means](pictures/results.svg)

Each dot is one seed's mean over its final episodes. Seeds far below the rest are drawn at the left edge.
"""

_REFERENCES = """## Compared with other implementations

Mean ± standard deviation of the return, with the env steps trained:

| | RL Zoo, tuned DQN | CleanRL, 500k steps | course lab (Keras, one run) |
|---|---:|---:|---:|
| CartPole-v1 | 500.0 ± 0.0 at 50k | 488.7 | 483.25 (20 episodes, 53,192 steps, 1 h 23 min) |
| LunarLander | 154.4 ± 79.2 at 100k | - | 127.2 (20 episodes, 40,249 steps, 1 h 4 min) |
| Acrobot-v1 | -76.6 ± 11.8 at 100k | -91.5 | - |
| MountainCar-v0 | -100.8 ± 9.9 at 120k | -195.0 | - |

The other figures are as reported by their authors; here a run keeps the weights of its best evaluation. RL Zoo's
LunarLander is version 2, which differs from version 3 only in its wind.
"""


def write_results_page(kept: Kept, machine: str) -> None:
    """Write page, picture and records of ``kept``, results by (environment, preset) in the order of the page."""
    (DOCS / "pictures" / "results.svg").write_text(distributions_svg(_means(kept)), encoding="utf-8")
    parts = [_HEAD, _shares(kept, machine), _goals(kept), _REFERENCES, *_minatar(kept), *_lab(kept), _tried()]
    (DOCS / "results.md").write_text("\n".join(parts), encoding="utf-8")
    records = [_record(*key, results) for key, results in kept.items()]
    RECORDS.write_text(json.dumps([record.to_dict() for record in records], indent=1) + "\n", encoding="utf-8")


def _means(kept: Kept) -> dict[tuple[str, str], list[float]]:
    return {key: [each.mean_100 for each in results] for key, results in kept.items()}


def _record(env_id: str, preset: str, results: Results) -> PresetRecord:
    success = SUCCESSES[env_id, preset]
    reached = sum(map(success.is_reached, results))
    low, high = wilson_interval(reached, len(results))
    return PresetRecord(
        env_id=env_id,
        preset=preset,
        settings=settings_digest(preset_config(env_id, preset)),
        goal=success.goal,
        reached=reached,
        seeds=len(results),
        low=round(low, 4),
        high=round(high, 4),
    )


def _shares(kept: Kept, machine: str) -> str:
    lines = [
        "## Shares of seeds",
        "",
        (
            "What counts as success for each preset, the share of seeds that succeed with its 95 % interval (Wilson "
            "1927), and the distribution of the seeds' means over their final episodes: minimum, 10 %, median, 90 %, "
            "maximum."
        ),
        "",
        "| | preset | success | share of seeds | mean | spread | env steps, median | wall time, median (most) |",
        "|---|---|---|---:|---:|---|---:|---:|",
    ]
    for (env_id, preset), results in kept.items():
        record, means = _record(env_id, preset, results), sorted(each.mean_100 for each in results)
        digits = _DIGITS.get(env_id, 1)
        spread = ", ".join(f"{_quantile(means, level):.{digits}f}" for level in (0.0, 0.1, 0.5, 0.9, 1.0))
        times = [each.wall_s for each in results if not math.isnan(each.wall_s)]
        time = f"{statistics.median(times):.1f} s ({max(times):.1f} s)" if times else "-"
        lines.append(
            f"| {env_id} | `{preset}` | {SUCCESSES[env_id, preset].text} | {record.reached} of {record.seeds}: "
            f"{record.low:.0%} to {record.high:.0%} | {statistics.fmean(means):.{digits}f} | {spread} | "
            f"{statistics.median(each.env_steps for each in results):,.0f} | {time} |"
        )
    return "\n".join([*lines, "", f"Times on {machine}.", ""])


def _quantile(ordered: Sequence[float], level: float) -> float:
    place = level * (len(ordered) - 1)
    lower, upper = ordered[math.floor(place)], ordered[math.ceil(place)]
    return lower + (upper - lower) * (place - math.floor(place))


def _goals(kept: Kept) -> str:
    lines = ["## Goals", "", "| | preset | to reach | measured | |", "|---|---|---|---:|---|"]
    lines += [goal.line(kept.get((goal.env_id, goal.preset), ())) for goal in GOALS]
    return "\n".join([*lines, ""])


def _minatar(kept: Kept) -> list[str]:
    """MinAtar's games beside their authors' DQN at the same number of frames."""
    lines = [
        "## MinAtar beside Young & Tian",
        "",
        (
            "What a preset's run reaches, beside DQN in the learning curves that MinAtar's authors publish with it "
            "(github.com/kenjyoung/MinAtar, `img/learning_curves.gif`; Young & Tian 2019), read off the picture: the "
            "average of 30 runs. Theirs are returns while it trains, with exploration, over the last 100 episodes, and "
            "with all six actions; ours are greedy, with the actions that a game has. Success above is their return "
            "at the same number of frames. Asterix is learned with an update every fourth frame, as in Mnih et al. "
            "(2015), for which there are three times as many frames in the same time."
        ),
        "",
        (
            "| | seeds | frames | mean of 100 episodes: mean, least to most | random actions | theirs after as many "
            "| after 5,000,000 |"
        ),
        "|---|---:|---:|---|---:|---:|---:|",
    ]
    for env_id, published in _YOUNG_AND_TIAN.items():
        if results := kept.get((env_id, "fast"), ()):
            means = [each.mean_100 for each in results]
            reached = f"{statistics.fmean(means):.1f}, {min(means):.1f} to {max(means):.1f}"
            others = f"{published.random} | {published.at_as_many} | {published.at_5m:.0f}"
            lines.append(f"| {env_id} | {len(means)} | {results[0].env_steps:,} | {reached} | {others} |")
    return ["\n".join([*lines, ""])] if len(lines) > 6 else []


@dataclass(frozen=True, kw_only=True)
class _Report:
    """The lab's own run, as its report tells it."""

    mean_20: float
    env_steps: int
    first_episode: tuple[int, int] | None = None
    """Between which episodes an evaluation was first above 100."""


_REPORTS = {
    "CartPole-v1": _Report(mean_20=483.25, env_steps=53_192, first_episode=(80, 100)),
    "LunarLander-v3": _Report(mean_20=127.2, env_steps=40_249),
}


def _lab(kept: Kept) -> list[str]:
    """Where the report's own run lies among those of ``lab8``."""
    if not any(preset == "lab8" for _, preset in kept):
        return []
    lines = [
        "## The course lab's run among runs with the same settings",
        "",
        (
            "`lab8` repeats the course lab's notebook, draw for draw and step for step; a test compares it with Keras. "
            "The lab's report describes one run per environment. Steps are counted from the end of the warm-up, as in "
            "the report. The share after each figure of the report is the share of seeds below it."
        ),
        "",
        "| | seeds solved | 20 episodes: seeds (report) | env steps: seeds (report) | first evaluation above 100 |",
        "|---|---:|---|---|---|",
    ]
    for env_id, report in _REPORTS.items():
        if not (results := kept.get((env_id, "lab8"), ())):
            continue
        prefill = preset_config(env_id, "lab8").warmup_steps
        means = [each.mean_20 for each in results]
        steps = [each.env_steps - prefill for each in results if each.reason == "solved"]
        solved = sum(each.reason == "solved" for each in results)
        first = "-"
        if report.first_episode:
            episodes = sorted(each.first_episode or math.inf for each in results)
            first = (
                f"episodes {_quantile(episodes, 0.1):.0f} to {_quantile(episodes, 0.9):.0f}, median "
                f"{_quantile(episodes, 0.5):.0f} (around {report.first_episode[0]} to {report.first_episode[1]})"
            )
        lines.append(
            f"| {env_id} | {solved} of {len(results)} | {_range(means, 1)} ({_placed(report.mean_20, means)}) | "
            f"{_range(steps, 0)} ({_placed(report.env_steps, steps)}) | {first} |"
        )
    return ["\n".join([*lines, ""])]


def _range(values: Sequence[float], digits: int) -> str:
    ordered = sorted(values)
    return f"{ordered[0]:,.{digits}f} to {ordered[-1]:,.{digits}f}, median {_quantile(ordered, 0.5):,.{digits}f}"


def _placed(value: float, values: Sequence[float]) -> str:
    return f"{value:,}: above {sum(each < value for each in values) / len(values):.0%}"


def _tried() -> str:
    return (Path(__file__).parent / "results" / "tried.md").read_text(encoding="utf-8")
