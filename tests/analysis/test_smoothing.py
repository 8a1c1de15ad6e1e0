from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dqn_core.analysis.comparison import trailing_mean


@given(arrays.arrays(float, st.integers(0, 60), elements=st.floats(-1e6, 1e6)), st.integers(1, 70))
def test_it_is_the_mean_of_the_newest_values(values: np.ndarray, window: int) -> None:
    expected = [np.mean(values[max(0, end - window) : end]) for end in range(1, len(values) + 1)]
    np.testing.assert_allclose(trailing_mean(values, window), expected, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("window", [1, 20])
def test_it_is_what_pandas_calls_a_rolling_mean(window: int) -> None:
    values = np.random.default_rng(0).normal(200, 50, 10_000)
    np.testing.assert_allclose(trailing_mean(values, window), pd.Series(values).rolling(window, min_periods=1).mean())
