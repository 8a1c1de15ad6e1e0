from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

import fake_environments as fake
from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import make_environment
from dqn_core.errors import EnvironmentFailedError
from dqn_core.events import (
    CheckpointReady,
    Command,
    EndReason,
    EpisodeEnded,
    Event,
    Frame,
    Notice,
    Pause,
    Phase,
    Progress,
    Resume,
    RunEnded,
    RunStarted,
    RunState,
    Step,
    TakeCheckpoint,
    Watch,
    WeightsReady,
)
from dqn_core.training.checkpoint import Checkpoint
from dqn_core.training.evaluation import EVALUATION_SEED, evaluate
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind, run_with_reactions, short_config


def outcome(config: TrainingConfig) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Episodes (less the clock) and last weights of a run."""
    events = list(Trainer(config).events())
    (last,) = [event for event in of_kind(events, WeightsReady) if event.kind == "last"]
    episodes = [
        {name: getattr(event, name) for name in event.__slots__ if name != "wall_time_s"}
        for event in of_kind(events, EpisodeEnded)
    ]
    return episodes, last.weights


@pytest.mark.parametrize("compute", ["torch-cpu", "fused"])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "LunarLander-v3"])
def test_same_config_and_seed_give_identical_episodes_and_weights(env_id: str, compute: str) -> None:
    config = short_config(env_id=env_id, compute=compute, max_episodes=8, evaluate_every=2, max_episode_steps=120)
    first, initial_weights = outcome(config)
    again, again_weights = outcome(config)
    assert repr(first) == repr(again)  # repr, so that NaN equals NaN
    for name, array in initial_weights.items():
        np.testing.assert_array_equal(array, again_weights[name])


def test_another_seed_gives_other_episodes() -> None:
    assert outcome(short_config(seed=0))[0] != outcome(short_config(seed=1))[0]


def test_the_first_event_tells_the_compute_and_the_last_how_it_ended() -> None:
    events = list(Trainer(short_config(hidden_sizes=(32, 32))).events())
    assert isinstance(events[0], RunStarted)
    assert (events[0].compute, events[0].parameters) == ("torch-cpu", 1_282)
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.MAX_EPISODES
    assert events[-1].episodes == len(of_kind(events, EpisodeEnded)) == 5


def test_all_events_pickle() -> None:
    for event in Trainer(short_config(evaluate_every=1)).events():
        assert type(pickle.loads(pickle.dumps(event))) is type(event)  # noqa: S301  our own bytes


def test_episodes_count_steps_and_epsilon_as_they_should() -> None:
    config = short_config(max_episodes=6, evaluate_every=0)
    episodes = of_kind(Trainer(config).events(), EpisodeEnded)
    env_step = config.warmup_steps
    for k, episode in enumerate(episodes):
        env_step += episode.length
        assert episode.episode == k + 1
        assert episode.env_step == env_step
        assert episode.episode_return == episode.length  # CartPole pays 1 a step
        assert episode.epsilon == pytest.approx(epsilon_at(config, k, 0))
        assert episode.buffer_fill == min(env_step, config.buffer_size)
        assert math.isnan(episode.eval_return)


def test_warmup_counts_as_steps_but_not_as_episodes_or_updates() -> None:
    trainer = Trainer(short_config(warmup_steps=300, max_episodes=1))
    events = list(trainer.events())
    (episode,) = of_kind(events, EpisodeEnded)
    assert trainer.state.updates == episode.length
    assert of_kind(events, Progress)[0].phase is Phase.WARMUP


@pytest.mark.parametrize(("update_every", "gradient_steps"), [(1, 1), (4, 1), (1, 3), (5, 2)])
def test_updates_follow_their_cadence(update_every: int, gradient_steps: int) -> None:
    trainer = Trainer(short_config(update_every=update_every, gradient_steps=gradient_steps, warmup_steps=20))
    list(trainer.events())
    rounds = trainer.state.env_step // update_every - 20 // update_every
    assert trainer.state.updates == rounds * gradient_steps


def test_termination_and_truncation_are_told_apart_in_log_and_memory() -> None:
    config = short_config(env_id=fake.CORRIDOR, max_episodes=30, warmup_steps=0, max_episode_steps=7, buffer_size=1_000)
    trainer = Trainer(config)
    episodes, replay = of_kind(trainer.events(), EpisodeEnded), trainer.state.memory.replay
    assert {(episode.terminated, episode.truncated) for episode in episodes} == {(True, False), (False, True)}
    assert replay.terminated.sum() == sum(episode.terminated for episode in episodes)
    reached_the_end = replay.next_observations[:, 0] >= 5
    np.testing.assert_array_equal(replay.terminated == 1, reached_the_end)


def test_the_step_budget_ends_the_run_to_the_step() -> None:
    events = list(Trainer(short_config(max_env_steps=123, max_episodes=100)).events())
    assert isinstance(events[-1], RunEnded)
    assert (events[-1].reason, events[-1].env_steps) == (EndReason.MAX_ENV_STEPS, 123)
    assert events[-1].episodes == len(of_kind(events, EpisodeEnded))


def test_evaluation_follows_its_cadence_and_keeps_the_best() -> None:
    config = short_config(max_episodes=7, evaluate_every=3, evaluation_episodes=2)
    events = list(Trainer(config).events())
    evaluated = {event.episode: event.eval_return for event in of_kind(events, EpisodeEnded) if event.eval_return > 0}
    assert set(evaluated) == {3, 6}
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.best_eval == max(evaluated.values())
    best = [event for event in of_kind(events, WeightsReady) if event.kind == "best"][-1]
    assert best.eval_return == ended.best_eval
    assert evaluated[best.episode] == best.eval_return


def test_a_new_best_is_checked_over_further_episodes_which_all_count() -> None:
    config = short_config(max_episodes=1, evaluate_every=1, evaluation_episodes=2, recheck_episodes=3)
    trainer = Trainer(config)
    events = list(trainer.events())
    (ended,) = of_kind(events, EpisodeEnded)
    played = evaluate(
        trainer.state.learner,
        config.env_id,
        episodes=5,
        seed=EVALUATION_SEED,
        max_episode_steps=config.max_episode_steps,
    )
    assert ended.eval_return == pytest.approx(played.mean)
    assert of_kind(events, CheckpointReady)[-1].values["evaluations"] == 5


def test_an_evaluation_worse_than_the_best_is_not_checked_again() -> None:
    config = short_config(max_episodes=30, evaluate_every=1, evaluation_episodes=2, recheck_episodes=3)
    events = list(Trainer(config).events())
    evaluations = [event.eval_return for event in of_kind(events, EpisodeEnded)]
    worse = sum(value < max(evaluations[:number]) for number, value in enumerate(evaluations) if number)
    played = of_kind(events, CheckpointReady)[-1].values["evaluations"]
    assert 2 * 30 + 3 * (30 - worse) <= played < 5 * 30  # one that seemed good at first may count as worse


def test_evaluation_changes_nothing_in_the_training() -> None:
    with_evaluation, _ = outcome(short_config(evaluate_every=1))
    without, _ = outcome(short_config(evaluate_every=0))
    for one, other in zip(with_evaluation, without, strict=True):
        assert {**one, "eval_return": 0} == {**other, "eval_return": 0}


def test_the_goal_ends_the_run_only_once_it_is_confirmed() -> None:
    config = short_config(
        env_id=fake.CORRIDOR, max_episodes=300, evaluate_every=1, goal_score=4.5, learning_rate=1e-2, batch_size=32
    )
    events = list(Trainer(config).events())
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.solved
    assert of_kind(events, EpisodeEnded)[-1].eval_return == 5.0
    assert ended.reason.state is RunState.FINISHED


def test_a_goal_out_of_reach_is_not_reached() -> None:
    events = list(Trainer(short_config(env_id=fake.CORRIDOR, evaluate_every=1, goal_score=5.0)).events())
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.MAX_EPISODES


@pytest.mark.parametrize("rule", ["episode", "steps", "soft"])
def test_the_target_network_follows_by_its_rule(rule: str) -> None:
    trainer = Trainer(short_config(target_update=rule, target_update_every=40, max_episodes=3))
    syncs: list[int] = []
    events = trainer.events()
    next(events)
    sync = trainer.state.learner.sync_target
    trainer.state.learner.sync_target = lambda: (syncs.append(trainer.state.env_step), sync())  # type: ignore[method-assign,assignment]
    ends = [event.env_step for event in of_kind(events, EpisodeEnded)]
    expected = {
        "episode": ends,
        "steps": [step for step in range(51, ends[-1] + 1) if step % 40 == 0],
        "soft": [],
    }
    assert syncs == expected[rule]


def test_a_diverging_loss_ends_the_run_and_keeps_good_weights() -> None:
    config = short_config(env_id=fake.EXPLODING, max_episodes=10_000, warmup_steps=0, target_update="soft")
    events = list(Trainer(config).events())
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason is EndReason.DIVERGED
    assert "diverged" in ended.template.format(**ended.parameters)
    (last,) = [event for event in of_kind(events, WeightsReady) if event.kind == "last"]
    assert all(np.isfinite(array).all() for array in last.weights.values())


def test_an_environment_that_raises_fails_its_run_with_the_cause() -> None:
    events = list(Trainer(short_config(env_id=fake.RAISING, warmup_steps=10)).events())
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason is EndReason.FAILED
    said = ended.template.format(**ended.parameters)
    assert (
        "fails in step at env step 11 of an episode (RuntimeError: the motor is on fire, fake_environments.py:" in said
    )
    assert any(event.kind == "last" for event in of_kind(events, WeightsReady))


def test_an_unknown_environment_fails_with_suggestions() -> None:
    (ended,) = Trainer(short_config(env_id="CartPol-v1")).events()
    assert isinstance(ended, RunEnded)
    assert ended.reason is EndReason.FAILED
    assert "CartPole-v1" in ended.template.format(**ended.parameters)


def test_actions_may_be_numbered_from_any_number() -> None:
    events = list(Trainer(short_config(env_id=fake.SHIFTED_ACTIONS, evaluate_every=1)).events())
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.MAX_EPISODES


def test_an_n_step_run_stores_every_step_once() -> None:
    config = short_config(env_id=fake.CORRIDOR, n_step=3, max_episodes=30, warmup_steps=17, max_episode_steps=7)
    trainer = Trainer(config)
    episodes, replay = of_kind(trainer.events(), EpisodeEnded), trainer.state.memory.replay
    assert {episode.terminated for episode in episodes} == {True, False}
    assert len(replay) == trainer.state.env_step
    # A corridor's reward is its progress, and gamma 0.99: the sum tells the steps that went right.
    went_right = replay.next_observations[:, 0] - replay.observations[:, 0]
    assert ((went_right >= 0) & (went_right <= replay.steps)).all()
    assert (replay.rewards <= went_right + 1e-6).all()
    assert (replay.rewards >= 0.99**2 * went_right - 1e-6).all()
    np.testing.assert_array_equal(replay.terminated == 1, replay.next_observations[:, 0] >= 5)


def test_noisy_networks_explore_without_epsilon() -> None:
    trainer = Trainer(short_config(noisy_nets=True, max_episodes=3))
    episodes = of_kind(trainer.events(), EpisodeEnded)
    assert {episode.epsilon for episode in episodes} == {0.0}
    observation = np.zeros(4, np.float32)
    observation[3] = 0.01  # near the middle of things, where a little noise decides
    assert len({trainer.state.learner.explore(observation) for _ in range(200)}) == 2
    assert len({trainer.state.learner.act(observation) for _ in range(200)}) == 1


def test_evaluating_with_exploration_on_is_worse_and_changes_no_training() -> None:
    config = short_config(
        env_id=fake.CORRIDOR,
        max_episodes=60,
        evaluate_every=2,
        evaluation_episodes=5,
        learning_rate=1e-2,
        epsilon_end=0.9,
        max_episode_steps=5,
    )
    honest, mistaken = (outcome(config.replace(mistake_explore_in_evaluation=on))[0] for on in (False, True))
    best, best_mistaken = (np.nanmax([row["eval_return"] for row in rows]) for rows in (honest, mistaken))
    assert best == 5.0
    assert best_mistaken < 5.0
    assert [row["length"] for row in honest] == [row["length"] for row in mistaken]


def test_without_a_target_network_targets_follow_each_update() -> None:
    trainer = Trainer(short_config(mistake_no_target_network=True, target_update="steps", target_update_every=10**6))
    list(trainer.events())
    state = trainer.state.learner.state_dict()
    for name, array in trainer.state.learner.weights().items():
        np.testing.assert_allclose(state[f"target.{name}"], array, rtol=1e-6)


@pytest.mark.parametrize("n_step", [1, 3])
def test_an_observation_that_is_changed_in_place_is_kept_as_it_was(n_step: int) -> None:
    rows, networks = [], []
    for env_id in (fake.CORRIDOR, fake.IN_PLACE):
        trainer = Trainer(short_config(env_id=env_id, n_step=n_step, evaluate_every=2, max_episodes=4))
        for event in trainer.events():
            assert not (isinstance(event, RunEnded) and event.template)
        rows.append(trainer.state.arrays()["replay.rows"])
        networks.append(trainer.state.learner.weights())
    np.testing.assert_array_equal(rows[0], rows[1])
    assert (rows[0][:, 0] != rows[0][:, 4]).any()  # a step leads somewhere
    for name, array in networks[0].items():
        np.testing.assert_array_equal(array, networks[1][name])


def test_a_run_is_taken_up_amid_an_episode_of_an_environment_that_changes_observations_in_place() -> None:
    ends = []
    for env_id in (fake.CORRIDOR, fake.IN_PLACE):
        config = short_config(env_id=env_id, max_env_steps=63)
        state = of_kind(Trainer(config).events(), CheckpointReady)[-1]
        taken_up = Checkpoint(arrays=state.arrays, values=state.values)
        assert state.values["environments"][0]["running"]["actions"]
        trainer = Trainer(config.replace(max_env_steps=90), resume_from=taken_up)
        assert not of_kind(trainer.events(), Notice)[1:]  # one says that the limit is another
        ends.append(trainer.state.arrays()["replay.rows"])
    np.testing.assert_array_equal(ends[0], ends[1])


def test_where_one_environment_alone_may_be_open_evaluations_change_nothing_of_the_training() -> None:
    ends = {}
    for env_id in (fake.BESIDE, fake.ALONE):
        config = short_config(env_id=env_id, evaluate_every=1, evaluation_episodes=3, max_episodes=12)
        trainer = Trainer(config)
        events = list(trainer.events())
        assert isinstance(events[-1], RunEnded)
        assert events[-1].reason is EndReason.MAX_EPISODES
        notices = [each.template for each in of_kind(events, Notice)]
        assert any("in turns" in each for each in notices) is (env_id == fake.ALONE)
        rows = [(each.episode_return, each.length, each.eval_return) for each in of_kind(events, EpisodeEnded)]
        ends[env_id] = (rows, trainer.state.arrays()["replay.rows"].tolist())
    assert not fake.Alone.is_open
    assert ends[fake.ALONE] == ends[fake.BESIDE]


def test_a_run_whose_evaluations_take_turns_is_taken_up_bit_for_bit() -> None:
    config = short_config(env_id=fake.ALONE, evaluate_every=1, evaluation_episodes=3, max_episodes=12)
    states = []

    def ask(event: object) -> list[TakeCheckpoint]:
        if isinstance(event, CheckpointReady):
            states.append(event)
        return [TakeCheckpoint()] if isinstance(event, EpisodeEnded) else []

    events = run_with_reactions(config, ask)
    whole = [each.episode_return for each in of_kind(events, EpisodeEnded)]
    state = states[len(states) // 2]
    trainer = Trainer(config, resume_from=Checkpoint(arrays=state.arrays, values=state.values))
    rest = [each.episode_return for each in of_kind(trainer.events(), EpisodeEnded)]
    assert 0 < len(rest) < len(whole)
    assert rest == whole[-len(rest) :]


def test_a_second_instance_that_cannot_be_made_is_told_with_the_likely_cause() -> None:
    first = make_environment(fake.ALONE)
    with pytest.raises(EnvironmentFailedError, match=r"device is in use(.|\n)*Another one of it is open"):
        make_environment(fake.ALONE)
    first.close()
    make_environment(fake.ALONE).close()


def test_environments_in_parallel_of_which_there_can_be_one_are_refused_with_the_number_that_can_be() -> None:
    config = short_config(env_id=fake.ALONE, parallel_environments=2)
    ended = of_kind(Trainer(config).events(), RunEnded)[0]
    assert ended.reason is EndReason.FAILED
    message = ended.template.format(**ended.parameters)
    assert f"Only 1 of {fake.ALONE} can be open at a time" in message
    assert "set parallel_environments to 1" in message


def test_of_parallel_environments_the_first_is_shown_and_a_single_step_is_one_of_each() -> None:
    config = short_config(parallel_environments=3, warmup_steps=0, max_episodes=3)
    shown: dict[int, float] = {}

    def react(event: Event) -> list[Command]:
        if isinstance(event, Frame):
            shown[event.env_step] = event.episode_return
            return [Step()] if len(shown) < 5 else [Resume()]
        return []

    run_with_reactions(config, react, [Watch(600.0, 1000.0), Pause()])
    assert list(shown.items())[:5] == [(0, 0.0), (3, 1.0), (6, 2.0), (9, 3.0), (12, 4.0)]
