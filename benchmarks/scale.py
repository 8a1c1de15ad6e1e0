"""What a platform for thousands costs one server process, by simulation; writes ``docs/scale.md``.

    python -m benchmarks.scale            a few minutes; process time is counted, so other programs disturb little
    python -m benchmarks.scale --quick    in little, into test-output/

Trainers are made up: they learn nothing, and emit the events of a run at its real rate. What the server does with the
events is real: the recorder, the live feed, the database, the topic of the live socket, the queue.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import math
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from unittest import mock

import tyro

from benchmarks.event_costs import made_up_episode
from benchmarks.machine import machine_summary
from dqn_core.config import TrainingConfig
from dqn_core.events import Phase, Progress, RunStarted, RunState, StateChanged
from dqn_core.presets import preset_config
from dqn_core.runs import scheduler as scheduler_module
from dqn_core.runs.executors.choice import Executors
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.managed_run import ManagedRun
from dqn_core.runs.manager import RunManager
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.scheduler import Scheduler
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.view import RunView
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scale.json"
PAGE = ROOT / "docs" / "scale.md"
STUDENTS = 10_000
HEARTBEATS = 20
"""A second, of a trainer."""
MESSAGES = 10
"""A second to a viewer, at most."""
PACES = {"full": 100.0, "real": 0.25}
"""Episodes a second of CartPole: 200 steps long at 20,000 a second, and at the 50 a second of real time."""
_TICK_S = 1 / HEARTBEATS


@dataclass(frozen=True)
class Sizes:
    """How many runs, and for how long each number of them is simulated."""

    seconds: dict[int, float]
    rounds: int
    queues: tuple[int, ...]
    """Runs that wait: fewer, for what telling them their places costs grows with the square."""


FULL = Sizes({100: 4.0, 1_000: 1.0, 10_000: 0.5}, rounds=3, queues=(100, 1_000, 10_000))
QUICK = Sizes({10: 1.0, 20: 4.0, 40: 0.5}, rounds=2, queues=(10, 40))
_RARE = 4
"""How many times fewer writes are tried too; where a run is simulated for some seconds."""


# ---------------------------------------------------------------------------------------------------------- measuring


def measure(sizes: Sizes) -> dict[str, Any]:
    """Process seconds of a run's second, of a message to a viewer, of a run that joins the queue; by their number."""
    config = preset_config("CartPole-v1", "fast")
    runs = {
        str(count): {
            name: _measured_runs(config, count, seconds, pace)
            for name, pace in PACES.items()
            if name == "full" or seconds >= 1.0  # in real time there is little to write in less
        }
        for count, seconds in sizes.seconds.items()
    }
    viewers = {str(count): asyncio.run(_viewers(config, count, sizes.rounds)) for count in sizes.seconds}
    return {"runs": runs, "viewers": viewers, "queue": {str(count): _queue(config, count) for count in sizes.queues}}


def _measured_runs(config: TrainingConfig, count: int, seconds: float, pace: float) -> dict[str, float]:
    """With the database, without it, and with fewer writes where the time is long enough for some."""
    measured = _runs(config, count, seconds, pace)
    measured["feed_cpu_s"] = _runs(config, count, seconds, pace, writes=0.0)["cpu_s"]
    if seconds >= _RARE:
        measured["rare_cpu_s"] = _runs(config, count, seconds, pace, writes=1 / _RARE)["cpu_s"]
    return measured


def _record(config: TrainingConfig, number: int, **values: Any) -> RunRecord:
    run_id = f"20260401-120000-{number:06d}"
    now = datetime.now(UTC)
    values = {"owner": f"student {number}", "state": RunState.RUNNING} | values
    return RunRecord(run_id=run_id, name="", config=config, initial_config=config, started_at=now, **values)


def _runs(config: TrainingConfig, count: int, seconds: float, pace: float, writes: float = 1.0) -> dict[str, float]:
    """``count`` runs at once, each as its own thread would do it, one after the other.

    ``writes`` is how often they are kept in the database, over how often they are: 0 for never.
    """
    now = 0.0
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder) / "scale.sqlite")
        run_folder = RunFolder.create(Path(folder) / "run", config)
        before = _resident_bytes()
        recorders = []
        for number in range(count):
            record = _record(config, number)
            store.create_run(record)
            recorder = RunRecorder(LiveFeed(record), store, run_folder, clock=lambda: now * (writes or 1.0))
            recorder.take(RunStarted(compute="fused", compute_template="", compute_parameters={}, parameters=1))
            recorders.append(recorder)
        appended = _counted(store, is_kept=writes > 0.0)
        episodes = 0
        cpu, wall = time.process_time(), time.perf_counter()
        for tick in range(1, round(seconds * HEARTBEATS) + 1):
            now = tick * _TICK_S
            due = int(now * pace)
            rows = [made_up_episode(config, number + 1) for number in range(episodes, due)]
            heartbeat = _heartbeat(now, tick, due)
            for recorder in recorders:
                for row in rows:
                    recorder.take(row)
                recorder.take(heartbeat)
            episodes = due
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        memory = _resident_bytes() - before
        appends = appended()
        store.close()
    of_one = count * seconds
    return {
        "cpu_s": cpu / of_one,
        "wall_s": wall / of_one,
        "writes": appends / of_one,
        "bytes": max(0, memory) / count,
    }


def _counted(store: RunStore, *, is_kept: bool) -> Callable[[], int]:
    """Counts the store's transactions from now on; without keeping anything unless ``is_kept``."""
    append, count = store.append, 0

    def counting(*arguments: Any, **values: Any) -> None:
        nonlocal count
        count += 1
        if is_kept:
            append(*arguments, **values)

    store.append = counting  # type: ignore[method-assign]
    return lambda: count


def _heartbeat(now: float, tick: int, episodes: int) -> Progress:
    return Progress(
        wall_time_s=now,
        env_step=1_000 * tick,
        updates=1_000 * tick,
        episode=episodes + 1,
        phase=Phase.TRAINING,
        epsilon=0.1,
        steps_per_s=20_000.0,
        episode_return=10.0,
        buffer_fill=1_000,
    )


class _Platform:
    """What the topic of a run asks a manager for."""

    def __init__(self, feeds: dict[str, LiveFeed]) -> None:
        self._feeds = feeds

    def view(self, run_id: str) -> RunView:
        return RunView(self._feeds[run_id], cast("RunStore", None))  # all of it is in memory

    def look(self, run_id: str) -> None:
        """Somebody looks at the run."""


class _Ticks:
    """The live sockets' tenth of a second, which comes when it is told to, however slow the machine is."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Until the next tick."""
        await self._next.wait()

    def go_on(self) -> None:
        """The next tick comes."""
        self._next.set()
        self._next = asyncio.Event()


async def _viewers(config: TrainingConfig, count: int, rounds: int) -> dict[str, float]:
    """Each of ``count`` runs watched by one tab, as its student does; the network's part is left out."""
    from starlette.applications import Starlette

    from pages.shared.browser import live_socket
    from pages.train import stream
    from tests.support.asgi_socket import AsgiSocket

    ticks = _Ticks()
    records = [_record(config, number) for number in range(count)]
    feeds = {each.run_id: LiveFeed(each) for each in records}
    platform = cast("RunManager", _Platform(feeds))
    routes = live_socket.live_socket_routes({"run": stream.run_topic(lambda: platform)}, lambda: False)
    app = Starlette(routes=routes)
    with (
        mock.patch.object(live_socket, "next_tick", ticks.wait),
        mock.patch.object(stream, "next_tick", ticks.wait),
    ):
        before = _resident_bytes()
        sockets = [AsgiSocket(app, "/live/socket") for _ in records]
        for socket, record in zip(sockets, records, strict=True):
            await socket.__aenter__()
            request = {"subscribe": 1, "topic": "run", "parameters": {"run": record.run_id}}
            socket.send_text(json.dumps({**request, "cursor": {}, "language": "en"}))
        for socket in sockets:
            await socket.receive_json()
        memory = _resident_bytes() - before
        sent = 0
        cpu = time.process_time()
        for tick in range(1, rounds + 1):
            heartbeat, row = _heartbeat(tick / MESSAGES, tick, tick), made_up_episode(config, tick)
            for feed in feeds.values():
                feed.publish(row)
                feed.publish(heartbeat)
            ticks.go_on()
            for socket in sockets:
                message = await socket.receive_json()
                while "data" not in message:  # the socket's own heartbeat
                    message = await socket.receive_json()
                sent += len(json.dumps(message, separators=(",", ":")))
        cpu = time.process_time() - cpu
        leaving = [asyncio.create_task(socket.__aexit__()) for socket in sockets]
        while any(not each.done() for each in leaving):
            ticks.go_on()
            await asyncio.sleep(0)
    return {"cpu_s": cpu / (count * rounds), "bytes": sent / (count * rounds), "memory": max(0, memory) / count}


class _Recorder:
    """All that a run which waits has of its recorder."""

    def __init__(self, record: RunRecord) -> None:
        self.feed = LiveFeed(record)


class _Run(ManagedRun):
    """One that trains nothing when its turn comes."""

    def begin(self, *_: object, **_options: object) -> None:
        """Its turn has come."""
        self.feed.publish(StateChanged(state=RunState.RUNNING))


class _Clock:
    """Stands where it is put, so that places are worked out when they are to be measured."""

    def __init__(self) -> None:
        self.now = 1.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


def _queue(config: TrainingConfig, count: int) -> dict[str, float]:
    """Two runs train and ``count`` wait: one more joins, and once a second all hear their places."""
    scheduler = Scheduler(Executors("thread", (), Trainer), max_active_runs=2)
    records = (_record(config, number, state=RunState.QUEUED) for number in range(count + 3 + _JOINING))
    runs = [_Run(cast("RunRecorder", _Recorder(each))) for each in records]
    clock = _Clock()
    with mock.patch.object(scheduler_module, "time", clock):
        for run in runs[: count + 2]:
            scheduler.enter(run)
        *others, last = runs[count + 2 :]
        joins = [_process_s(functools.partial(scheduler.enter, run)) for run in others]
        clock.now += 2.0
        return {"places_s": _process_s(functools.partial(scheduler.enter, last)), "join_s": statistics.median(joins)}


_JOINING = 20
"""Runs that join a queue in order to measure what one costs; with one more, all places are worked out."""


def _process_s(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _resident_bytes() -> int:
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text("ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


# ----------------------------------------------------------------------------------------------------------- the page


def page(results: dict[str, Any]) -> str:
    """``docs/scale.md``."""
    measured = results["measured"]
    counts = sorted(map(int, measured["runs"]))
    largest, viewer = measured["runs"][str(counts[-1])], measured["viewers"][str(counts[-1])]
    run, message = largest["full"], viewer["cpu_s"]
    real = [measured["runs"][str(count)]["real"] for count in counts if "real" in measured["runs"][str(count)]][-1]
    n_bytes = max(each["bytes"] for each in measured["viewers"].values())
    queue = {int(count): each["places_s"] for count, each in measured["queue"].items()}
    (fewer, less), (more, most) = sorted(queue.items())[-2:]
    power = math.log(most / less) / math.log(more / fewer)
    watched = {name: each["cpu_s"] + MESSAGES * message for name, each in (("full", run), ("real", real))}
    write = (run["cpu_s"] - run["feed_cpu_s"]) / run["writes"]
    rare = max(each["full"].get("rare_cpu_s", 0.0) for each in measured["runs"].values())
    slow = MESSAGES * message - 2 * message
    changes = [
        ("as it is", watched["full"]),
        (f"two messages a second to a viewer instead of {MESSAGES}", watched["full"] - slow),
        (f"one write of a run a second instead of {run['writes']:.0f}, of the same rows", rare + MESSAGES * message),
        ("both", rare + 2 * message),
    ]
    walls = [
        ("one process, each run at full speed and watched by its student", 1 / watched["full"]),
        ("one process, each run in real time and watched", 1 / watched["real"]),
        ("one process, each run at full speed and nobody looks", 1 / run["cpu_s"]),
        ("their writes alone, at full speed", 1 / (write * run["writes"])),
        ("runs that wait, told their places once a second", more * most ** (-1 / power)),
    ]
    return f"""\
# Towards thousands, on paper

Made by `python -m benchmarks.scale`, which writes this page from `benchmarks/results/scale.json`. Trainers are simulated: they learn nothing and emit the events of a CartPole run at its real rate, {HEARTBEATS} heartbeats a second and {PACES["full"]:.0f} episodes a second at full speed (200 steps long, 20,000 steps a second) or {PACES["real"]} in real time (50 steps a second). What the server does with the events is real: the recorder, the live feed, SQLite, the live socket's topic, the queue. All figures are seconds of processor time, which other programs disturb less than the clock.

Measured on {results["machine"]}; load {results["load"]:.1f} when it began.

## Measured

| at once | a run's second, full speed | without the database | a run's second, real time | a message to a viewer |
| ---: | ---: | ---: | ---: | ---: |
{"".join(_row(count, measured) for count in counts)}
| waiting | telling all their places | one more joins |
| ---: | ---: | ---: |
{"".join(f"| {int(count):,} | {_ms(each['places_s'])} | {_ms(each['join_s'])} |{chr(10)}" for count, each in measured["queue"].items())}
A run at full speed writes to the database {run["writes"]:.0f} times a second. A message has {n_bytes:.0f} bytes. A viewer takes {_kb(viewer["memory"])} of the server's memory, a run {_kb(run["bytes"])} after {results["seconds"][str(counts[-1])]} s. Waiting runs are told their places and times once a second at most when they are more than 300; each of those here is another student's. All rows hold for one process.

## The arithmetic

A Python process has one second of processor time a second. With `c` for a run's second and `m` for a message, of which a viewer gets at most {MESSAGES} a second, it carries `1 / c` runs that nobody watches and `1 / (c + {MESSAGES} m)` that have a viewer each:

- at full speed `c + {MESSAGES} m` = {_ms(run["cpu_s"])} + {MESSAGES} × {_ms(message)} = {_ms(watched["full"])},
- in real time `c + {MESSAGES} m` = {_ms(real["cpu_s"])} + {MESSAGES} × {_ms(message)} = {_ms(watched["real"])}.

| one process carries | runs |
| --- | ---: |
{"".join(f"| {name} | {count:,.0f} |{chr(10)}" for name, count in walls)}
**The first wall stands at about {_round(1 / watched["full"]):,} students who train at full speed and look on**: one process of the server then has no time left. {1 - run["feed_cpu_s"] / run["cpu_s"]:.0%} of a run's second is the database's, {_ms(write)} a write; a viewer costs {MESSAGES * message / run["cpu_s"]:.1f} times as much as the run.

{STUDENTS:,} such students need {STUDENTS:,} × {_ms(watched["full"])} = {STUDENTS * watched["full"]:.0f} dashboard processes, beside the {STUDENTS:,} cores that train; in real time {STUDENTS * watched["real"]:.0f}. Their messages are {STUDENTS * MESSAGES * n_bytes * 8 / 1e6:,.0f} Mbit/s, their writes {STUDENTS * run["writes"]:,.0f} a second.

**The second wall stands at about {_round(more * most ** (-1 / power)):,} students who wait in one queue**: telling them their places takes a second of every second then. It grows with the {power:.1f}th power of their number (measured from {fewer:,} to {more:,}); for {STUDENTS:,} it is {most * (STUDENTS / more) ** power:.2g} s each time. The order is worked out pick by pick, from a heap of every student's first run.

## What moves it

| change | a watched run's second | students a process | processes for {STUDENTS:,} |
| --- | ---: | ---: | ---: |
{"".join(f"| {name} | {_ms(cost)} | {1 / cost:,.0f} | {STUDENTS * cost:.0f} |{chr(10)}" for name, cost in changes)}
The fewer writes were measured, with the clock of the recorder {_RARE} times slower. More processes are several dashboards on one PostgreSQL ([deployment](deployment.md#several-dashboards-one-postgresql)); what their database carries is not measured here.

## What this leaves out

- The training itself: one core a run. It is the largest part by far, and a cluster's.
- A thread for each run, and switching between them: 10,000 threads were not started.
- The network's part of a message: frames, TLS, the proxy.
- Streamlit's pages. A click runs a page's script, for tens of milliseconds; [`performance.md`](performance.md#a-class-on-one-server) measures a class of students who click.
- Weights, checkpoints and pictures, which go into the run's folder, not into the database.
- Waiting for the disk: it takes no processor time.
- Real students. It is a simulation, extrapolated from one machine.
"""


def _row(count: int, measured: dict[str, Any]) -> str:
    full, real = measured["runs"][str(count)]["full"], measured["runs"][str(count)].get("real")
    cells = [full["cpu_s"], full["feed_cpu_s"], real and real["cpu_s"], measured["viewers"][str(count)]["cpu_s"]]
    return f"| {count:,} | {' | '.join('' if each is None else _ms(each) for each in cells)} |\n"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _kb(n_bytes: float) -> str:
    return f"{n_bytes / 1e3:.0f} kB"


def _round(number: float) -> int:
    """To one digit."""
    return int(float(f"{number:.1g}"))


# -------------------------------------------------------------------------------------------------------- the command


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    quick: bool = False
    """Few runs, into test-output/, to see that it works."""


def main(options: Options) -> None:
    """Measure, keep the results, write the page."""
    sizes = QUICK if options.quick else FULL
    kept: dict[str, Any] = {"machine": machine_summary(), "load": os.getloadavg()[0], "seconds": sizes.seconds}
    kept = json.loads(json.dumps({**kept, "measured": measure(sizes)}))
    results, written = RESULTS, PAGE
    if options.quick:
        results, written = (ROOT / "test-output" / each.name for each in (RESULTS, PAGE))
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")
    written.write_text(page(kept), "utf-8")
    print(f"{results}\n{written}")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
