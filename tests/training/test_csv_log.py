from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest

from dqn_core.training.csv_log import csv_text, plain_number


def cells(*values: object) -> list[str]:
    (row,) = csv.reader(io.StringIO(csv_text([values])))
    return row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0 + (0.05 - 1.0) * 1.0, "0.05"),
        (1.0 + (0.02 - 1.0) * 1.0, "0.02"),
        (0.1 + 0.2, "0.3"),
        (-0.1 - 0.2, "-0.3"),
        (0.0002, "0.0002"),
        (500.0, "500.0"),
        (1e-07, "1e-07"),
        (math.nan, ""),
        (math.inf, "inf"),
        (1 / 3, repr(1 / 3)),
        (True, "True"),
        (7, "7"),
    ],
)
def test_a_number_is_written_as_a_person_writes_it(value: object, text: str) -> None:
    assert cells(value) == [text]


def test_what_is_no_short_decimal_keeps_every_digit() -> None:
    draw = np.random.default_rng(0)
    values = (draw.uniform(-1.0, 1.0, 2_000) * 10.0 ** draw.integers(-6, 6, 2_000)).tolist()
    assert [plain_number(value) for value in values] == values


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_a_text_that_would_be_a_formula_is_none(text: str) -> None:
    assert cells(text) == [f"'{text}"]


@pytest.mark.parametrize("text", ["CartPole-v1", "-0.5", "+3", "1e-5", "", "a=1", "'quoted'", "이름, 그리고 하나"])
def test_any_other_text_stays(text: str) -> None:
    assert cells(text) == [text]
