from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.algorithm.vector_products import BATCH_TILE, add_product, inner_products

widths = st.integers(1, 70)
batches = st.integers(1, 4).map(lambda tiles: tiles * BATCH_TILE)


def matrix(seed: int, rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns), np.float32)


@given(m=widths, n=batches, depth=widths, is_transposed=st.booleans(), margin=st.integers(0, 20))
def test_add_product_adds_a_matrix_product(m: int, n: int, depth: int, is_transposed: bool, margin: int) -> None:
    row = n + margin
    a, b, c = matrix(1, m, depth), matrix(2, depth, row), matrix(3, m, row)
    result = np.concatenate([[7.0], c.ravel(), [8.0]]).astype(np.float32)
    stored = np.ascontiguousarray(a.T if is_transposed else a)
    steps = (1, m) if is_transposed else (depth, 1)
    add_product(result, 1, stored.ravel(), 0, *steps, b.ravel(), 0, row, m, n, depth)
    expected = c.copy()
    expected[:, :n] += a @ b[:, :n]
    np.testing.assert_allclose(result[1:-1].reshape(m, row), expected, rtol=1e-4, atol=1e-4)
    assert (result[0], result[-1]) == (7.0, 8.0)


@given(m=widths, n=widths, depth=batches, margin=st.integers(0, 20))
def test_inner_products_are_a_product_with_the_transpose(m: int, n: int, depth: int, margin: int) -> None:
    row = depth + margin
    a, b = matrix(1, m, row), matrix(2, n, row)
    result = np.full(m * n + 2, 7.0, np.float32)
    inner_products(result, 1, n, a.ravel(), 0, b.ravel(), 0, row, m, n, depth)
    np.testing.assert_allclose(result[1:-1].reshape(m, n), a[:, :depth] @ b[:, :depth].T, rtol=1e-4, atol=1e-3)
    assert (result[0], result[-1]) == (7.0, 7.0)
