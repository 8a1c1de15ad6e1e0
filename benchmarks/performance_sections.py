"""The sections of ``docs/performance.md``: one function for each part of the benchmark, from its result to Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.performance_text import (
    megabytes,
    microseconds,
    milliseconds,
    percent,
    rate,
    seconds,
    spread,
    table,
    times,
)

__all__ = ["SECTIONS"]

Measured = Mapping[str, Any]
_RIVALS = {"sb3": "Stable-Baselines3's DQN", "single_file": "single-file torch DQN"}
_OWN = {
    "real_path": "DQN Lab: run manager, events, live feed, SQLite log",
    "trainer": "DQN Lab: trainer alone",
    "sustained": "DQN Lab: run manager, a longer run",
}


def _loop(measured: Measured) -> str:
    text = """\
Env steps a second of the whole loop: act, step, store, draw, update. Everywhere one update at each env step, batch
128, hidden layers 32 and 32, Huber loss, Adam, 10,000 transitions, target copied each 500 steps, epsilon 0.1, no
evaluation; the same number of env steps and of updates for all, which is checked. Environments are Gymnasium's own in
all of them, without its checks. What is done once (imports, compiling, a first short run) is left out on all sides.
The single-file DQN is this project's own writing in the style of such implementations: a loop, numpy arrays, autograd.
Each rival computes with the number of torch's threads that a short trial showed to be its better one.
"""
    return text + "\n" + "\n".join(_loop_in(env_id, result) for env_id, result in measured.items())


def _loop_in(env_id: str, result: Measured) -> str:
    rivals = [name for name in _RIVALS if name in result["threads"]]
    head = ("", "env steps", "env steps/s", *(f"over {_RIVALS[name]}" for name in rivals))
    rows = [
        (
            f"{_OWN[name]} ({result['compute']})",
            f"{result['sustained_steps' if name == 'sustained' else 'steps']:,}",
            rate(result["steps_per_s"][name]),
            *(times(result["times_faster"][name][rival]) for rival in rivals),
        )
        for name in _OWN
    ]
    for name in rivals:
        threads = f"{result['threads'][name]} of {max(map(int, result['threads_tried'][name]))} threads"
        label = f"{_RIVALS[name]} ({threads})"
        rows.append((label, f"{result['steps']:,}", rate(result["steps_per_s"][name]), *("" for _ in rivals)))
    return f"### {env_id}\n\n" + table(head, rows)


def _lab(measured: Measured) -> str:
    names = {
        "trainer": "trainer alone",
        "real_path": "run manager, events, live feed, SQLite log",
        "with_evaluations": "the same, with a greedy episode of evaluation after each episode, as in the lab",
    }
    text = (
        f"The env steps that the lab's report gives for CartPole, {measured['env_steps']:,}, with an update each, by "
        "the preset `lab8` without its goal, and with little exploration, so that episodes are long. Seconds from the "
        "end of the set-up. The lab's own Keras loop took 1 h 23 min.\n\n"
    )
    return text + table(("", "time"), [(names[name], seconds(each)) for name, each in measured["seconds"].items()])


def _update(measured: Measured) -> str:
    computes = list(next(iter(measured.values()))["us"])
    text = (
        "One update on rows drawn beforehand: batch 128, 8 numbers an observation, 4 actions, two hidden layers of the "
        "width given, Huber loss, clipped gradients, Adam. `auto` picks by a calibration of its own.\n\n"
    )
    head = ("width", *computes, *(f"{name}: times faster than torch-cpu" for name in computes if name != "torch-cpu"))
    rows = [
        (
            f"{int(width):,}",
            *(microseconds(each) for each in result["us"].values()),
            *(times(each) for each in result["times_faster_than_torch_cpu"].values()),
        )
        for width, result in measured.items()
    ]
    missing = "" if "torch-cuda" in computes else "\nNo GPU was there: torch-cuda was not measured.\n"
    return text + table(head, rows) + missing


def _replay(measured: Measured) -> str:
    few, many = (f"{measured['rows'][name]:,} rows" for name in ("few", "many"))
    names = {
        "loop": "env step of the whole loop, CartPole",
        "update_4": "drawing rows and updating, 4 numbers an observation",
        "update_8": "the same, 8 numbers",
    }
    rows = [
        (
            label,
            *(microseconds(measured[name]["us"][kind]) for kind in ("few", "many")),
            times(measured[name]["times_longer"]),
        )
        for name, label in names.items()
    ]
    text = (
        "Time with a replay memory that is full, by its rows. In the loop, two trainers go on in turns, with a "
        "learning rate so small that both play the same policy.\n\n"
    )
    return text + table(("", few, many, "times longer"), rows)


def _episodes(measured: Measured) -> str:
    text = (
        f"One run of {measured['episodes']:,} episodes of at most {measured['episode_steps']} env steps, through "
        "manager, live feed and log, with a replay memory that is full from the beginning. Time of an env step, its "
        "share of the episode's end included, in each tenth of the run, from the log's own clock. The last tenth's is "
        f"{measured['times_longer']:.2f} times the first's.\n\n"
    )
    rows = [(str(number), microseconds(each)) for number, each in enumerate(measured["us"], start=1)]
    return text + table(("tenth", "time of an env step"), rows)


def _parts(measured: Measured) -> str:
    names = {
        "act": "act (epsilon-greedy, 9 of 10 by the network)",
        "environment": "environment (random actions, resets included)",
        "store": "store",
        "sample": "draw 128 rows",
        "update": "gather and update",
        "events": "events (20 heartbeats a second, ended episodes, SQLite)",
        "loop": "the loop itself (the rest)",
        "step": "**whole step**",
    }
    rows = []
    for name, label in names.items():
        cells = (
            f"{result['loop_us']:.3g} µs" if name == "loop" else microseconds(result["us"][name])
            for result in measured.values()
        )
        rows.append((label, *cells))
    text = (
        "One env step with its update, by part. Each part is timed alone over many calls; the whole step comes from "
        "runs through the manager; the rest between them is the loop's own work, the ends of episodes, and the caches "
        "that the parts take from each other.\n\n"
    )
    return text + table(("part", *measured), rows)


def _memory(measured: Measured) -> str:
    names = {
        "python": "Python alone",
        "config": "with the config and presets",
        "train_fused": "a run of {count:,} env steps, compute `fused`",
        "train_torch": "the same, `torch-cpu`",
        "train_auto": "the same, `auto`, which tries both",
        "replay_4": "a replay memory of {count:,} rows, 4 numbers an observation",
        "replay_8": "the same, 8 numbers",
        "episodes": "live feed and store with {count:,} episodes",
        "sb3": "Stable-Baselines3, {count:,} env steps",
    }
    rows = [
        (label.format(count=measured[name]["count"]), megabytes(measured[name]["bytes"]))
        for name, label in names.items()
        if name in measured
    ]
    return "Peak resident memory, each in a process of its own, Python included.\n\n" + table(("", "memory"), rows)


def _processes(measured: Measured) -> str:
    runs = measured["runs"]
    names = {
        "one": "one run alone, in the server's process",
        "threads": f"{runs} runs in threads of one process",
        "auto": f"{runs} runs as the lab does it: the first in the server's process, the others in their own",
        "processes": f"{runs} runs, each in a process of its own",
    }
    text = (
        f"Env steps a second of {runs} runs in all, with an update each, on {measured['cores']} cores, over a window "
        "in which all of them train.\n\n"
    )
    tables = []
    for env_id, result in measured["envs"].items():
        rows = [
            (label, rate(result["steps_per_s"][name]), times(result["times_one"][name]) if name != "one" else "")
            for name, label in names.items()
        ]
        tables.append(f"### {env_id}\n\n" + table(("", "env steps/s in all", "times one run's"), rows))
    return text + "\n".join(tables)


def _frames(measured: Measured) -> str:
    names = {
        "nobody": ("nobody looks on", None, ""),
        "made": ("ten frames a second made, for nobody", "made", "nobody looks on"),
        "curves": ("a viewer of the curves alone", "curves", "nobody looks on"),
        "frames": ("a viewer of curves and frames", "frames", "the curves alone"),
    }
    text = """\
The real server and one endless run at full speed in one process; the viewer is no browser but reads the stream and
fetches each frame as a browser does, in a process of its own. The four situations take turns. A run gives at most a
tenth of its time to frames: an environment that draws slowly shows fewer.
"""
    parts = [text]
    for env_id, result in measured.items():
        rows = [
            (
                label,
                rate(result["steps_per_s"][name]),
                f"{percent(result['share'][share])} of {base}" if share else "",
            )
            for name, (label, share, base) in names.items()
        ]
        parts += [f"### {env_id}\n", table(("", "env steps/s", "share"), rows)]
        parts.append(
            f"One frame, drawn and compressed in the run's thread: {spread(result['us'], unit=' ms', scale=1e-3)}.\n"
        )
    return "\n".join(parts)


def _dashboard(measured: Measured) -> str:
    if "skipped" in measured:
        return f"Not measured: {measured['skipped']}\n"
    rates, share, clicks = measured["steps_per_s"], measured["share"], measured["clicks_ms"]
    training, idle, server = clicks["training"], clicks["idle"], measured["server_bytes"]
    text = (
        "A real server with one endless CartPole run at full speed, started through the page (preset `fast`, but "
        "hidden layers 32 and 32 and no evaluation), and a headless Chromium on the same cores. Rates come from the "
        "run's own stream.\n\n"
    )
    rate_rows = [
        ("no page open", rate(rates["closed"]), ""),
        ("page open, frames off", rate(rates["open"]), percent(share["open"])),
        ("page open, frames on (at most 10 a second)", rate(rates["frames"]), percent(share["frames"])),
    ]
    click_rows = [
        (
            "“Watch frames”, until the stage is there or gone",
            milliseconds(training["watch"]),
            milliseconds(idle["watch"]),
        ),
        ("“Pause”, until the state says so", milliseconds(training["pause"]), ""),
        ("“Resume”, until the state says so", "", milliseconds(idle["resume"])),
    ]
    idle_server, used_server = megabytes(server["idle"]), megabytes(server["after"])
    return "\n".join(
        (
            text + table(("", "env steps/s", "share"), rate_rows),
            "From the click as the browser stamps it to the first picture with the answer:\n",
            table(("click", "while the run trains", "while it stands still"), click_rows),
            f"Peak memory of the server: {idle_server} before the first run, {used_server} after all of this.\n",
        )
    )


def _class(measured: Measured) -> str:
    if "skipped" in measured:
        return f"Not measured: {measured['skipped']}\n"
    students, enter, server = measured["students"], measured["enter_ms"], measured["server_bytes"]
    text = f"""\
A real server on {measured["cores"]} cores and {students} students, who are no browsers but keep a session, read their
run's stream and press what the page offers, from a process on the same cores. All enter at once; then, within
{measured["arrive_s"]:.0f} s, each chooses the preset `fast` and starts CartPole, and from then on switches the frames
on or off every two to six seconds. {measured["cores"]} runs train at a time, the others wait for their turn.

"""
    rows = [
        ("one student alone opens the page", milliseconds(enter["alone"])),
        (f"{students} students open it at once", milliseconds(enter["at_once"])),
        ("“Start”, until the page has answered", milliseconds(measured["start_ms"])),
        ("“Watch frames”, until the page has answered", milliseconds(measured["click_ms"])),
        ("from “Start” until the run's turn comes", seconds(measured["begun_s"])),
        ("from “Start” until the run is over", seconds(measured["over_s"])),
        (f"all {students} runs, of which {measured['solved']} solved", f"{measured['all_over_s']:.0f} s"),
    ]
    idle, after = megabytes(server["idle"]), megabytes(server["after"])
    memory = f"\nPeak memory of the server: {idle} before, {after} after all of this.\n"
    return text + table(("", "time"), rows) + memory


def _soak(measured: Measured) -> str:
    if "skipped" in measured:
        return f"Not measured: {measured['skipped']}\n"
    server = measured["server_bytes"]
    first, last, most = (megabytes(server[name]) for name in ("first", "last", "most"))
    text = f"""\
A real server with {measured["runs"]} runs of {measured["env_id"]} that do not end (preset `fast`), one in its own
process, the others in workers, and {measured["viewers"]} viewers of their streams and frames, on the same cores. The
memory is the server's own, workers left out: the median of half a minute after the first {measured["after_s"]:.0f} s,
and of the last half minute. {measured["messages"]:,} messages and {measured["frames"]:,} frames were read, and the
runs came to {" and ".join(f"{each:,}" for each in measured["env_steps"])} env steps.

"""
    rows = [
        (f"after {measured['after_s']:.0f} s", first),
        (f"after {measured['minutes']:.3g} min", last),
        ("the most", most),
        ("growth", f"{100.0 * measured['growth']:+.1f} %"),
    ]
    return text + table(("", "memory"), rows)


SECTIONS: dict[str, tuple[str, Callable[[Measured], str]]] = {
    "loop": ("The whole loop beside others", _loop),
    "lab": ("The lab's work", _lab),
    "update": ("The update alone", _update),
    "replay": ("Rows in the replay memory", _replay),
    "episodes": ("Episodes so far", _episodes),
    "parts": ("One step by part", _parts),
    "memory": ("Memory", _memory),
    "processes": ("Runs side by side", _processes),
    "frames": ("Live frames", _frames),
    "dashboard": ("The dashboard", _dashboard),
    "class": ("A class at one server", _class),
    "soak": ("Memory over time", _soak),
}
"""Title and text of each part, in the page's order."""
