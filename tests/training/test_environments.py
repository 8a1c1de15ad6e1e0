from __future__ import annotations

import random
import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import fake_environments as fake
from dqn_core.environments.make import environment_picture, inspect_environment, make_environment
from dqn_core.errors import UnsupportedEnvironmentError
from dqn_core.events import EndReason, EpisodeEnded, Notice, RunEnded
from dqn_core.training.report import report_text
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind, short_config


@pytest.mark.parametrize(
    ("env_id", "says"),
    [
        ("Pendulum-v1", r"Pendulum-v1 takes actions from Box\(.*Discrete"),
        ("CartPol-v1", "CartPole-v1"),
        ("Pendulum-v9", r"Did you mean CartPole-v1, LunarLander-v3\?"),  # what is like it does not train
        ("LunarLander-v2", "LunarLander"),
        ("", "environment"),
        ("os:system", "os registers no environments"),
        (fake.MISSING_PACKAGE, "pip install imaginary"),
    ],
)
def test_what_dqn_cannot_use_is_refused_by_name(env_id: str, says: str) -> None:
    with pytest.raises(UnsupportedEnvironmentError, match=says):
        make_environment(env_id)


def test_report_of_a_lab_environment() -> None:
    report = inspect_environment("LunarLander-v3")
    assert (report.observation_size, report.n_actions, report.max_episode_steps) == (8, 4, 1_000)
    assert report.action_names[2] == "fire main engine"
    assert report.frames_per_s == 50


def test_report_of_an_environment_without_names_uses_indices() -> None:
    report = inspect_environment(fake.CORRIDOR)
    assert report.observation_names == ("s[0]", "s[1]")
    assert report.action_names == ("a[0]", "a[1]")


def test_the_step_limit_truncates() -> None:
    environment = make_environment("CartPole-v1", max_episode_steps=3)
    environment.reset(seed=0)
    steps = [environment.step(i % 2) for i in range(3)]
    assert [step[3] for step in steps] == [False, False, True]
    environment.close()


def test_the_picture_is_a_jpeg_of_the_environments_size() -> None:
    assert Image.open(BytesIO(environment_picture("LunarLander-v3").jpeg)).size == (600, 400)


def test_closing_one_environment_leaves_the_pictures_of_others_alone() -> None:
    watched, other = make_environment("CartPole-v1"), make_environment("CartPole-v1")
    watched.reset(seed=0)
    other.reset(seed=0)
    before = watched.draw_jpeg()
    other.draw_jpeg()
    other.close()
    assert watched.draw_jpeg() == before
    watched.close()


def test_two_threads_may_draw_at_once() -> None:
    pictures: dict[str, list[bytes | None]] = {}

    def draw(env_id: str) -> None:
        environment = make_environment(env_id)
        environment.reset(seed=0)
        pictures[env_id] = [environment.draw_jpeg() for _ in range(30)]
        environment.close()

    threads = [threading.Thread(target=draw, args=(env_id,)) for env_id in ("CartPole-v1", "LunarLander-v3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for drawn in pictures.values():
        assert len(drawn) == 30
        assert len({np.asarray(Image.open(BytesIO(picture or b""))).std() for picture in drawn}) == 1


def test_an_environment_is_decorated_only_when_told() -> None:
    lander = make_environment("LunarLander-v3")
    flames = []
    for on in (False, True):
        lander.reset(seed=0)
        lander.set_decorated(on=on)
        for _ in range(5):
            lander.step(2)  # main engine
        flames.append(len(lander.unwrapped.particles))
    assert flames[0] == 0
    assert flames[1] > 0
    lander.close()


def test_a_picture_leaves_the_environment_as_it_was() -> None:
    lander = make_environment("LunarLander-v3")
    lander.reset(seed=0)
    assert lander.draw_jpeg()
    assert lander.unwrapped.render_mode is None
    lander.close()


def test_a_drawing_that_hangs_holds_up_nobody_for_long() -> None:
    fake.RELEASE.clear()
    hanging = make_environment(fake.HANGING_AT_ONCE)
    hanging.reset(seed=0)
    threads = [threading.Thread(target=hanging.draw_jpeg, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    other = make_environment(fake.CORRIDOR)
    other.reset(seed=0)
    drawn: list[bytes | None] = []
    drawing = threading.Thread(target=lambda: drawn.append(other.draw_jpeg()), daemon=True)
    drawing.start()
    drawing.join(60)
    assert drawn
    assert drawn[0] is not None
    assert all(thread.is_alive() for thread in threads)
    closing = threading.Thread(target=other.close, daemon=True)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
    fake.RELEASE.set()
    for thread in threads:
        thread.join(10)


def test_no_page_waits_for_an_environment_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    fake.RELEASE.clear()
    monkeypatch.setattr("dqn_core.environments.make._LONGEST_LOOK_S", 0.2)
    inspect_environment.cache_clear()
    for _ in range(2):
        with pytest.raises(UnsupportedEnvironmentError, match=r"HangingInMake-v0 hangs"):
            inspect_environment(fake.HANGING["make"])
        with pytest.raises(UnsupportedEnvironmentError, match=r"HangingAtOnce-v0 hangs"):
            environment_picture(fake.HANGING_AT_ONCE)
    stuck = [thread for thread in threading.enumerate() if "Hanging" in thread.name]
    assert len(stuck) == 2  # asked again, it is not begun again
    fake.RELEASE.set()
    for thread in stuck:
        thread.join(10)
    assert inspect_environment(fake.HANGING["make"]).n_actions == 2


class Careless(fake.Corridor):
    """Draws its start from one of the generators that the whole program shares, or from none at all."""

    def __init__(self, draw: Callable[[Any], float], render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.draw, self.start = draw, 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.start = self.draw(self)
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        return np.array([self.position, self.start], np.float32)


class Forgetful(Careless):
    """Does not hand its seed on."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        return super().reset()


DRAWS: dict[str, tuple[type[Careless], Callable[[Any], float], bool]] = {
    "random": (Careless, lambda _own: random.random(), False),  # noqa: S311  that is what it is for
    "np.random": (Careless, lambda _own: np.random.random(), False),  # noqa: NPY002  that is what it is for
    "a generator of the system's": (Careless, lambda _own: np.random.default_rng().random(), False),
    "an episode count": (Careless, lambda own: own.__dict__.setdefault("starts", iter(range(99))).__next__(), False),
    "its own": (Careless, lambda own: own.np_random.random(), True),
    "its own, not seeded": (Forgetful, lambda own: own.np_random.random(), True),
    "its space": (Careless, lambda own: own.observation_space.sample()[1], True),
    "nothing": (Careless, lambda _own: 2, True),
}


@pytest.mark.parametrize("source", DRAWS)
def test_an_environment_that_does_not_repeat_itself_is_noticed(source: str) -> None:
    maker, draw, repeats = DRAWS[source]
    gym.register("DqnLabTest/Careless-v0", maker, max_episode_steps=20, kwargs={"draw": draw})
    try:
        inspect_environment.cache_clear()
        report = inspect_environment("DqnLabTest/Careless-v0")
        assert report.repeats is repeats
        events = list(Trainer(short_config(env_id="DqnLabTest/Careless-v0", max_episodes=2)).events())
    finally:
        del gym.registry["DqnLabTest/Careless-v0"]
    notices = [each.template.format(**each.parameters) for each in of_kind(events, Notice)]
    assert any("DqnLabTest/Careless-v0 does not repeat itself" in each for each in notices) is not repeats
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.MAX_EPISODES


def test_a_run_in_an_environment_that_seeds_nothing_itself_is_the_same_each_time() -> None:
    """Its own generator and its spaces' are seeded at the door, at every reset."""

    def draw(own: Any) -> float:
        own.position = int(own.action_space.sample())
        return float(own.np_random.random() + own.observation_space.sample()[0])

    gym.register("DqnLabTest/Careless-v0", Forgetful, max_episode_steps=20, kwargs={"draw": draw})
    try:
        config = short_config(env_id="DqnLabTest/Careless-v0", max_episodes=20, evaluate_every=1)
        runs = [of_kind(Trainer(config).events(), EpisodeEnded) for _ in range(2)]
    finally:
        del gym.registry["DqnLabTest/Careless-v0"]
    first, second = ([(each.episode_return, each.length, each.eval_return) for each in run] for run in runs)
    assert first == second
    assert len({length for _, length, _ in first}) > 1


def test_what_is_left_out_of_an_observation_is_said() -> None:
    report = inspect_environment(fake.DICT_OBSERVATIONS)
    assert report.left_out == ("hint",)
    ((template, parameters),) = report.remarks
    assert "left out: hint" in template.format(**parameters)
    assert "left out: hint" in report_text(short_config(env_id=fake.DICT_OBSERVATIONS))
