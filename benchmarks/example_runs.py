"""Train the runs that a new laboratory begins with, and record the lander that flies on the Start page.

python -m benchmarks.example_runs        a few minutes; writes dqn_core/runs/examples.zip and pages/start/flights.json

The runs are ordinary ones. Of their files, what nobody needs who only looks at them is left out, and of each replay
memory the newest transitions alone are kept, so that all three take little.
"""

from __future__ import annotations

import json
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dqn_core.environments.make import close_environment, make_environment
from dqn_core.episodes.episode import roll_out
from dqn_core.inside.library import evenly
from dqn_core.presets import preset_config
from dqn_core.runs.classes.leaderboard import Leaderboard
from dqn_core.runs.examples import EXAMPLE_NAMES, EXAMPLES_FILE, EXAMPLES_OWNER
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.manager import RunManager
from dqn_core.training.checkpoint import read_checkpoint, write_checkpoint
from dqn_core.training.run_folder import RunFolder

_FLIGHTS_FILE = Path(__file__).resolve().parents[1] / "pages" / "start" / "flights.json"
_FLIGHT_SEEDS = range(20_000, 20_012)
_FLIGHTS = 4
_KEPT_TRANSITIONS = 1_500
_KEPT_SNAPSHOTS = 3
_LEFT_OUT = ("checkpoint-best.safetensors", "recordings/")


@dataclass(frozen=True)
class _Example:
    env_id: str
    preset: str
    seed: int


_EXAMPLES = (
    _Example("MountainCar-v0", "fast", 0),
    _Example("CartPole-v1", "strong", 0),
    _Example("LunarLander-v3", "fast", 0),
)
"""The last is the newest in every list."""


def main() -> None:
    """Train, submit, pack."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        manager, jobs = RunManager(folder, executor="thread"), Jobs()
        leaderboard = Leaderboard(manager, jobs)
        run_ids = []
        for example in _EXAMPLES:
            config = preset_config(example.env_id, example.preset).replace(seed=example.seed)
            run_id = manager.start(config, owner=EXAMPLES_OWNER)
            run_ids.append(run_id)
            _wait_until(lambda run_id=run_id: not manager.snapshot(run_id).is_active)
            record = manager.snapshot(run_id).record
            print(f"{example.env_id}: {record.episodes} episodes, best evaluation {record.best_eval:.1f}", flush=True)
            manager.rename(run_id, EXAMPLE_NAMES[example.env_id])
            leaderboard.submit(run_id, "DQN Lab", EXAMPLES_OWNER)
        environments = {each.env_id for each in _EXAMPLES}
        _wait_until(lambda: not any(leaderboard.standings(env_id).is_waiting for env_id in environments))
        jobs.close()
        manager.close()
        for run_id in run_ids:
            _shorten_memory(manager.folder_of(run_id) / "checkpoint.safetensors")
            _thin_snapshots(RunFolder.open(manager.folder_of(run_id)))
        _pack(folder)
        _record_flights(RunFolder.open(manager.folder_of(run_ids[-1])))


def _wait_until(is_done: Any) -> None:
    while not is_done():
        time.sleep(0.5)


def _shorten_memory(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    rows, cursor = checkpoint.arrays["replay.rows"], checkpoint.values["replay_cursor"]
    newest = np.arange(cursor - min(_KEPT_TRANSITIONS, len(rows)), cursor) % len(rows)
    checkpoint.arrays["replay.rows"] = rows[newest]
    checkpoint.values["replay_cursor"] = len(newest) % checkpoint.config.buffer_size
    write_checkpoint(path, checkpoint)


def _thin_snapshots(folder: RunFolder) -> None:
    kept = [each for each in folder.snapshots() if each.kind == "kept"]
    chosen = {each.name for each in evenly(kept, _KEPT_SNAPSHOTS)}
    for each in kept:
        if each.name not in chosen:
            each.path.unlink()


def _pack(folder: Path) -> None:
    with zipfile.ZipFile(EXAMPLES_FILE, "w", zipfile.ZIP_LZMA) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not any(part in name for part in _LEFT_OUT) and not name.endswith((".key", ".lock")):
                archive.write(path, name)
    print(f"{EXAMPLES_FILE.name}: {EXAMPLES_FILE.stat().st_size / 1024:.0f} kB")


def _record_flights(folder: RunFolder) -> None:
    """Landings of the trained agent, as what is needed to draw them: the ground, and the lander at each env step."""
    config, weights = folder.config, folder.snapshot_weights("best")
    flights = []
    for seed in _FLIGHT_SEEDS:
        rollout = roll_out(config, weights, seed)
        if rollout.episode_return < 200 or not rollout.terminated:
            continue
        flights.append(
            {
                "ground": _ground(seed),
                # x, y and angle in thousandths, as the environment observes them; then the action
                "steps": [
                    [*(round(1_000 * float(seen[number])) for number in (0, 1, 4)), int(action)]
                    for seen, action in zip(rollout.observations[:-1], rollout.actions, strict=True)
                ],
            }
        )
        if len(flights) == _FLIGHTS:
            break
    _FLIGHTS_FILE.write_text(json.dumps(flights, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{_FLIGHTS_FILE.name}: {len(flights)} flights, {_FLIGHTS_FILE.stat().st_size / 1024:.0f} kB")


def _ground(seed: int) -> list[int]:
    """Heights of the ground, in thousandths of half the view's height from the landing pad, evenly spaced in x."""
    environment = make_environment("LunarLander-v3")
    try:
        environment.reset(seed=seed)
        inner: Any = environment.unwrapped
        heights = [piece[0][1] for piece in inner.sky_polys] + [inner.sky_polys[-1][1][1]]
        half_view = 400 / 30 / 2
        return [round(1_000 * float(height - inner.helipad_y) / half_view) for height in heights]
    finally:
        close_environment(environment)


if __name__ == "__main__":
    main()
