from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.events import EpisodeEnded
from scripted_trainer import episode


@st.composite
def portions(draw: st.DrawFn) -> tuple[Sequence[EpisodeEnded], list[Sequence[EpisodeEnded]]]:
    """A run's episodes, and the same ones in another order, cut up, some of them told twice."""
    episodes = [episode(number) for number in range(1, draw(st.integers(1, 40)) + 1)]
    told = episodes + draw(st.lists(st.sampled_from(episodes), max_size=5))
    told = draw(st.permutations(told))
    cuts = sorted(draw(st.lists(st.integers(0, len(told)), max_size=5)))
    return episodes, [told[start:end] for start, end in zip([0, *cuts], [*cuts, len(told)], strict=True)]


@given(portions())
def test_order_and_portions_of_the_events_change_nothing(
    told: tuple[Sequence[EpisodeEnded], list[Sequence[EpisodeEnded]]],
) -> None:
    episodes, parts = told
    table = EpisodeTable.of(parts[0])
    for part in parts[1:]:
        table = table.extended(EpisodeTable.of(part))
    whole = EpisodeTable.of(episodes)
    assert len(table) == len(episodes)
    for name in COLUMNS:
        np.testing.assert_array_equal(table[name], whole[name])


def test_a_curve_leaves_out_what_has_no_value() -> None:
    table = EpisodeTable.of(
        [episode(1, eval_return=math.nan), episode(2, eval_return=7.0), episode(3, eval_return=9.0)]
    )
    curve = table.curve("env_step", "eval_return")
    assert curve.x.tolist() == [40.0, 60.0]
    assert curve.y.tolist() == [7.0, 9.0]


def test_a_run_without_episodes_is_a_table_without_rows() -> None:
    table = EpisodeTable.of([])
    assert len(table) == 0
    assert len(table.curve("env_step", "episode_return")) == 0
    assert len(table.extended(EpisodeTable.of([episode(1)]))) == 1
