from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqn_core.algorithm.compute import make_learner
from dqn_core.config import Arguments, TrainingConfig
from dqn_core.errors import RunFolderError, SubmissionError, UnknownRunError
from dqn_core.events import WeightsReady
from dqn_core.runs.classes import leaderboard
from dqn_core.runs.classes.leaderboard import EPISODES, FIRST_SEED, Leaderboard
from dqn_core.runs.jobs import orders
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.training.evaluation import EvaluationResult
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import a_run_of, following, obedient, wait_for_end, wait_until

SMALL = {"hidden_sizes": (4,), "compute": "torch-cpu"}


class Class:
    """Runs that trained nothing but have weights, and evaluations that came out as the test says."""

    def __init__(self, path: Path) -> None:
        self.manager = RunManager(path, trainer_factory=following(a_run_of(1)))
        self.jobs = Jobs(most_waiting=0)  # takes nothing on: evaluations are put there by hand
        self.board = Leaderboard(self.manager, self.jobs)

    def run(self, best_at: int | None = 1_000, **config: Any) -> str:
        """A run that is over; its best weights were made at an env step."""
        settings = TrainingConfig(**(SMALL | config))
        run_id = self.manager.start(settings)
        wait_for_end(self.manager, run_id)
        if best_at is not None:
            self.keep_weights(run_id, settings, best_at)
        return run_id

    def keep_weights(self, run_id: str, config: TrainingConfig, env_step: int) -> None:
        learner, _ = make_learner(config, 4, 2, np.random.default_rng(0))
        state = learner.state_dict()
        snapshot = WeightsReady(kind="best", episode=1, env_step=env_step, eval_return=9.0, state=state)
        RunFolder.open(self.manager.run_folder(run_id)).write_snapshot(snapshot)

    def submitted(self, name: str, score: float | None, best_at: int = 1_000, owner: str = "", **config: Any) -> str:
        """A submitted run whose evaluation had this mean return; None for one not evaluated yet."""
        run_id = self.run(best_at, **config)
        self.board.submit(run_id, name, owner)
        if score is not None:
            self.evaluate(run_id, score)
        return run_id

    def evaluate(self, run_id: str, score: float, **values: Any) -> None:
        seeds = tuple(range(FIRST_SEED, FIRST_SEED + EPISODES))
        made = {
            "made_at": datetime.now(UTC),
            "weights": "best",
            "epsilon": 0.0,
            "seeds": seeds,
            "returns": tuple(score + (-1) ** number for number in range(EPISODES)),
            "lengths": (1,) * EPISODES,
        }
        EvaluationStore(self.manager.store.database).add(run_id, EvaluationRecord(**(made | values)))

    def names(self, ranking: str, env_id: str = "CartPole-v1") -> list[tuple[int, str]]:
        return [(entry.rank, entry.submission.name) for entry in getattr(self.board.standings(env_id), ranking)]


@pytest.fixture
def school(tmp_path: Path) -> Iterator[Class]:
    school = Class(tmp_path)
    yield school
    school.jobs.close()
    school.manager.close()


def test_who_gets_more_stands_higher_and_equals_share_a_rank(school: Class) -> None:
    for name, score in (("Ada", 480.0), ("Ben", 500.0), ("Chae", 480.0), ("Dua", 100.0)):
        school.submitted(name, score)
    assert school.names("by_score") == [(1, "Ben"), (2, "Ada"), (2, "Chae"), (4, "Dua")]


def test_speed_counts_for_those_who_reach_the_environments_own_goal(school: Class) -> None:
    school.submitted("slow", 490.0, best_at=9_000, goal_score=10.0)
    school.submitted("fast", 475.0, best_at=3_000)
    school.submitted("low goal", 474.0, best_at=100, goal_score=20.0)
    standings = school.board.standings("CartPole-v1")
    assert standings.goal == 475.0
    assert school.names("by_speed") == [(1, "fast"), (2, "slow")]
    assert [entry.submission.env_steps for entry in standings.by_speed] == [3_000, 9_000]


def test_a_student_stands_there_once_with_the_best_run_of_each_kind(school: Class) -> None:
    school.submitted("Ada", 500.0, best_at=8_000, owner="browser 1")
    school.submitted("Ada again", 476.0, best_at=2_000, owner="browser 1")
    school.submitted("Ada", 480.0, best_at=5_000, owner="browser 2")
    school.submitted("ben", 300.0)
    school.submitted("Ben", 200.0)
    assert school.names("by_score") == [(1, "Ada"), (2, "Ada"), (3, "ben")]
    assert school.names("by_speed") == [(1, "Ada again"), (2, "Ada")]


def test_only_the_servers_own_evaluation_of_these_weights_on_these_seeds_counts(school: Class) -> None:
    run_id = school.run()
    school.evaluate(run_id, 500.0)  # before it was submitted: the weights may have been others then
    school.board.submit(run_id, "Ada")
    school.evaluate(run_id, 500.0, weights="last")
    school.evaluate(run_id, 500.0, seeds=tuple(range(EPISODES)))
    school.evaluate(run_id, 500.0, epsilon=0.1)
    school.evaluate(run_id, 500.0, env_kwargs=Arguments({"gravity": 1.6}))
    standings = school.board.standings("CartPole-v1")
    assert standings.by_score == ()
    assert [math.isnan(entry.score) for entry in standings.unmeasured] == [True]
    assert standings.is_waiting
    school.evaluate(run_id, 321.0)
    assert [entry.score for entry in school.board.standings("CartPole-v1").by_score] == [321.0]


def test_a_run_may_train_on_the_moon_and_is_scored_on_earth(school: Class) -> None:
    for name, changes in (
        ("Ada", {"env_kwargs": {"gravity": 1.6}, "evaluation_env_kwargs": {"gravity": 9.8}}),
        ("Ben", {"env_kwargs": {"gravity": 9.8}}),
    ):
        run_id = school.run(**changes)
        school.board.submit(run_id, name)
        school.evaluate(run_id, 480.0, env_kwargs=Arguments({"gravity": 9.8}))
    assert school.names("by_score") == [(1, "Ada"), (1, "Ben")]
    with pytest.raises(SubmissionError, match=r"other arguments \(gravity=1\.6\)"):
        school.board.submit(school.run(env_kwargs={"gravity": 1.6}), "Chae")


def test_each_environment_has_a_leaderboard(school: Class) -> None:
    school.submitted("Ada", 10.0)
    school.submitted("Ben", 20.0)
    school.submitted("Chae", None, env_id="MountainCar-v0")
    assert school.board.environments() == {"CartPole-v1": 2, "MountainCar-v0": 1}
    assert school.names("by_score", "MountainCar-v0") == []
    assert school.board.standings("Gone/Away-v0").goal is None


def test_a_name_is_short_and_on_one_line(school: Class) -> None:
    run_id = school.run()
    school.board.submit(run_id, "  <b>A\nda</b>" + "x" * 99)
    submission = school.board.submission(run_id)
    assert submission is not None
    assert submission.name.startswith("<b>A da</b>xxx")
    assert len(submission.name) == 24


@pytest.mark.parametrize(
    ("prepare", "name", "error"),
    [
        (lambda school: school.run(), " \n\u200b ", SubmissionError),
        (lambda school: school.run(best_at=None), "Ada", RunFolderError),
        (lambda school: school.run(max_episode_steps=9_999), "Ada", SubmissionError),
        (lambda _: "20260401-120000-zzzz", "Ada", UnknownRunError),
    ],
)
def test_what_cannot_stand_there_is_refused(
    school: Class, prepare: Callable[[Class], str], name: str, error: type[Exception]
) -> None:
    run_id = prepare(school)
    with pytest.raises(error):
        school.board.submit(run_id, name)
    assert school.board.environments() == {}


def test_a_run_that_trains_or_began_with_the_weights_of_another_is_refused(tmp_path: Path) -> None:
    manager = RunManager(tmp_path, trainer_factory=following(obedient()))
    board = Leaderboard(manager, Jobs())
    run_id = manager.start(TrainingConfig())
    with pytest.raises(SubmissionError, match="when it is over"):
        board.submit(run_id, "Ada")
    learner, _ = make_learner(TrainingConfig(**SMALL), 4, 2, np.random.default_rng(0))
    given = manager.start(TrainingConfig(**SMALL), initial_weights=learner.weights(), started_from="net.safetensors")
    for each in (given, run_id):
        manager.stop(each)
        wait_for_end(manager, each)
    with pytest.raises(SubmissionError, match="trained elsewhere"):
        board.submit(given, "Ada")
    manager.close()


def test_a_submission_can_be_taken_back(school: Class) -> None:
    run_id = school.submitted("Ada", 10.0)
    school.board.withdraw(run_id)
    assert school.board.submission(run_id) is None
    assert school.board.environments() == {}


@pytest.mark.timeout(240)  # a process of its own imports torch
def test_the_server_plays_the_episodes_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaderboard, "EPISODES", 4)
    school = Class(tmp_path)
    jobs = Jobs()
    board = Leaderboard(school.manager, jobs)
    run_id = school.run()
    board.submit(run_id, "Ada")
    wait_until(lambda: bool(board.standings("CartPole-v1").by_score))
    (entry,) = board.standings("CartPole-v1").by_score
    assert entry.evaluation is not None
    assert entry.evaluation.seeds == tuple(range(FIRST_SEED, FIRST_SEED + 4))
    assert 8 <= entry.score <= 500
    jobs.close()
    school.manager.close()


class _ClockSetBack(datetime):
    """A day behind."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) - timedelta(days=1)


def test_a_clock_that_is_set_back_leaves_no_entry_unmeasured(school: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = school.submitted("Mina", None)
    submission = school.board.submission(run_id)
    assert submission is not None
    monkeypatch.setattr(orders, "datetime", _ClockSetBack)
    order = orders.evaluation_order(
        school.manager, run_id, "best", EPISODES, FIRST_SEED, not_before=submission.submitted_at
    )
    result = EvaluationResult(seed=FIRST_SEED, returns=(9.0,) * EPISODES, lengths=(1,) * EPISODES)
    order.plan().finish([result])
    assert school.names("by_score") == [(1, "Mina")]


def test_what_is_submitted_again_after_the_clock_was_set_back_is_measured_again(
    school: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = school.submitted("Mina", 9.0)
    assert school.names("by_score") == [(1, "Mina")]
    monkeypatch.setattr(leaderboard, "datetime", _ClockSetBack)
    school.board.submit(run_id, "Mina again")
    assert school.names("by_score") == []
    assert school.names("unmeasured") == [(0, "Mina again")]
