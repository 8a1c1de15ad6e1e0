"""The table of variants in the docs says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dqn_core.config import TrainingConfig, field_rule

PAGE = (Path(__file__).parents[2] / "docs" / "variants.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "`" in line
]
ON = {"double_dqn": True, "dueling": True, "n_step": 3, "prioritized_replay": True, "loss": "huber"} | {
    "target_update": "soft",
    "noisy_nets": True,
    "distribution": "quantile",
    "minibatch_size": 32,
    "loss_over_all_outputs": True,
    "distinct_rows": True,
    "adam_epsilon_hat": True,
    "normalize_observations": True,
    "mixed_precision": True,
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_of_the_support_table_is_true(row: list[str]) -> None:
    _, fields, fused, torch, live, *_ = row
    name = re.findall(r"`(\w+)", fields)[0]
    assert (fused == "yes") == (not TrainingConfig(**{name: ON[name]}).beyond_fused)
    assert torch == "yes"
    assert (live == "yes") == (field_rule(name).frozen_because is None)


def test_every_variant_has_its_row() -> None:
    assert {re.findall(r"`(\w+)", row[1])[0] for row in ROWS} == set(ON)
    mistakes = [name for name in TrainingConfig().to_dict() if name.startswith("mistake_")]
    assert all(f"`{name}`" in PAGE for name in mistakes)
