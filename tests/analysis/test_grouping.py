from __future__ import annotations

from dqn_core.analysis.run_data import differing_fields, group_runs
from dqn_core.config import TrainingConfig
from known_runs import run, table


def ids(runs: object) -> list[str]:
    return [each.run_id[-1] for each in runs]  # type: ignore[attr-defined]


def test_runs_that_differ_only_in_their_seed_are_one_group() -> None:
    runs = [run(3, seed=0), run(1, seed=2), run(2, seed=1, gamma=0.9), run(4, seed=1)]
    one, other = group_runs(runs)
    assert (ids(one.runs), one.n, one.config.gamma) == (["3", "4", "1"], 3, 0.99)
    assert (ids(other.runs), other.n, other.config.gamma) == (["2"], 1, 0.9)


def test_an_altered_run_is_a_group_of_its_own() -> None:
    groups = group_runs([run(1, seed=0), run(2, seed=1, is_altered=True), run(3, seed=2)])
    assert [(ids(group.runs), group.is_altered) for group in groups] == [(["1", "3"], False), (["2"], True)]


def test_the_same_seed_again_is_no_further_sample() -> None:
    (group,) = group_runs(
        [run(1, table([10]), seed=7), run(2, table([10, 20]), seed=7), run(3, table([10, 20]), seed=7)]
    )
    assert (ids(group.runs), group.n, ids(group.repeated)) == (["2"], 1, ["1", "3"])


def test_a_run_chosen_twice_counts_once() -> None:
    (group,) = group_runs([run(1), run(1)])
    assert (group.n, group.repeated) == (1, ())


def test_fields_that_differ_are_in_the_configs_order_and_never_the_seed() -> None:
    configs = [TrainingConfig(seed=1), TrainingConfig(batch_size=64), TrainingConfig(gamma=0.9)]
    assert differing_fields(configs) == ("gamma", "batch_size")
    assert differing_fields(configs[:1]) == ()
