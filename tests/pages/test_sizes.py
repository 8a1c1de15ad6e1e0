from __future__ import annotations

import pytest

from pages.shared.texts.numbers import size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (512, "512 B"), (1_024, "1.0 kB"), (21_034, "21 kB"), (1_572_864, "1.5 MB"), (256 * 2**20, "256 MB")],
)
def test_sizes_are_written_with_two_or_three_digits(size: int, text: str) -> None:
    assert size_text(size) == text
