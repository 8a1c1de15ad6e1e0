from __future__ import annotations

import threading
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fake_environments as fake
from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.events import (
    Change,
    Command,
    EndReason,
    EpisodeEnded,
    Event,
    Frame,
    HyperparametersChanged,
    Notice,
    Pause,
    Progress,
    Resume,
    RunEnded,
    RunState,
    SetHyperparameter,
    SetPace,
    StateChanged,
    Step,
    Stop,
    Watch,
)
from dqn_core.training.controls import Controls, Mailbox
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind, run_with_reactions, short_config


def nothing(_: Event) -> Iterable[Command]:
    return ()


def test_a_stop_takes_effect_before_steps_still_waiting() -> None:
    def react(event: Event) -> Iterable[Command]:
        if isinstance(event, StateChanged) and event.state is RunState.PAUSED:
            return (Step(), Step(), Step(), Stop())
        return ()

    events = run_with_reactions(short_config(warmup_steps=0), react, [Pause()])
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.reason, ended.env_steps) == (EndReason.STOPPED, 0)


def test_three_single_steps_are_three_env_steps_and_then_it_stands_still_again() -> None:
    paused_at: list[int] = []

    def react(event: Event) -> Iterable[Command]:
        if isinstance(event, StateChanged) and event.state is RunState.PAUSED:
            return (Step(), Step(), Step())
        if isinstance(event, Progress) and event.env_step == 3:
            paused_at.append(event.env_step)
            return (Stop(),)
        return ()

    events = run_with_reactions(short_config(warmup_steps=0), react, [Pause()])
    assert [event.state for event in of_kind(events, StateChanged)] == [RunState.PAUSED]
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.env_steps == 3
    assert paused_at


def test_a_paused_run_goes_on_to_the_same_result() -> None:
    def react(event: Event) -> Iterable[Command]:
        if isinstance(event, StateChanged):
            return (Resume(),) if event.state is RunState.PAUSED else ()
        return (Pause(),) if isinstance(event, EpisodeEnded) else ()

    plain = of_kind(Trainer(short_config()).events(), EpisodeEnded)
    paused = of_kind(run_with_reactions(short_config(), react), EpisodeEnded)
    assert [episode.loss_mean for episode in paused] == [episode.loss_mean for episode in plain]


def test_pauses_do_not_count_as_training_time() -> None:
    mailbox = Mailbox()
    now = 0.0

    def clock() -> float:
        return now

    mailbox.put(Pause())
    events = Trainer(short_config(), mailbox, clock=clock).events()
    for event in events:
        if isinstance(event, StateChanged) and event.state is RunState.PAUSED:
            now += 1_000.0
            mailbox.put(Resume())
        if isinstance(event, RunEnded):
            assert event.wall_time_s == 0.0


def test_live_changes_take_effect_and_are_told_with_old_and_new() -> None:
    def react(event: Event) -> Iterable[Command]:
        if isinstance(event, EpisodeEnded) and event.episode == 2:
            return (
                SetHyperparameter("learning_rate", 5e-3),
                SetHyperparameter("buffer_size", 60),
                SetHyperparameter("epsilon_start", 0.5),
                SetHyperparameter("gamma", 0.9),
            )
        return ()

    events = run_with_reactions(short_config(max_episodes=4), react)
    changes = [change for event in of_kind(events, HyperparametersChanged) for change in event.changes]
    assert changes == [
        Change(field="learning_rate", old=2e-4, new=5e-3),
        Change(field="buffer_size", old=500, new=60),
        Change(field="epsilon_start", old=1.0, new=0.5),
        Change(field="gamma", old=0.99, new=0.9),
    ]
    before, after = of_kind(events, EpisodeEnded)[1], of_kind(events, EpisodeEnded)[2]
    assert (before.learning_rate, before.buffer_size, before.gamma) == (2e-4, 500, 0.99)
    assert (after.learning_rate, after.buffer_size, after.gamma) == (5e-3, 60, 0.9)
    assert after.buffer_fill == 60
    assert after.epsilon == epsilon_at(short_config(max_episodes=4, epsilon_start=0.5), 2, 0)


def test_a_live_change_of_the_learning_rate_reaches_the_weights() -> None:
    def freeze(event: Event) -> Iterable[Command]:
        return (SetHyperparameter("learning_rate", 1e-12),) if isinstance(event, EpisodeEnded) else ()

    trainer_weights = []
    for react in (nothing, freeze):
        mailbox = Mailbox()
        trainer = Trainer(short_config(max_episodes=3), mailbox)
        for event in trainer.events():
            for command in react(event):
                mailbox.put(command)
        trainer_weights.append(trainer.state.learner.weights()["layers.0.weight"])
    assert abs(trainer_weights[0] - trainer_weights[1]).max() > 1e-4


def test_changes_that_cannot_be_are_told_and_change_nothing() -> None:
    wishes = [SetHyperparameter("seed", 5), SetHyperparameter("gamma", 3.0), SetHyperparameter("colour", "red")]
    events = run_with_reactions(short_config(), nothing, wishes)
    notices = [event.template.format(**event.parameters) for event in of_kind(events, Notice)]
    assert len(notices) == 3
    assert "seed" in notices[0]
    assert "gamma = 3.0" in notices[1]
    assert "colour" in notices[2]
    assert not of_kind(events, HyperparametersChanged)


def test_the_same_value_again_is_no_change() -> None:
    events = run_with_reactions(short_config(), nothing, [SetHyperparameter("gamma", 0.99)])
    assert not of_kind(events, HyperparametersChanged)


def test_stop_ends_the_run_with_its_weights_and_log() -> None:
    def react(event: Event) -> Iterable[Command]:
        return (Stop(),) if isinstance(event, EpisodeEnded) and event.episode == 3 else ()

    events = run_with_reactions(short_config(max_episodes=100), react)
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.reason, ended.episodes) == (EndReason.STOPPED, 3)


def test_frames_are_made_only_while_watched_and_show_the_state_acted_in() -> None:
    assert not of_kind(Trainer(short_config()).events(), Frame)
    commands = [Watch(1_000.0, frames_per_s=1e6), SetPace(1e6)]
    frames = of_kind(run_with_reactions(short_config(max_episodes=20), nothing, commands), Frame)
    assert len(frames) > 20
    for frame in frames:
        assert len(frame.q_values) == 2
        if frame.is_greedy:
            assert frame.action == max(range(2), key=lambda a: frame.q_values[a])
    assert Image.open(BytesIO(frames[0].jpeg)).size == (600, 400)


def test_frames_of_an_agent_that_sees_pictures_have_those_too() -> None:
    assert not any(frame.seen for frame in _watched(short_config()))
    layout = inspect_environment("MinAtar/Breakout-v1").layout
    assert layout is not None
    frames = _watched(short_config(env_id="MinAtar/Breakout-v1", max_episodes=3))
    assert len(frames) > 10
    for frame in frames:
        tiles = np.asarray(Image.open(BytesIO(frame.seen)))
        assert tiles.shape == (10, 40, 3)
        paddle = tiles[9, :10].any(axis=-1)
        assert paddle.sum() == 1
        picture = np.asarray(Image.open(BytesIO(frame.jpeg)).resize((10, 10), Image.Resampling.NEAREST))
        assert picture[9, paddle.argmax()].max() > 100  # in the same place


@pytest.mark.parametrize("compute", ["fused", "torch-cpu"])
def test_saliency_is_of_the_action_shown_and_there_where_it_is_asked_for(compute: Any) -> None:
    config = short_config(env_id="MinAtar/Breakout-v1", compute=compute, max_episodes=3)
    plain = _watched(config)
    assert not any(frame.important for frame in plain)
    frames = _watched(config, with_saliency=True)
    assert [frame.q_values for frame in frames] == [frame.q_values for frame in plain]
    for frame in frames:
        red, green, blue = np.moveaxis(np.asarray(Image.open(BytesIO(frame.important))), -1, 0)
        assert red.shape == (10, 40)
        assert red.max() == 255
        assert (green < red).sum() == (blue < red).sum() == (red > 0).sum() > 100
    assert not any(frame.important for frame in _watched(short_config(max_episodes=2), with_saliency=True))


def _watched(config: TrainingConfig, *, with_saliency: bool = False) -> list[Frame]:
    commands = [Watch(1_000.0, frames_per_s=1e6, with_saliency=with_saliency), SetPace(1e6)]
    return of_kind(run_with_reactions(config, nothing, commands), Frame)


@pytest.mark.parametrize("pace", [None, 1e9])
def test_watching_changes_nothing_in_the_training(pace: float | None) -> None:
    config = short_config(env_id="LunarLander-v3", max_episodes=3)
    plain = of_kind(Trainer(config).events(), EpisodeEnded)
    watched = of_kind(run_with_reactions(config, nothing, [SetPace(pace), Watch(1_000.0, 500.0)]), EpisodeEnded)
    assert [episode.loss_mean for episode in watched] == [episode.loss_mean for episode in plain]


def test_an_environment_without_pictures_trains_unwatched() -> None:
    config = short_config(env_id=fake.CORRIDOR, max_episodes=2)
    assert of_kind(run_with_reactions(config, nothing, [Watch(1_000.0, 1e6)]), RunEnded)


def test_the_pace_is_kept_and_a_stop_does_not_wait_for_it() -> None:
    mailbox = Mailbox()
    mailbox.put(SetPace(0.01))  # one env step in 100 s
    events = Trainer(short_config(warmup_steps=0), mailbox).events()
    timer = threading.Timer(0.2, mailbox.put, [Stop()])
    timer.start()
    ended = list(events)[-1]
    timer.join()
    assert isinstance(ended, RunEnded)
    assert ended.env_steps <= 1


def test_pace_spaces_the_steps() -> None:
    # 40 env steps at 200 a second take at least 39 intervals of 5 ms, however slow the machine.
    events = run_with_reactions(short_config(warmup_steps=0, max_env_steps=40), nothing, [SetPace(200.0)])
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.wall_time_s >= 39 * 0.005


@pytest.mark.parametrize("command", [Pause(), Step(), SetPace(10.0), Watch(1.0), SetHyperparameter("gamma", 0.9)])
def test_a_stop_beside_any_other_command_ends_the_run(command: Command) -> None:
    events = run_with_reactions(short_config(), nothing, [command, Stop()])
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.STOPPED


def frames_in(controls: Controls, clock: list[float], seconds: float, cost: float) -> int:
    """Frames that a run makes in ``seconds`` of its ``clock`` where each takes ``cost`` seconds."""
    end, made = clock[0] + seconds, 0
    while clock[0] < end:
        clock[0] += 0.001
        if controls.take_frame():
            clock[0] += cost
            controls.note_frame_cost(cost)
            made += 1
    return made


@pytest.mark.parametrize(("cost", "frames"), [(0.003, 100), (0.01, 100), (0.1, 10), (0.5, 2)])
def test_frames_take_at_most_a_tenth_of_a_run_at_full_speed(cost: float, frames: int) -> None:
    mailbox, clock = Mailbox(), [0.0]
    controls = Controls(mailbox, lambda: clock[0])
    mailbox.put(Watch(1_000.0))
    controls.receive()
    assert frames_in(controls, clock, 10.0, cost) == pytest.approx(frames, abs=2)


def test_a_run_at_a_slow_pace_shows_every_frame_that_it_has_time_for() -> None:
    mailbox, clock = Mailbox(), [0.0]
    controls = Controls(mailbox, lambda: clock[0])
    for command in (Watch(1_000.0), SetPace(50.0)):
        mailbox.put(command)
    controls.receive()
    assert frames_in(controls, clock, 10.0, cost=0.05) == pytest.approx(100, abs=2)


def seconds_until_full_speed(commands: Iterable[Command], *, warm_up_s: float = 0.0) -> float:
    """Seconds after the warm-up until the trainer need not wait any more, on a clock that goes on by itself."""
    mailbox, ticks = Mailbox(), iter(range(1_000_000))
    controls = Controls(mailbox, lambda: 0.01 * next(ticks))
    for command in commands:
        mailbox.put(command)
    controls.receive()
    while 0.01 * next(ticks) < warm_up_s:
        controls.keep_pace(is_warming_up=True)
    begin = 0.01 * next(ticks)
    while controls.needs_every_step and 0.01 * next(ticks) < 100.0:
        controls.keep_pace()
    return 0.01 * next(ticks) - begin


@pytest.mark.parametrize("warm_up_s", [0.0, 30.0])
def test_an_automatic_pace_rises_to_full_speed_after_the_warm_up(warm_up_s: float) -> None:
    commands = [SetPace(1e6, is_automatic=True), Watch(1_000.0)]
    assert seconds_until_full_speed(commands, warm_up_s=warm_up_s) == pytest.approx(18.0, abs=0.2)


def test_an_automatic_pace_slows_nobody_down_who_does_not_watch() -> None:
    assert seconds_until_full_speed([SetPace(1e6, is_automatic=True)]) == pytest.approx(5.0, abs=0.2)


def test_full_speed_ends_an_automatic_pace() -> None:
    assert seconds_until_full_speed([SetPace(1e6, is_automatic=True), Watch(1_000.0), SetPace(None)]) < 0.2


def test_an_automatic_pace_begins_in_real_time_and_changes_nothing_in_the_training() -> None:
    config = short_config(warmup_steps=20, max_env_steps=60)
    plain = run_with_reactions(config, nothing, [])
    slow = run_with_reactions(config, nothing, [SetPace(200.0, is_automatic=True)])
    ended = slow[-1]
    assert isinstance(ended, RunEnded)
    assert ended.wall_time_s >= 39 * 0.005
    assert [each.episode_return for each in of_kind(slow, EpisodeEnded)] == [
        each.episode_return for each in of_kind(plain, EpisodeEnded)
    ]
