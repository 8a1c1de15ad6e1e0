from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dqn_core.analysis.bootstrap import CONFIDENCE, bootstrap_interval


@pytest.mark.parametrize("n", [2, 3, 10, 50])
def test_the_interval_is_scipys_percentile_interval_of_the_same_draws(n: int) -> None:
    samples = np.random.default_rng(n).gamma(2.0, 30.0, (n, 7))
    low, high = bootstrap_interval(samples, resamples=999, seed=5)
    for column in range(samples.shape[1]):
        theirs = stats.bootstrap(
            (samples[:, column],),
            np.mean,
            n_resamples=999,
            method="percentile",
            confidence_level=CONFIDENCE,
            rng=np.random.default_rng(5),
        ).confidence_interval
        np.testing.assert_allclose([low[column], high[column]], [theirs.low, theirs.high], rtol=1e-12)


def test_the_interval_holds_a_normal_samples_mean_about_as_often_as_it_says() -> None:
    columns = np.random.default_rng(0).normal(3.0, 2.0, (30, 1_000))
    low, high = bootstrap_interval(columns)
    assert 0.91 < np.mean((low < 3.0) & (high > 3.0)) < 0.97


def test_one_sample_has_no_interval() -> None:
    low, high = bootstrap_interval(np.ones((1, 4)))
    assert np.isnan([*low, *high]).all()


def test_equal_samples_have_an_interval_of_no_width() -> None:
    low, high = bootstrap_interval(np.full((5, 3), 0.1))
    np.testing.assert_array_equal(low, 0.1)
    np.testing.assert_array_equal(high, 0.1)


def test_the_same_samples_give_the_same_interval() -> None:
    samples = np.random.default_rng(1).normal(size=(6, 20))
    np.testing.assert_array_equal(bootstrap_interval(samples), bootstrap_interval(samples))
