"""A run that stops anywhere and is taken up again is the run that never stopped, bit for bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import fake_environments as fake
from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.config import TrainingConfig
from dqn_core.events import (
    CheckpointReady,
    EndReason,
    EpisodeEnded,
    Event,
    Notice,
    Phase,
    Progress,
    RunEnded,
    Stop,
)
from dqn_core.training.checkpoint import Checkpoint, changed_config
from dqn_core.training.controls import Mailbox
from dqn_core.training.trainer import Trainer
from trainer_runs import last_weights, of_kind, rows, short_config


def as_stored(event: CheckpointReady) -> Checkpoint:
    """The state as it comes back from a disk: values through JSON."""
    return Checkpoint(arrays=event.arrays, values=json.loads(json.dumps(event.values)))


class SteppingClock:
    """Each look is a tick, so that the trainer looks up from its work at each env step."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def stopped_at(config: TrainingConfig, env_step: int, phase: Phase) -> tuple[list[Event], Checkpoint]:
    """Events of a run that is stopped in ``phase`` from ``env_step`` on, and its last checkpoint."""
    mailbox, events = Mailbox(), []
    for event in Trainer(config, mailbox, clock=SteppingClock()).events():
        events.append(event)
        if isinstance(event, Progress) and event.env_step >= env_step and event.phase is phase:
            mailbox.put(Stop())
    return events, as_stored(of_kind(events, CheckpointReady)[-1])


@pytest.mark.parametrize("compute", ["torch-cpu", "fused"])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "LunarLander-v3"])
@pytest.mark.parametrize(
    ("env_step", "phase"),
    [(20, Phase.WARMUP), (51, Phase.TRAINING), (137, Phase.TRAINING), (150, Phase.EVALUATING)],
)
def test_a_run_taken_up_again_is_the_run_that_never_stopped(
    env_id: str, compute: str, env_step: int, phase: Phase
) -> None:
    config = short_config(
        env_id=env_id,
        compute=compute,
        max_episodes=8,
        evaluate_every=2,
        evaluation_episodes=2,
        max_episode_steps=60,
        buffer_size=120,
        epsilon_schedule="linear_steps",
        epsilon_decay_steps=200,
    )
    whole = list(Trainer(config).events())
    before, state = stopped_at(config, env_step, phase)
    after = list(Trainer(state.config, resume_from=state).events())
    assert rows(before) + rows(after) == rows(whole)
    assert len(rows(after)) > 0
    for name, array in last_weights(whole).items():
        np.testing.assert_array_equal(array, last_weights(after)[name])
    ended, ended_after = whole[-1], after[-1]
    assert isinstance(ended, RunEnded)
    assert isinstance(ended_after, RunEnded)
    assert (ended.env_steps, ended.updates, ended.episodes) == (
        ended_after.env_steps,
        ended_after.updates,
        ended_after.episodes,
    )
    assert repr(ended.best_eval) == repr(ended_after.best_eval)


def test_a_checkpoint_stays_as_it_was_while_its_run_goes_on() -> None:
    """A worker process sends it a moment later; any of them may be the one to go on from."""
    config = short_config(max_episodes=8, evaluate_every=2, evaluation_episodes=2)
    whole = list(Trainer(config, clock=SteppingClock()).events())
    checkpoints = of_kind(whole, CheckpointReady)
    assert (len(checkpoints) > 10, checkpoints[0].env_step) == (True, 0)
    for checkpoint in checkpoints[:: len(checkpoints) // 8]:
        after = list(Trainer(config, resume_from=as_stored(checkpoint)).events())
        assert rows(after) == rows(whole)[checkpoint.values["counters"]["finished_episodes"] :]


VARIANTS = [
    {"n_step": 4, "double_dqn": True, "dueling": True},
    {"prioritized_replay": True, "priority_beta_steps": 100},
    {"noisy_nets": True, "distribution": "quantile", "quantiles": 3},
    {"mixed_precision": True, "double_dqn": True},
    {"mistake_no_replay": True, "mistake_no_target_network": True, "mistake_cut_at_truncation": True},
    {"mistake_explore_in_evaluation": True, "n_step": 2},
    {"parallel_environments": 3, "n_step": 2},
]


@pytest.mark.parametrize(
    ("variant", "compute"),
    [
        pytest.param(variant, compute, id=f"{compute}-{'-'.join(variant)}")
        for variant in VARIANTS
        for compute in ("torch-cpu", "fused")
        if compute != "fused" or not {"noisy_nets", "mixed_precision"} & set(variant)
    ],
)
def test_every_variant_is_taken_up_again_bit_for_bit(variant: dict[str, Any], compute: str) -> None:
    config = short_config(
        compute=compute, max_episodes=6, evaluate_every=2, buffer_size=120, max_episode_steps=40, **variant
    )
    whole = list(Trainer(config).events())
    for env_step, phase in ((20, Phase.WARMUP), (101, Phase.TRAINING), (101, Phase.EVALUATING)):
        before, state = stopped_at(config, env_step, phase)
        after = list(Trainer(state.config, resume_from=state).events())
        assert rows(before) + rows(after) == rows(whole)
        for name, array in last_weights(whole).items():
            np.testing.assert_array_equal(array, last_weights(after)[name])


def test_a_checkpoint_of_an_earlier_version_goes_on() -> None:
    config = short_config(max_episodes=4, epsilon_schedule="linear_steps")
    first = list(Trainer(config).events())
    state = as_stored(of_kind(first, CheckpointReady)[-1])
    arrays = state.arrays | {"replay.rows": np.delete(state.arrays["replay.rows"], 8, axis=1)}  # no column of steps
    known = {"double_dqn", "dueling", "noisy_nets", "distribution", "quantiles", "n_step"}
    values = state.values["config"]
    old = {name: values[name] for name in values if name not in known and not name.startswith(("priorit", "mistake"))}
    earlier = Checkpoint(arrays=arrays, values=state.values | {"config": old})
    after = [list(Trainer(each.config.replace(max_episodes=7), resume_from=each).events()) for each in (state, earlier)]
    assert rows(after[0]) == rows(after[1]) != []


def test_a_finished_run_goes_on_with_more_episodes() -> None:
    # The linear schedule does not depend on max_episodes, so the longer run is the same from the start.
    config = short_config(max_episodes=4, epsilon_schedule="linear_steps")
    first = list(Trainer(config).events())
    state = as_stored(of_kind(first, CheckpointReady)[-1])
    more = list(Trainer(state.config.replace(max_episodes=7), resume_from=state).events())
    whole = list(Trainer(config.replace(max_episodes=7)).events())
    assert rows(first) + rows(more) == rows(whole)


@pytest.mark.parametrize(
    ("first", "then", "episode"), [(10, 200, 10), (400, 401, 7), (400, 4_000, 200), (10, 5_000, 10), (10, 10**7, 3)]
)
def test_another_number_of_episodes_leaves_exploration_where_it_stood(first: int, then: int, episode: int) -> None:
    config = short_config(max_episodes=first)
    longer = changed_config(config, {"max_episodes": then}, {"finished_episodes": episode})
    assert longer.max_episodes == then
    assert epsilon_at(longer, episode, 0) == pytest.approx(epsilon_at(config, episode, 0), rel=1e-9)
    later = [epsilon_at(longer, each, 0) for each in range(episode, then, max(1, then // 50))]
    assert later == sorted(later, reverse=True)
    if then / first * config.epsilon_decay_rate <= 1_000:
        assert later[1] == pytest.approx(epsilon_at(config, episode + max(1, then // 50), 0), rel=1e-9)


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {"epsilon_end": 0.2}),
        ({}, {"epsilon_decay_rate": 10.0}),
        ({"epsilon_schedule": "linear_steps"}, {}),
        ({"noisy_nets": True}, {}),
    ],
    ids=["epsilon given", "same epsilon given", "schedule by steps", "no epsilon"],
)
def test_exploration_that_is_told_or_does_not_depend_on_the_limit_is_left_alone(
    fields: dict[str, Any], changes: dict[str, Any]
) -> None:
    config = short_config(max_episodes=10, **fields)
    longer = changed_config(config, {"max_episodes": 200} | changes, {"finished_episodes": 10})
    assert longer == config.replace(max_episodes=200, **changes)


def test_a_run_that_cannot_be_set_up_again_has_still_done_what_it_did() -> None:
    first = list(Trainer(short_config(evaluate_every=1)).events())
    state = as_stored(of_kind(first, CheckpointReady)[-1])
    values = state.values | {"config": state.values["config"] | {"env_id": "Gone-v0"}}
    gone = Checkpoint(arrays=state.arrays, values=values)
    (ended,) = Trainer(gone.config.replace(max_episodes=9), resume_from=gone).events()
    before = first[-1]
    assert isinstance(ended, RunEnded)
    assert isinstance(before, RunEnded)
    assert "Gone-v0" in ended.parameters["env_id"]
    done = [(each.episodes, each.env_steps, each.updates, each.best_eval) for each in (before, ended)]
    assert done[0] == done[1]


def test_a_step_budget_is_taken_up_amid_the_episode() -> None:
    config = short_config(max_episodes=100, max_env_steps=123)
    first = list(Trainer(config).events())
    state = as_stored(of_kind(first, CheckpointReady)[-1])
    more = list(Trainer(state.config.replace(max_env_steps=300), resume_from=state).events())
    assert rows(first) + rows(more) == rows(list(Trainer(config.replace(max_env_steps=300)).events()))


def test_the_clock_goes_on_where_it_stood() -> None:
    config = short_config()
    first = list(Trainer(config, clock=SteppingClock()).events())
    state = as_stored(of_kind(first, CheckpointReady)[-1])
    more = Trainer(state.config.replace(max_episodes=9), resume_from=state, clock=SteppingClock()).events()
    assert of_kind(more, EpisodeEnded)[0].wall_time_s > of_kind(first, EpisodeEnded)[-1].wall_time_s


class Forgetful(fake.Corridor):
    """Starts somewhere else each time, whatever its generator says."""

    starts = 0

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(**options)
        type(self).starts += 1
        self.length = 1_000 + type(self).starts
        return self._observe(), {}


def test_an_episode_that_does_not_repeat_itself_begins_anew_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake.gym.registry[fake.CORRIDOR], "entry_point", Forgetful)
    config = short_config(env_id=fake.CORRIDOR, max_episodes=5, max_episode_steps=20)
    before, state = stopped_at(config, 60, Phase.TRAINING)
    after = list(Trainer(state.config, resume_from=state).events())
    assert any("starts over" in notice.template for notice in of_kind(after, Notice))
    numbers = [event.episode for event in of_kind([*before, *after], EpisodeEnded)]
    assert numbers == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("change", ["version", "network", "memory"])
def test_a_state_that_does_not_fit_is_refused_by_name(change: str) -> None:
    state = as_stored(of_kind(Trainer(short_config()).events(), CheckpointReady)[-1])
    config = state.config
    match change:
        case "version":
            state.values["version"] = 99
        case "network":
            config = config.replace(hidden_sizes=(16,))
        case "memory":
            state.arrays["replay.rows"] = np.zeros((4, 3), np.float32)
    ended = list(Trainer(config, resume_from=state).events())[-1]
    assert isinstance(ended, RunEnded)
    message = ended.template.format(**ended.parameters)
    assert {"version": "99", "network": "layers.", "memory": "(4, 3)"}[change] in message


class _StopsAtUpdate(Mailbox):
    """Holds a Stop from the moment in which the trainer has made so many updates."""

    def __init__(self, updates: int) -> None:
        self.updates = updates
        self.trainer: Trainer | None = None

    def empty(self) -> bool:
        if self.trainer is not None and self.trainer.state.updates >= self.updates:
            self.trainer = None
            self.put(Stop())
        return super().empty()


def _stopped_at_update(config: TrainingConfig, updates: int, **start: Any) -> tuple[list[Event], Checkpoint]:
    mailbox = _StopsAtUpdate(updates)
    mailbox.trainer = trainer = Trainer(config, mailbox, clock=lambda: 0.0, **start)
    events = list(trainer.events())
    return events, as_stored(of_kind(events, CheckpointReady)[-1])


@pytest.mark.parametrize("compute", ["torch-cpu", "fused"])
@pytest.mark.parametrize("target_update", ["episode", "steps", "soft"])
def test_a_run_stopped_between_two_updates_of_one_step_goes_on_with_the_others(
    compute: str, target_update: str
) -> None:
    config = short_config(
        compute=compute,
        max_episodes=4,
        gradient_steps=90,
        update_every=7,
        target_update=target_update,
        target_update_every=5,
        max_episode_steps=14,  # the last step of an episode is one with updates
        prioritized_replay=True,
    )
    whole = list(Trainer(config).events())
    first, state = _stopped_at_update(config, 95)
    assert of_kind(first, RunEnded)[0].updates == 95
    second, state = _stopped_at_update(state.config, 143, resume_from=state)
    assert of_kind(second, RunEnded)[0].updates == 143
    third = list(Trainer(state.config, resume_from=state).events())
    assert rows(first) + rows(second) + rows(third) == rows(whole)
    assert of_kind(third, RunEnded)[0].updates == of_kind(whole, RunEnded)[0].updates
    assert all(np.array_equal(array, last_weights(third)[name]) for name, array in last_weights(whole).items())


def test_a_stop_does_not_wait_for_the_other_updates_of_its_step() -> None:
    config = short_config(max_episodes=3, gradient_steps=100_000, warmup_steps=16)
    events, _state = _stopped_at_update(config, 40)
    assert events[-1].reason is EndReason.STOPPED
    assert events[-1].updates == 40
