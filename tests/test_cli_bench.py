from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

import fake_environments
from dqn_core.cli.bench import env_only_rate, speed_config, training_speed
from dqn_core.cli.main import main
from dqn_core.errors import DqnLabError
from dqn_core.events import RunEnded
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind

SMALL: dict[str, Any] = {"hidden_sizes": (4,), "compute": "torch-cpu"}


@pytest.fixture(autouse=True)
def _fakes() -> None:
    fake_environments.register()


def test_bench_prints_one_json_object_with_the_rates(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--steps", "60", "--hidden-sizes", "4", "--compute", "torch-cpu"]
    assert main(["bench", "--env", "CartPole-v1", *options]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["env"], result["steps"], result["compute"]) == ("CartPole-v1", 60, "torch-cpu")
    assert result["env_steps_per_s"] == result["updates_per_s"] > 0
    # Acting and learning take time beside the environment's own.
    assert result["env_only_steps_per_s"] > result["env_steps_per_s"]


@pytest.mark.parametrize("steps", [1, 40])
def test_every_step_that_is_timed_comes_with_one_update(steps: int) -> None:
    config = speed_config(fake_environments.CORRIDOR, steps, **SMALL)
    (ended,) = of_kind(Trainer(config).events(), RunEnded)
    assert ended.updates == steps
    assert ended.env_steps == config.warmup_steps + steps
    assert training_speed(config).env_steps == steps


def test_the_clock_runs_from_the_set_ups_end_to_the_runs_end() -> None:
    ticks = itertools.count()
    speed = training_speed(speed_config(fake_environments.CORRIDOR, 10, **SMALL), lambda: float(next(ticks)))
    assert speed.seconds == 1.0  # one tick at the start that counts, the next at the end
    assert speed.rate == 10.0


def test_an_environment_whose_actions_do_not_begin_at_zero_is_stepped_too() -> None:
    assert env_only_rate(fake_environments.SHIFTED_ACTIONS, 50) > 0


def test_a_run_that_fails_says_why_instead_of_giving_a_rate() -> None:
    with pytest.raises(DqnLabError, match="the motor is on fire"):
        training_speed(speed_config(fake_environments.RAISING, 50, **SMALL))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--steps", "0"], "steps = 0"), (["--env", "CartPol-v1"], "CartPole-v1"), (["--env", "Pendulum-v1"], "Discrete")],
)
def test_bad_input_is_named(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
