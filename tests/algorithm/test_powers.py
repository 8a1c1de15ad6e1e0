from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.algorithm.powers import power, powers, whole_power


@given(st.floats(1e-300, 1e300), st.floats(-1.0, 1.0))
def test_a_power_is_that_of_the_library_to_the_last_digits(base: float, exponent: float) -> None:
    assert power(base, exponent) == pytest.approx(base**exponent, rel=1e-13)


@given(st.floats(0.0, 1.0), st.integers(0, 10**7))
def test_a_whole_power_is_that_of_the_library(base: float, exponent: int) -> None:
    assert whole_power(base, exponent) == pytest.approx(base**exponent, rel=1e-8, abs=1e-300)


def test_the_ends_are_those_of_the_library() -> None:
    assert power(0.0, 0.6) == 0.0
    assert power(0.0, 0.0) == 1.0
    assert power(0.0, -0.4) == math.inf
    assert power(math.inf, 0.6) == math.inf
    assert math.isnan(power(math.nan, 0.6))
    assert power(7.3, 1.0) == 7.3
    assert whole_power(0.9, 0) == 1.0


def test_powers_writes_each() -> None:
    bases = np.random.default_rng(0).random(50)
    raised = np.empty(50)
    powers(bases, -0.4, raised)
    np.testing.assert_allclose(raised, bases**-0.4, rtol=1e-13)
