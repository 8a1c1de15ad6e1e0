"""Powers with one result on every CPU.

A C library and numpy choose among several versions of pow by the CPU, which differ in the last bit. These use
additions, multiplications and divisions alone, whose results IEEE 754 fixes, in one order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compiled import helper, kernel

__all__ = ["power", "powers", "whole_power"]

_LN_2 = math.log(2.0)
_LN_2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # its upper 32 bits: a product with a small whole number is exact
_LN_2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_HALF_ROOT = math.sqrt(0.5)
_LOG_TERMS = 12  # of the series below 0.03 ** k / (2 k + 1): the rest is below 2 ** -60
_EXP_TERMS = 16  # 0.35 ** k / k!


@helper
def whole_power(base: float, exponent: int) -> float:
    """``base ** exponent`` for a whole exponent from 0 on, by squaring."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@helper
def _log(x: float) -> float:
    """Natural logarithm of ``x`` > 0: of its mantissa m by 2 artanh((m - 1) / (m + 1)), beside its exponent."""
    mantissa, exponent = math.frexp(x)
    if mantissa < _HALF_ROOT:
        mantissa *= 2.0
        exponent -= 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    total = 0.0
    for k in range(_LOG_TERMS, -1, -1):
        total = total * square + 1.0 / (2 * k + 1)
    return exponent * _LN_2_HIGH + (2.0 * s * total + exponent * _LN_2_LOW)


@helper
def _exp(y: float) -> float:
    """Exponential of ``y`` by a Taylor polynomial around the nearest whole power of 2."""
    whole = math.floor(y / _LN_2 + 0.5)
    rest = (y - whole * _LN_2_HIGH) - whole * _LN_2_LOW
    total = 1.0
    for k in range(_EXP_TERMS, 0, -1):
        total = 1.0 + total * rest / k
    return math.ldexp(total, int(whole))


@helper
def power(base: float, exponent: float) -> float:
    """``base ** exponent`` for a finite ``base`` from 0 on, to 1e-14 of it; NaN for a base that is NaN."""
    if exponent == 0.0:
        return 1.0
    if exponent == 1.0 or not 0.0 < base < math.inf:
        return base if exponent > 0.0 else 1.0 / base
    return _exp(exponent * _log(base))


@kernel
def powers(bases: NDArray[np.float64], exponent: float, out: NDArray[np.float64]) -> None:
    """Write :func:`power` of each of ``bases`` [N] to ``out`` [N]."""
    for k in range(bases.shape[0]):
        out[k] = power(bases[k], exponent)
