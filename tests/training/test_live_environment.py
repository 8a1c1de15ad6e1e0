"""Physics and a reward formula that change while a run trains: from the next episode on, and everything repeats."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import make_environment
from dqn_core.episodes.episode import replay
from dqn_core.episodes.frames import draw_episode
from dqn_core.episodes.recordings import list_recordings, write_recordings
from dqn_core.events import (
    CheckpointReady,
    Command,
    EndReason,
    EpisodeEnded,
    EpisodeRecorded,
    Event,
    HyperparametersChanged,
    Notice,
    Progress,
    RunEnded,
    SetHyperparameter,
    Stop,
)
from dqn_core.training.checkpoint import Checkpoint
from dqn_core.training.controls import Mailbox
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from trainer_runs import last_weights, of_kind, rows, short_config

_LANDER = short_config(env_id="LunarLander-v3", max_episodes=6, warmup_steps=100, compute="fused")


class SteppingClock:
    """Each look is a tick, so that the trainer looks up from its work at each env step."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def trained(
    config: TrainingConfig,
    due: Iterable[tuple[int, Command]] = (),
    resume_from: Checkpoint | None = None,
    on_event: Callable[[Trainer, Event], object] = lambda _trainer, _event: None,
) -> list[Event]:
    """All events of a run that is told each command once it has taken so many env steps."""
    mailbox, waiting, events = Mailbox(), sorted(due, key=lambda each: each[0]), []
    trainer = Trainer(config, mailbox, resume_from=resume_from, clock=SteppingClock())
    for event in trainer.events():
        events.append(event)
        on_event(trainer, event)
        while isinstance(event, Progress) and waiting and event.env_step >= waiting[0][0]:
            mailbox.put(waiting.pop(0)[1])
    return events


def change(argument: str, value: Any) -> SetHyperparameter:
    return SetHyperparameter(f"env_kwargs.{argument}", value)


def as_stored(event: CheckpointReady) -> Checkpoint:
    return Checkpoint(arrays=event.arrays, values=json.loads(json.dumps(event.values)))


def assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


# ---------------------------------------------------------------------------------------------------------- physics


def test_gravity_changes_with_the_next_episode_and_every_recording_is_the_episode_that_it_was() -> None:
    events = trained(_LANDER, [(250, change("gravity", -3.0))])

    (told,) = of_kind(events, HyperparametersChanged)
    assert [(each.field, each.old, each.new) for each in told.changes] == [("env_kwargs.gravity", -10.0, -3.0)]
    recordings = of_kind(events, EpisodeRecorded)
    gravities = {each.episode: (each.env_kwargs or {}).get("gravity") for each in recordings}
    assert len(gravities) == 6
    assert [gravities[number] for number in range(1, 7)] == [None] * told.episode + [-3.0] * (6 - told.episode)
    assert 1 <= told.episode < 6
    played_until = max(each.env_step for each in of_kind(events, EpisodeEnded) if each.episode == told.episode)
    assert told.env_step < played_until  # the running episode went on as it began
    config = _LANDER.replace(env_kwargs={"gravity": -3.0})  # as the run's folder has it afterwards
    for each in recordings:  # compares the return with the recording's
        assert sum(1 for _ in draw_episode(config, each)) == len(each.actions) + 1


@pytest.mark.parametrize("compute", ["torch-cpu", "fused"])
@pytest.mark.parametrize("stop_at", [255, 300, 420])
def test_a_run_taken_up_again_after_a_change_is_the_run_that_never_stopped(compute: str, stop_at: int) -> None:
    config = _LANDER.replace(compute=compute, evaluate_every=2)
    due = [(250, change("gravity", -3.0)), (400, change("enable_wind", True))]
    whole = trained(config, due)
    first = trained(config, [each for each in due if each[0] < stop_at] + [(stop_at, Stop())])
    checkpoint = as_stored(of_kind(first, CheckpointReady)[-1])

    rest = trained(checkpoint.config, [each for each in due if each[0] >= stop_at], checkpoint)

    assert of_kind(first, RunEnded)[-1].reason is EndReason.STOPPED
    assert of_kind(rest, Notice) == []
    assert rows(first) + rows(rest) == rows(whole)
    assert_equal(last_weights(rest), last_weights(whole))


def test_a_run_may_go_on_with_other_physics() -> None:
    first = trained(_LANDER, [(250, Stop())])
    checkpoint = as_stored(of_kind(first, CheckpointReady)[-1])
    rest = trained(checkpoint.config.changed_live("env_kwargs.gravity", -3.0), resume_from=checkpoint)

    (told,) = of_kind(rest, HyperparametersChanged)
    assert [(each.field, each.old, each.new) for each in told.changes] == [("env_kwargs.gravity", -10.0, -3.0)]
    (notice,) = of_kind(rest, Notice)
    assert "env_kwargs.gravity -10.0 → -3.0" in notice.template.format(**notice.parameters)
    kwargs = {each.episode: each.env_kwargs for each in of_kind(rest, EpisodeRecorded)}
    assert kwargs[told.episode] == {}  # the running episode ends as it began
    assert kwargs[6] == {"gravity": -3.0}


def test_a_change_that_is_taken_back_within_an_episode_changes_nothing() -> None:
    due = [(250, change("gravity", -3.0)), (252, change("gravity", None))]
    events = trained(_LANDER, due)
    assert len(of_kind(events, HyperparametersChanged)) == 2
    assert rows(events) == rows(trained(_LANDER))


def test_the_warm_up_changes_its_physics_too() -> None:
    config = _LANDER.replace(warmup_steps=500, max_episodes=1)
    events = trained(config, [(20, change("gravity", -3.0))])
    assert rows(events) != rows(trained(config))
    assert of_kind(events, EpisodeRecorded)[0].env_kwargs == {"gravity": -3.0}


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (change("gravity", 5.0), "must be from -11.9 to -0.1 m/s²"),
        (change("gravty", -5.0), "Did you mean gravity?"),
        (SetHyperparameter("reward_formula", "reward - x_positon"), "Did you mean x_position?"),
        (SetHyperparameter("evaluation_env_kwargs", {"gravity": 5}), "must be from -11.9 to -0.1 m/s²"),
    ],
)
def test_a_wrong_change_is_refused_and_the_run_goes_on(command: SetHyperparameter, complaint: str) -> None:
    events = trained(_LANDER, [(250, command)])
    (notice,) = of_kind(events, Notice)
    assert complaint in notice.template.format(**notice.parameters)
    assert of_kind(events, HyperparametersChanged) == []
    assert rows(events) == rows(trained(_LANDER))


def test_an_argument_that_the_constructor_refuses_leaves_the_run_as_it_was() -> None:
    config = short_config(env_id=fake.CORRIDOR, max_episodes=20)
    events = trained(config, [(60, change("length", "long"))])
    assert of_kind(events, HyperparametersChanged) == []
    assert len(of_kind(events, Notice)) == 1
    assert rows(events) == rows(trained(config))


def test_any_argument_that_leaves_the_observations_as_they_are_may_change() -> None:
    events = trained(short_config(env_id=fake.CORRIDOR, max_episodes=20), [(60, change("length", 9))])
    (told,) = of_kind(events, HyperparametersChanged)
    assert [(each.old, each.new) for each in told.changes] == [(5, 9)]
    best = max(each.episode_return for each in of_kind(events, EpisodeEnded) if each.episode > told.episode)
    assert best == 9.0


def test_a_wrong_argument_ends_a_run_before_it_begins() -> None:
    (ended,) = trained(short_config(env_kwargs={"gravity": -5}))
    assert isinstance(ended, RunEnded)
    assert ended.reason is EndReason.FAILED
    assert "must be from 0.0 to 50.0 m/s²" in ended.template.format(**ended.parameters)


# ------------------------------------------------------------------------------------------------------ evaluations


def test_train_on_the_moon_and_test_on_earth() -> None:
    config = short_config(
        env_kwargs={"gravity": 1.6}, evaluation_env_kwargs={"gravity": 9.8}, evaluate_every=1, max_episodes=4
    )
    events = trained(config)
    kwargs = {(each.kind, each.episode): each.env_kwargs for each in of_kind(events, EpisodeRecorded)}
    assert {value["gravity"] for (kind, _), value in kwargs.items() if kind == "training"} == {1.6}
    assert {value["gravity"] for (kind, _), value in kwargs.items() if kind == "best"} == {9.8}
    for each in of_kind(events, EpisodeRecorded):
        assert sum(1 for _ in draw_episode(config, each)) == len(each.actions) + 1


def test_an_evaluation_takes_its_arguments_when_it_begins() -> None:
    config = short_config(evaluate_every=1, evaluation_episodes=3, max_episodes=6)
    due = [(70, SetHyperparameter("evaluation_env_kwargs", {"pole_length": 5.0}))]
    events = trained(config, due)
    ended = of_kind(events, EpisodeEnded)
    (told,) = of_kind(events, HyperparametersChanged)
    assert [(each.field, each.old, each.new) for each in told.changes] == [
        ("evaluation_env_kwargs.pole_length", 1.0, 5.0)
    ]
    plain = of_kind(trained(config), EpisodeEnded)
    assert [each.episode_return for each in ended] == [each.episode_return for each in plain]
    differs = [one.eval_return != other.eval_return for one, other in zip(ended, plain, strict=True)]
    assert not any(differs[: told.episode - 1])
    assert any(differs[told.episode - 1 :])


class AloneAndLong(fake.Alone):
    """Only one may be open at a time, as long as is said."""

    def __init__(self, length: int = 5, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.length = length


def test_where_one_alone_may_be_open_arguments_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    env_id = "DqnLabTest/AloneAndLong-v0"
    monkeypatch.setitem(gym.registry, env_id, gym.envs.registration.EnvSpec(env_id, entry_point=AloneAndLong))
    config = short_config(env_id=env_id, evaluate_every=1, max_episodes=3)
    events = trained(
        config, [(60, SetHyperparameter("evaluation_env_kwargs", {"length": 7})), (70, change("length", 7))]
    )
    refusals = [each.template.format(**each.parameters) for each in of_kind(events, Notice)]
    assert len(refusals) == 3  # that evaluations take turns, and two refusals
    assert of_kind(events, HyperparametersChanged) == []
    assert rows(events) == rows(trained(config))
    (ended,) = trained(config.replace(evaluation_env_kwargs={"length": 7}))
    assert isinstance(ended, RunEnded)
    assert "evaluations cannot have other arguments" in ended.template.format(**ended.parameters)


# ---------------------------------------------------------------------------------------------------- reward formula


def rewards_in_memory(config: TrainingConfig, due: Iterable[tuple[int, Command]] = ()) -> np.ndarray:
    kept: list[np.ndarray] = []

    def keep(trainer: Trainer, event: Event) -> None:
        if isinstance(event, RunEnded):
            replay_memory = trainer.state.memory.replay
            kept.append(replay_memory.rewards[: len(replay_memory)].copy())

    trained(config, due, on_event=keep)
    return kept[0]


def test_the_agent_learns_from_the_formula_and_the_log_counts_the_environments_own_reward() -> None:
    config = short_config(reward_formula="2*reward - 1", buffer_size=2_000, evaluate_every=1)
    events, plain = trained(config), trained(config.replace(reward_formula=""))
    for event in of_kind(events, EpisodeEnded):
        assert event.episode_return == event.length
        assert event.shaped_return == event.length  # 2 - 1 a step
    assert all(math.isnan(each.shaped_return) for each in of_kind(plain, EpisodeEnded))
    tripled = short_config(reward_formula="3*reward", buffer_size=2_000)
    assert set(rewards_in_memory(tripled).tolist()) == {3.0}
    assert [each.shaped_return for each in of_kind(trained(tripled), EpisodeEnded)] == [
        3.0 * each.length for each in of_kind(trained(tripled), EpisodeEnded)
    ]


@pytest.mark.parametrize("changes", [{}, {"n_step": 3}, {"prioritized_replay": True}])
def test_the_rewards_own_name_as_the_formula_trains_as_none(changes: dict[str, Any]) -> None:
    config = short_config(**changes)
    with_formula = trained(config.replace(reward_formula="reward"))
    assert_equal(last_weights(with_formula), last_weights(trained(config)))
    for event in of_kind(with_formula, EpisodeEnded):
        assert event.shaped_return == event.episode_return


def test_the_formula_changes_while_the_run_trains_and_the_rewards_in_memory_with_it() -> None:
    config = short_config(max_episodes=8, buffer_size=5_000)
    due = [(90, SetHyperparameter("reward_formula", "-reward")), (120, SetHyperparameter("reward_formula", "5"))]
    events = trained(config, due)
    changes = [(each.env_step, change) for each in of_kind(events, HyperparametersChanged) for change in each.changes]
    assert [(each.old, each.new) for _, each in changes] == [("", "-reward"), ("-reward", "5")]
    first, second = (env_step for env_step, _ in changes)
    rewards = rewards_in_memory(config, due).tolist()
    assert rewards == [1.0] * first + [-1.0] * (second - first) + [5.0] * (len(rewards) - second)
    ended = of_kind(events, EpisodeEnded)
    for before, event in pairwise([None, *ended]):
        start = 50 if before is None else before.env_step
        assert event.episode_return == event.length
        if event.env_step > first:  # the rewards that were learned from, in the episode that the change fell into too
            assert event.shaped_return == sum(rewards[start : event.env_step])
        else:
            assert math.isnan(event.shaped_return)


def test_a_run_with_a_formula_taken_up_again_counts_on() -> None:
    config = short_config(reward_formula="reward - 0.5*abs(pole_angle) + previous[0]")
    whole, first = trained(config), trained(config, [(90, Stop())])
    rest = trained(config, resume_from=as_stored(of_kind(first, CheckpointReady)[-1]))
    assert rows(first) + rows(rest) == rows(whole)
    assert_equal(last_weights(rest), last_weights(whole))


def test_a_formula_without_a_value_ends_the_run_and_names_the_step() -> None:
    events = trained(short_config(reward_formula="reward / (step - 4)"))
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason is EndReason.FAILED
    text = ended.template.format(**ended.parameters)
    assert "divides by zero at step 4" in text
    assert "reward = 1, step = 4" in text


# ---------------------------------------------------------------------------------------------------------- on disk


def test_a_run_folder_keeps_it_all(tmp_path: Path) -> None:
    config = _LANDER.replace(reward_formula="reward + 0*angle")
    folder = RunFolder.create(tmp_path / "run", config)
    log = RunLog(folder)
    for event in trained(config, [(250, change("gravity", -3.0)), (260, change("enable_wind", True))]):
        log.write(event)
    log.close()

    opened = RunFolder.open(tmp_path / "run")
    assert opened.config == config.replace(env_kwargs={"gravity": -3.0, "enable_wind": True})
    changes = (opened.path / "changes.csv").read_text().splitlines()
    assert [line.partition(",env_kwargs.")[2] for line in changes[1:]] == [
        "gravity,-10.0,-3.0",
        "enable_wind,False,True",
    ]
    head, *lines = (opened.path / "episodes.csv").read_text().splitlines()
    assert head.endswith(",terminated,truncated,shaped_return")
    assert all(line.split(",")[-1] for line in lines)
    for recording in list_recordings(opened.path):
        assert sum(1 for _ in draw_episode(opened.config, recording)) == len(recording.actions) + 1


def test_a_recording_of_an_earlier_version_is_of_the_runs_own_environment(tmp_path: Path) -> None:
    events = trained(short_config(max_episodes=1))
    (recording,) = of_kind(events, EpisodeRecorded)
    write_recordings(tmp_path, [recording])
    (path,) = (tmp_path / "recordings").iterdir()
    values = json.loads(path.read_text())
    assert values.pop("env_kwargs") == {}
    path.write_text(json.dumps(values))
    (read,) = list_recordings(tmp_path)
    assert read.env_kwargs is None
    environment = make_environment("CartPole-v1")
    assert sum(1 for _ in replay(environment, read, "CartPole-v1")) == len(recording.actions) + 1
