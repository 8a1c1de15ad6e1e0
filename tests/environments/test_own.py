from __future__ import annotations

import importlib.util
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from dqn_core.config import TrainingConfig
from dqn_core.environments import importing
from dqn_core.environments.check import Verdict, checked
from dqn_core.environments.make import comes_with_gymnasium, inspect_environment, make_environment
from dqn_core.environments.own import EnvironmentFile, environment_files, use_folder
from dqn_core.errors import UnsupportedEnvironmentError
from dqn_core.events import EndReason, RunEnded
from dqn_core.presets import preset_config
from dqn_core.runs.jobs.service import Jobs, JobState
from dqn_core.runs.jobs.tasks import EvaluationShare, Work
from dqn_core.runs.manager import RunManager
from dqn_core.training.trainer import Trainer
from scripted_trainer import wait_for_end, wait_until

WALK = """
    import gymnasium as gym
    import numpy as np

    class Walk(gym.Env):
        size = 2

        def __init__(self, render_mode=None):
            self.observation_space = gym.spaces.Box(-9, 9, (self.size,), np.float32)
            self.action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.t = 0
            return np.zeros(self.size, np.float32), {}

        def step(self, action):
            self.t += 1
            return np.full(self.size, self.t / 9, np.float32), float(action), self.t >= 9, False, {}
"""
REGISTERED = WALK + '\n    gym.register("Walk-v3", Walk, max_episode_steps=7)\n'

Write = Callable[..., EnvironmentFile]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder that environments are looked for in."""
    path = tmp_path / "environments"
    path.mkdir()
    use_folder(path, looks_first=True)
    yield path
    use_folder(None)


def write(path: Path, text: str) -> None:
    """A file that differs in its date from the one before, however soon it follows."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(textwrap.dedent(text), "utf-8")
    if before:
        os.utime(path, ns=(before + 10**9, before + 10**9))


def files() -> dict[str, EnvironmentFile]:
    """The files in the folder by name, each looked at."""
    return {each.path.name: each for each in environment_files(60.0)}


def test_what_a_file_registers_is_listed_and_made(folder: Path) -> None:
    write(folder / "walk.py", REGISTERED)
    write(
        folder / "more.py",
        WALK
        + """
    class Longer(Walk):
        size = 5

    class _Hidden(Walk):
        pass

    class Loud(gym.Wrapper):
        pass

    def made(render_mode=None):
        return Longer()

    gym.register("Made/Longer-v1", made)
    gym.register("Made/Lake-v0", "gymnasium.envs.toy_text.frozen_lake:FrozenLakeEnv", kwargs={"is_slippery": False})
    """,
    )
    write(folder / "_notes.py", "raise RuntimeError")
    write(folder / "nothing.py", "x = 1")
    found = files()
    assert {name: set(each.env_ids) for name, each in found.items()} == {
        "walk.py": {"Walk-v3"},
        "more.py": {"Own/Walk-v0", "Own/Longer-v0", "Made/Longer-v1", "Made/Lake-v0"},
        "nothing.py": set(),
    }
    assert all(each.problem is None for each in found.values())
    assert inspect_environment("Walk-v3").max_episode_steps == 7
    assert inspect_environment("Own/Longer-v0").observation_size == 5
    assert make_environment("Made/Longer-v1").observation_size == 5
    assert not comes_with_gymnasium("Own/Walk-v0")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.py", "import gymnasium\n\nx = nothing\n", r"a\.py .*line 3, NameError: name 'nothing' is not defined"),
        ("a.py", "def f(:\n    pass\n", r"a\.py .*line 1, SyntaxError"),
        ("a.py", "x = 1\nimport gym\n", r"a\.py imports gym.*import gymnasium as gym"),
        ("a.py", "import no_such_package\n", r"a\.py imports no_such_package.*not installed.*line 1"),
        ("a.py", "import sys\nsys.exit('bye')\n", r"a\.py .*line 2, SystemExit: bye"),
        ("a.py", "import os\nos._exit(3)\n", r"a\.py ended its process.*exit status 3"),
        ("a.py", "input()\n", r"a\.py .*line 1"),
        ("a.py", "import time\ntime.sleep(600)\n", r"a\.py hangs"),
        ("random.py", WALK, r"random\.py has the name of a module"),
        ("a.b.py", WALK, r"a\.b\.py has a dot in its name"),
        (
            "a.py",
            WALK + "\n    gym.register('CartPole-v1', Walk)\n",
            r"a\.py registers CartPole-v1, which exists already",
        ),
    ],
)
def test_a_file_that_fails_says_how_and_harms_nothing(
    name: str, text: str, says: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sleep" in text:
        monkeypatch.setattr(importing, "_LONGEST_IMPORT_S", 0.2)
    write(folder / name, text)
    found = files()[name]
    assert found.env_ids == ()
    with pytest.raises(UnsupportedEnvironmentError, match=says):
        raise found.problem or AssertionError
    with pytest.raises(UnsupportedEnvironmentError, match="There is no environment"):
        make_environment("Own/Walk-v0")
    monkeypatch.undo()
    write(folder / "walk.py", REGISTERED)  # others go on
    assert make_environment("Walk-v3").observation_size == 2
    assert make_environment("CartPole-v1").observation_size == 4
    assert np.random is not None


def test_of_two_files_with_the_same_environment_the_first_has_it(folder: Path) -> None:
    write(folder / "one.py", REGISTERED)
    write(folder / "two.py", REGISTERED.replace("size = 2", "size = 3"))
    found = files()
    assert (found["one.py"].env_ids, found["two.py"].env_ids) == (("Walk-v3",), ())
    with pytest.raises(UnsupportedEnvironmentError, match=r"two\.py registers Walk-v3, which one\.py has already"):
        raise found["two.py"].problem or AssertionError
    assert inspect_environment("Walk-v3").observation_size == 2


def test_a_file_that_changes_is_taken_up_again(folder: Path) -> None:
    path = folder / "walk.py"
    write(path, REGISTERED)
    assert inspect_environment("Walk-v3").observation_size == 2
    assert inspect_environment("Walk-v3") is inspect_environment("Walk-v3")
    write(path, REGISTERED.replace("size = 2", "size = 4"))
    assert inspect_environment("Walk-v3").observation_size == 4
    write(path, "x = nothing")
    with pytest.raises(UnsupportedEnvironmentError, match="There is no environment"):
        inspect_environment("Walk-v3")
    assert files()["walk.py"].problem
    write(path, REGISTERED.replace("Walk-v3", "Walk-v4"))
    assert inspect_environment("Walk-v4").observation_size == 2
    with pytest.raises(UnsupportedEnvironmentError, match="Walk-v4"):
        inspect_environment("Walk-v3")
    path.unlink()
    with pytest.raises(UnsupportedEnvironmentError, match="There is no environment"):
        inspect_environment("Walk-v4")
    assert files() == {}


def test_a_file_follows_what_it_imports_from_the_folder(folder: Path) -> None:
    write(folder / "_sizes.py", "size = 3")
    write(folder / "walk.py", "import _sizes\n" + textwrap.dedent(REGISTERED).replace("size = 2", "size = _sizes.size"))
    write(folder / "other.py", REGISTERED.replace("Walk-v3", "Walk-v5"))
    assert inspect_environment("Walk-v3").observation_size == 3
    assert inspect_environment("Walk-v5").observation_size == 2
    write(folder / "_sizes.py", "size = 6")
    assert inspect_environment("Walk-v3").observation_size == 6
    assert inspect_environment("Walk-v5").observation_size == 2
    write(folder / "_sizes.py", "raise ValueError")
    assert files()["walk.py"].problem
    write(folder / "_sizes.py", "size = 7")
    assert inspect_environment("Walk-v3").observation_size == 7


def test_files_may_import_each_other(folder: Path) -> None:
    write(folder / "base.py", REGISTERED)
    write(folder / "child.py", "from base import Walk\n\nclass Wider(Walk):\n    size = 8\n")
    write(folder / "list.py", "import gymnasium as gym\ngym.register('Listed-v0', 'base:Walk')\n")
    found = {name: each.env_ids for name, each in files().items()}
    assert found == {"base.py": ("Walk-v3",), "child.py": ("Own/Wider-v0",), "list.py": ("Listed-v0",)}
    assert make_environment("Listed-v0").observation_size == 2
    for _ in range(2):
        assert inspect_environment("Own/Wider-v0").observation_size == 8
        assert inspect_environment("Walk-v3").observation_size == 2
        write(folder / "base.py", REGISTERED)


def test_the_template_in_the_docs_is_in_order_and_learns(folder: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "environments.md").read_text("utf-8")
    (template,) = re.findall(r"```python\n(.+?)```", guide, re.DOTALL)
    assert len(template.splitlines()) <= 50
    write(folder / "boat.py", template)
    assert files()["boat.py"].env_ids == ("Boat-v0",)
    check = checked("Boat-v0")
    assert [str(each) for each in check.findings if each.verdict is not Verdict.GOOD] == []
    config = preset_config("Boat-v0", "default").replace(goal_score=170.0, max_env_steps=30_000, evaluate_every=5)
    ended = [event for event in Trainer(config).events() if isinstance(event, RunEnded)]
    assert [each.reason for each in ended] == [EndReason.SOLVED]


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules are imported from."""
    monkeypatch.syspath_prepend(tmp_path)
    use_folder(None, looks_first=True)
    before = dict(gym.registry)
    yield tmp_path
    gym.registry.clear()
    gym.registry.update(before)


def test_a_module_is_imported_for_what_it_registers(modules: Path) -> None:
    write(modules / "own_walks.py", REGISTERED + "\n    class Other(Walk):\n        size = 3\n")
    assert not comes_with_gymnasium("own_walks:Walk-v3")
    assert inspect_environment("own_walks:Walk-v3").observation_size == 2
    assert inspect_environment("own_walks:Own/Other-v0").observation_size == 3
    with pytest.raises(
        UnsupportedEnvironmentError, match=r"no environment 'Walk-v9'. It registers: Walk-v3, Own/Other-v0"
    ):
        make_environment("own_walks:Walk-v9")
    with pytest.raises(UnsupportedEnvironmentError, match=r"no environment 'CartPole-v7'"):
        make_environment("gymnasium:CartPole-v7")
    assert make_environment("gymnasium:CartPole-v1").observation_size == 4


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("own_none", "", r"own_none registers no environments"),
        ("own_missing", None, r"no module own_missing here"),
        ("own_raising", "import no_such_package", r"own_raising cannot be imported .*no_such_package"),
        ("own_ending", "import os\nos._exit(4)", r"own_ending ended its process"),
        ("own_hanging", "import time\ntime.sleep(600)", r"own_hanging hangs"),
        ("own taken", None, r"does not begin with the name of a Python module"),
    ],
)
def test_a_module_that_fails_says_how(
    name: str, text: str | None, says: str, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "hanging" in name:
        monkeypatch.setattr(importing, "_LONGEST_IMPORT_S", 0.2)
    if text is not None:
        write(modules / f"{name}.py", text)
    with pytest.raises(UnsupportedEnvironmentError, match=says):
        make_environment(f"{name}:Walk-v0")


@pytest.mark.parametrize(
    ("env_id", "package"),
    [
        ("ALE/Unheard-v5", "ale-py"),
        ("MinAtar/Unheard-v1", "minatar"),
        ("FlappyBird-v0", "flappy-bird-gymnasium"),
        ("MiniWorld-Hallway-v0", "miniworld"),
        ("VizdoomBasic-v1", "vizdoom"),
    ],
)
def test_a_well_known_package_is_named(env_id: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UnsupportedEnvironmentError, match=rf"{env_id} comes with the package {package}: .*pip install"):
        make_environment(env_id)


def test_a_well_known_package_that_is_installed_is_imported() -> None:
    assert inspect_environment("MiniGrid-Empty-5x5-v0").n_actions == 7


@pytest.mark.parametrize("env_id", ["Own/Walk-v0", "own_workers_walk:Own/Walk-v0"])
def test_a_run_and_a_job_in_processes_find_it(env_id: str, folder: Path, modules: Path, tmp_path: Path) -> None:
    if ":" in env_id:
        write(modules / "own_workers_walk.py", WALK)
    else:
        use_folder(folder, looks_first=True)
        write(folder / "walk.py", WALK)
    config = TrainingConfig(env_id=env_id, max_episodes=3, warmup_steps=20, batch_size=8, compute="fused")
    inspect_environment(env_id)
    manager = RunManager(tmp_path / "data", executor="process")
    try:
        run_id = manager.start(config)
        wait_for_end(manager, run_id)
        record = manager.store.run(run_id)
        assert (record.reason, record.env_steps) == (EndReason.MAX_EPISODES, 20 + 3 * 9)
        weights = manager.open_folder(run_id).weights("last")
    finally:
        manager.close()
    jobs = Jobs()
    try:
        share = EvaluationShare(config=config, weights=weights, seed=1, episodes=2)
        job = jobs.submit("evaluation", lambda: Work(tasks=[share], finish=lambda results: results[0]))
        wait_until(lambda: job.state.is_over)
        assert job.state is JobState.DONE, job.error
        assert job.result.lengths == (9, 9)
    finally:
        jobs.close()
