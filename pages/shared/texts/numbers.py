"""Numbers as people read them: thousands separated, no trailing zeros, short exponents."""

from __future__ import annotations

import math

__all__ = ["duration_text", "number_text", "one_two_five", "size_text"]

_LARGEST_WHOLE = 1e15
"""Above it, a float is written with an exponent."""
_SMALLEST_PLAIN = 1e-3
"""Below it, too."""
_SIZES = (("GB", 2**30), ("MB", 2**20), ("kB", 2**10), ("B", 1))
_TWO_DIGITS = 10


def number_text(value: float) -> str:
    """``10000 -> "10,000"``, ``0.005 -> "0.005"``, ``0.0002 -> "2e-4"``; as the live panel writes them."""
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < _LARGEST_WHOLE):
        return f"{int(value):,}"
    text = f"{value:.5e}" if abs(value) < _SMALLEST_PLAIN else f"{value:.6g}"
    mantissa, exponent_mark, exponent = text.partition("e")
    return f"{float(mantissa):g}e{int(exponent)}" if exponent_mark else text


def duration_text(seconds: float) -> str:
    """``75.4 -> "1:15"``, ``3725 -> "1:02:05"``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def size_text(size: int) -> str:
    """Bytes with two or three digits: ``21_034 -> "21 kB"``, ``1_572_864 -> "1.5 MB"``; units of 1,024."""
    unit, amount = next((name, size / scale) for name, scale in _SIZES if size >= scale or name == "B")
    return f"{amount:.1f} {unit}" if amount < _TWO_DIGITS and unit != "B" else f"{amount:,.0f} {unit}"


def one_two_five(low: float, high: float) -> tuple[float, ...]:
    """The steps 1, 2, 5, 10, 20, 50 ... from ``low`` to ``high``, both powers of ten; whole ones as int.

    >>> one_two_five(0.01, 1)
    (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
    """
    first, last = round(math.log10(low)), round(math.log10(high))
    steps = [_exact(digit, power) for power in range(first, last) for digit in (1, 2, 5)]
    return (*steps, _exact(1, last))


def _exact(digit: int, power: int) -> float:
    return digit * 10**power if power >= 0 else float(f"{digit}e{power}")
