from __future__ import annotations

from typing import Any

import pytest

from dqn_core.runs.experiments.spec import choices_of, is_widths, parsed_value


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("gamma", " 0.99 ", 0.99),
        ("gamma", "1e-3", 0.001),
        ("gamma", "much", "much"),
        ("batch_size", "1e3", 1_000),
        ("batch_size", "10 000", 10_000),
        ("batch_size", "1.5", 1.5),
        ("goal_score", "none", None),
        ("goal_score", "-200", -200.0),
        ("max_env_steps", "5000", 5_000),
        ("loss", "huber ", "huber"),
        ("hidden_sizes", "64, 64", (64, 64)),
        ("hidden_sizes", "", ()),
        ("gama", "1", "1"),
    ],
)
def test_values_are_read_as_people_write_them(field: str, text: str, value: Any) -> None:
    parsed = parsed_value(field, text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_fields_with_a_few_values_name_them() -> None:
    assert choices_of("loss") == ("mse", "huber")
    assert choices_of("gamma") == ()
    assert is_widths("hidden_sizes")
    assert not is_widths("batch_size")
