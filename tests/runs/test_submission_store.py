from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import UnknownRunError
from dqn_core.runs.classes.submissions import Submission, SubmissionStore
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore

pytestmark = pytest.mark.each_database

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def submission(number: int, **values: Any) -> Submission:
    return Submission(
        **{
            "run_id": f"20260401-120000-000{number}",
            "env_id": "CartPole-v1",
            "name": f"student {number}",
            "owner": "",
            "submitted_at": NOON + timedelta(minutes=number),
            "weights": "best",
            "env_steps": 1_000 * number,
        }
        | values
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """A database with four runs."""
    store, config = RunStore(tmp_path / "lab.sqlite"), TrainingConfig()
    for number in range(4):
        run_id = submission(number).run_id
        store.create_run(RunRecord(run_id=run_id, name="run", config=config, initial_config=config, started_at=NOON))
    return store


def test_submissions_are_kept_by_environment_in_their_order(store: RunStore) -> None:
    submissions = SubmissionStore(store.database)
    made = [submission(2), submission(1), submission(3, env_id="LunarLander-v3")]
    for each in made:
        submissions.put(each)
    assert submissions.of_environment("CartPole-v1") == [made[1], made[0]]
    assert submissions.of_run(made[2].run_id) == made[2]
    assert submissions.environments() == {"CartPole-v1": 2, "LunarLander-v3": 1}


def test_a_run_submitted_again_stands_there_once(store: RunStore) -> None:
    submissions = SubmissionStore(store.database)
    submissions.put(submission(1))
    again = submission(1, name="renamed", submitted_at=NOON + timedelta(hours=1), env_steps=5)
    submissions.put(again)
    assert submissions.of_environment("CartPole-v1") == [again]


def test_a_submission_goes_with_its_run_or_by_itself(store: RunStore) -> None:
    submissions = SubmissionStore(store.database)
    for number in (1, 2):
        submissions.put(submission(number))
    submissions.remove(submission(1).run_id)
    assert submissions.of_run(submission(1).run_id) is None
    store.delete_run(submission(2).run_id)
    assert submissions.environments() == {}


def test_a_run_that_is_not_there_cannot_be_submitted(store: RunStore) -> None:
    with pytest.raises(UnknownRunError):
        SubmissionStore(store.database).put(submission(9))
