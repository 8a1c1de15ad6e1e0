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
Env steps per second of the whole loop: act, step, store, draw, update. All implementations use one update per env step,
batch 128, hidden layers 32 and 32, Huber loss, Adam, 10,000 transitions, a target update every 500 steps, epsilon 0.1
and no evaluation; that all make the same number of env steps and updates is checked. All use Gymnasium's environments
without its checker. One-time work (imports, compiling, a short first run) is excluded for all. The single-file DQN was
written for this benchmark in the style of such implementations: a loop, numpy arrays, autograd. The other
implementations run with the number of torch threads that was faster in a short trial.
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
        "with_evaluations": "the same, with a greedy evaluation episode after each episode, as in the course lab",
    }
    text = (
        f"The env steps that the course lab's report gives for CartPole, {measured['env_steps']:,}, with one update "
        "each, by the preset `lab8` without its goal and with little exploration, so that episodes are long. Seconds "
        "from the end of the set-up. The course lab's Keras loop took 1 h 23 min.\n\n"
    )
    return text + table(("", "time"), [(names[name], seconds(each)) for name, each in measured["seconds"].items()])


def _update(measured: Measured) -> str:
    computes = list(next(iter(measured.values()))["us"])
    text = (
        "One update on rows drawn beforehand: batch 128, 8 numbers per observation, 4 actions, two hidden layers of "
        "the given width, Huber loss, clipped gradients, Adam. `auto` chooses by its own calibration.\n\n"
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
    missing = "" if "torch-cuda" in computes else "\nThere was no GPU: torch-cuda was not measured.\n"
    return text + table(head, rows) + missing


def _replay(measured: Measured) -> str:
    few, many = (f"{measured['rows'][name]:,} rows" for name in ("few", "many"))
    names = {
        "loop": "env step of the whole loop, CartPole",
        "update_4": "drawing rows and updating, 4 numbers per observation",
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
        "Time with a full replay memory, by its number of rows. In the loop, two trainers take turns, with a learning "
        "rate so small that both play the same policy.\n\n"
    )
    return text + table(("", few, many, "times longer"), rows)


def _episodes(measured: Measured) -> str:
    text = (
        f"One run of {measured['episodes']:,} episodes of at most {measured['episode_steps']} env steps, through "
        "manager, live feed and log, with a replay memory that is full from the beginning. Time per env step, "
        "including its share of the work at the end of an episode, in each tenth of the run, by the log's clock. The "
        f"last tenth takes {measured['times_longer']:.2f} times as long as the first.\n\n"
    )
    rows = [(str(number), microseconds(each)) for number, each in enumerate(measured["us"], start=1)]
    return text + table(("tenth", "time per env step"), rows)


def _parts(measured: Measured) -> str:
    names = {
        "act": "act (epsilon-greedy, 9 of 10 by the network)",
        "environment": "environment (random actions, resets included)",
        "store": "store",
        "sample": "draw 128 rows",
        "update": "gather and update",
        "events": "events (20 heartbeats a second, ended episodes, SQLite)",
        "loop": "the loop itself (remainder)",
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
        "One env step with its update, by part. Each part is timed alone over many calls; the whole step is measured "
        "in runs through the manager; the remainder is the work of the loop, the ends of episodes, and the cache "
        "misses that the parts cause each other.\n\n"
    )
    return text + table(("part", *measured), rows)


def _memory(measured: Measured) -> str:
    names = {
        "python": "Python alone",
        "config": "with the config and presets",
        "train_fused": "a run of {count:,} env steps, compute `fused`",
        "train_torch": "the same, `torch-cpu`",
        "train_auto": "the same, `auto`, which tries both",
        "replay_4": "a replay memory of {count:,} rows, 4 numbers per observation",
        "replay_8": "the same, 8 numbers",
        "episodes": "live feed and store with {count:,} episodes",
        "sb3": "Stable-Baselines3, {count:,} env steps",
    }
    rows = [
        (label.format(count=measured[name]["count"]), megabytes(measured[name]["bytes"]))
        for name, label in names.items()
        if name in measured
    ]
    return "Peak resident memory, each in a separate process, Python included.\n\n" + table(("", "memory"), rows)


def _processes(measured: Measured) -> str:
    runs = measured["runs"]
    names = {
        "one": "one run alone, in the server's process",
        "threads": f"{runs} runs in threads of one process",
        "auto": f"{runs} runs as DQN Lab trains them: the first in the server's process, the others in their own",
        "processes": f"{runs} runs, each in a process of its own",
    }
    text = (
        f"Total env steps per second of {runs} runs, with one update each, on {measured['cores']} cores, over a window "
        "in which all of them train.\n\n"
    )
    tables = []
    for env_id, result in measured["envs"].items():
        rows = [
            (label, rate(result["steps_per_s"][name]), times(result["times_one"][name]) if name != "one" else "")
            for name, label in names.items()
        ]
        tables.append(f"### {env_id}\n\n" + table(("", "total env steps/s", "relative to one run"), rows))
    return text + "\n".join(tables)


def _frames(measured: Measured) -> str:
    names = {
        "nobody": ("no viewer", None, ""),
        "made": ("ten frames a second made, no viewer", "made", "no viewer"),
        "curves": ("a viewer of the curves only", "curves", "no viewer"),
        "frames": ("a viewer of curves and frames", "frames", "the curves only"),
    }
    text = """\
The real server and one endless run at full speed in one process. The viewer is a separate process that follows the run
over a live socket, as a tab does. The four situations take turns. A run spends at most a tenth of its time on
frames: an environment that draws slowly shows fewer.
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


def _newcomer(measured: Measured) -> str:
    if "skipped" in measured:
        return f"Not measured: {measured['skipped']}\n"
    text = f"""\
A real server on {measured["cores"]} cores and a headless Chromium on the same cores. The Start page is opened by
browsers that were never there; then CartPole is trained on {measured["newcomers"]} seeds with what the Train page
offers, by a press of Start and nothing more. Read off the page itself: failing is an episode on the screen that ends
before step 100, balancing one that reaches step 400 of 500, of the run or of the agent that plays after it.

"""
    rows = [
        ("Start page: from its first paint until something moves", seconds(measured["flight_s"])),
        ("the same at once after the server's start", f"{measured['started_flight_s']:.2f} s"),
        ("from “Start” until the agent moves, in a browser that was never there", seconds(measured["first_moves_s"])),
        ("the same in one that has trained before", seconds(measured["moves_s"])),
        ("from “Start” until it is seen failing", seconds(measured["fails_s"])),
        ("from “Start” until it is seen balancing", seconds(measured["balances_s"])),
        (
            "seen failing, then balancing, within 60 s",
            f"{measured['within_a_minute']} of {measured['newcomers']} seeds",
        ),
    ]
    return text + table(("", "time"), rows)


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
            "“Show agent”, until the picture is there or gone",
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
            "From the browser's time stamp of the click to the first frame with the answer:\n",
            table(("click", "while the run trains", "while it is paused"), click_rows),
            f"Peak memory of the server: {idle_server} before the first run, {used_server} after all of this.\n",
        )
    )


def _class(measured: Measured) -> str:
    if "skipped" in measured:
        return f"Not measured: {measured['skipped']}\n"
    students, enter, server = measured["students"], measured["enter_ms"], measured["server_bytes"]
    simulated, solved = students - measured.get("browsers", 0), measured["solved"]
    text = f"""\
A real server on {measured["cores"]} cores and {students} simulated students. Each keeps a session, reads the
stream of the run and presses the page's buttons, without a browser, from a process on the same cores. All open the page
at once; within {measured["arrive_s"]:.0f} s, each chooses the preset `fast` and starts CartPole, and from then on turns
the frames on or off every two to six seconds. {measured["cores"]} runs train at a time, the others wait in the queue.

"""
    rows = [
        ("one student alone opens the page", milliseconds(enter["alone"])),
        (f"{students} students open it at once", milliseconds(enter["at_once"])),
        ("“Start”, until the page has answered", milliseconds(measured["start_ms"])),
        ("“Show agent”, until the page has answered", milliseconds(measured["click_ms"])),
        ("from “Start” until the run starts training", seconds(measured["begun_s"])),
        ("from “Start” until the run is over", seconds(measured["over_s"])),
        (f"all {students} runs; of {simulated} without a browser, {solved} solved", f"{measured['all_over_s']:.0f} s"),
    ]
    idle, after = megabytes(server["idle"]), megabytes(server["after"])
    memory = f"\nPeak memory of the server: {idle} before, {after} after all of this.\n"
    if "join_s" in measured:
        who, more, at_rest = _of_class(measured)
        text, rows, memory = text + who, more[:2] + rows + more[2:], memory + at_rest
    return text + table(("", "time"), rows) + memory


def _of_class(measured: Measured) -> tuple[str, list[tuple[str, str]], str]:
    """Who the students are, what was measured of them as a class, and the memory at rest."""
    delay, rest = measured["wall_delay_s"], measured["rest"]
    who = (
        f"All join one class; {measured['browsers']} of them are real browsers. The teacher's wall is followed\n"
        "with all cards in sight; its delay is that from a student's own stream to the wall, for each state of each\n"
        "run.\n\n"
    )
    rows = [
        ("a student joins, all at once", seconds(measured["join_s"])),
        ("until all have joined", f"{measured['all_joined_s']:.1f} s"),
        ("a click is answered, 95th percentile", f"{measured['click_p95_ms']:.0f} ms"),
        ("delay of the wall, median", f"{delay['median']:.2f} s"),
        ("delay of the wall, 95th percentile", f"{delay['p95']:.2f} s"),
    ]
    memory = (
        f"Then, with all of them connected and nothing training: {megabytes(rest['first'])}, and "
        f"{rest['seconds'] / 60:.3g} minutes later {megabytes(rest['last'])} ({100 * rest['growth']:+.1f} %).\n"
    )
    return who, rows, memory


def _soak(measured: Measured) -> str:
    if "skipped" in measured:
        return f"Not measured: {measured['skipped']}\n"
    server = measured["server_bytes"]
    first, last, most = (megabytes(server[name]) for name in ("first", "last", "most"))
    text = f"""\
A real server with {measured["runs"]} endless runs of {measured["env_id"]} (preset `fast`), one in the server's
process, the others in workers, and {measured["viewers"]} viewers of their streams and frames, on the same cores. The
memory is that of the server without the workers: the median of half a minute after the first
{measured["after_s"]:.0f} s, and of the last half minute. {measured["messages"]:,} messages and {measured["frames"]:,}
frames were read, and the runs reached {" and ".join(f"{each:,}" for each in measured["env_steps"])} env steps.

"""
    rows = [
        (f"after {measured['after_s']:.0f} s", first),
        (f"after {measured['minutes']:.3g} min", last),
        ("the most", most),
        ("growth", f"{100.0 * measured['growth']:+.1f} %"),
    ]
    return text + table(("", "memory"), rows)


SECTIONS: dict[str, tuple[str, Callable[[Measured], str]]] = {
    "loop": ("The whole loop, compared with other implementations", _loop),
    "lab": ("The course lab's workload", _lab),
    "update": ("The update alone", _update),
    "replay": ("Size of the replay memory", _replay),
    "episodes": ("Number of episodes", _episodes),
    "parts": ("One step by part", _parts),
    "memory": ("Memory", _memory),
    "processes": ("Runs side by side", _processes),
    "frames": ("Live frames", _frames),
    "newcomer": ("The first minute", _newcomer),
    "dashboard": ("The dashboard", _dashboard),
    "class": ("A class on one server", _class),
    "soak": ("Memory over time", _soak),
}
"""Title and text of each part, in the page's order."""
