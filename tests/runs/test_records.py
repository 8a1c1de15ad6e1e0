from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import UnknownRunError
from dqn_core.events import Change, HyperparametersChanged
from dqn_core.runs.storage.records import applied, check_run_id, new_run_id
from scripted_trainer import changed


def test_ids_sort_by_time_and_pass_their_own_check() -> None:
    now = datetime(2026, 4, 1, 14, 35, 1, tzinfo=UTC)
    earlier, later = new_run_id(now), new_run_id(now + timedelta(seconds=1))
    assert earlier.startswith("20260401-143501-")
    assert earlier < later
    assert check_run_id(earlier) == earlier


@pytest.mark.parametrize(
    "bad",
    ["", "..", "../../etc", "20260401-143501-x7k2/..", "20260401-143501-X7K2", "20260401-143501-x7k2\n", "٢" * 20],
)
def test_what_is_not_an_id_is_an_unknown_run(bad: str) -> None:
    with pytest.raises(UnknownRunError):
        check_run_id(bad)


def test_a_smaller_buffer_takes_the_warm_up_down() -> None:
    config = TrainingConfig(buffer_size=10_000, warmup_steps=1_000)
    smaller = applied(config, changed("buffer_size", 10_000, 500))
    assert (smaller.buffer_size, smaller.warmup_steps) == (500, 500)
    assert smaller == config.changed_live("buffer_size", 500)


def test_changes_that_are_only_valid_together_are_applied_together() -> None:
    config = TrainingConfig(batch_size=128, buffer_size=1_000, warmup_steps=100)
    both = (Change(field="batch_size", old=128, new=2_000), Change(field="buffer_size", old=1_000, new=3_000))
    new = applied(config, HyperparametersChanged(wall_time_s=0.0, env_step=0, episode=0, changes=both))
    assert (new.batch_size, new.buffer_size) == (2_000, 3_000)
