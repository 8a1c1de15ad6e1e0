"""Commands in a folder with people's own environments: beside them, in the data folder, and preloaded."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from warm_python import Starts

ROOT = Path(__file__).parents[1]
QUICK = ["--compute", "fused", "--max-episodes", "3", "--warmup-steps", "20", "--quiet"]
WALK = """
import gymnasium as gym
import numpy as np

print("imported")

class My(gym.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(-9, 9, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.full(2, self.t / 9, np.float32), float(action), self.t >= 9, False, {}

    def render(self):
        return np.full((16, 16, 3), 20 * self.t, np.uint8)
"""


def command(folder: Path, *arguments: str, **environment: str) -> tuple[int, Any, str]:
    """(exit status, the JSON on stdout, stderr) of a command in ``folder``."""
    done = Starts.run(
        [sys.executable, "-m", "dqn_core", *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("DQN_LAB_")}
        | {"PYTHONPATH": str(ROOT)}
        | environment,
        text=True,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


@pytest.mark.timeout(300)
def test_a_module_in_the_present_folder_is_trained_resumed_played_and_recorded(tmp_path: Path) -> None:
    (tmp_path / "mypackage.py").write_text(WALK + '\ngym.register("My-v0", My)\n')
    status, result, _ = command(tmp_path, "train", "--env", "mypackage:My-v0", "--out", "run", *QUICK)
    assert (status, result["env"], result["env_steps"]) == (0, "mypackage:My-v0", 20 + 3 * 9)
    status, result, _ = command(tmp_path, "train", "--resume", "run", "--max-episodes", "5", "--quiet")
    assert (status, result["env_steps"]) == (0, 20 + 5 * 9)
    status, result, _ = command(tmp_path, "evaluate", "run", "--episodes", "2", "--weights", "last")
    assert (status, result["env"], len(result["returns"])) == (0, "mypackage:My-v0", 2)
    status, result, _ = command(tmp_path, "record", "run", "--quiet", "--weights", "last")
    assert (status, result["frames"]) == (0, 10)
    assert Path(result["out"]).name.startswith("mypackage-My-v0-seed1-")
    (tmp_path / "mypackage.py").rename(tmp_path / "other.py")
    status, _, said = command(tmp_path, "evaluate", "run")
    assert status == 2
    assert "There is no module mypackage here" in said


@pytest.mark.timeout(300)
def test_files_of_the_data_folder_and_preloaded_modules_are_known_to_every_command(tmp_path: Path) -> None:
    (tmp_path / "data" / "environments").mkdir(parents=True)
    (tmp_path / "data" / "environments" / "walk.py").write_text(WALK)
    (tmp_path / "data" / "environments" / "broken.py").write_text("import no_such_package")
    (tmp_path / "extra.py").write_text(WALK + '\ngym.register("Extra-v0", lambda render_mode=None: My())\n')
    status, result, said = command(tmp_path, "train", "--env", "Own/My-v0", "--out", "run", *QUICK)
    assert (status, result["env_steps"]) == (0, 20 + 3 * 9)
    assert "broken.py imports no_such_package" in said
    experiment = ["experiment", "--seeds", "0", "1", *QUICK]
    preload = {"DQN_LAB_PRELOAD": "extra"}
    status, result, said = command(tmp_path, *experiment, "--out", "both", "--env", "Extra-v0", **preload)
    assert status == 0, said
    assert [run["env_steps"] for run in result["runs"]] == [20 + 3 * 9] * 2
    status, result, said = command(tmp_path, *experiment, "--out", "own", "--env", "Own/My-v0")
    assert status == 0, said
    assert [run["env_steps"] for run in result["runs"]] == [20 + 3 * 9] * 2
    status, _, said = command(tmp_path, "info", "--env", "CartPole-v1", DQN_LAB_PRELOAD="extra, no_such_module")
    assert status == 2
    assert "The module no_such_module, which registers environments, could not be imported" in said
