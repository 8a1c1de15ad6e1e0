"""QR codes read back from a picture, by the standard (ISO/IEC 18004) and by no library.

For codes as a page draws them: upright, sharp and whole, so nothing is corrected; versions 1 to 6, text in bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

from PIL import Image

__all__ = ["read_qr_code"]

Matrix = Sequence[Sequence[bool]]

_FINDER = 7
"""Modules of a finder pattern's side."""
_FORMAT_MASK = 0b101_0100_0001_0010
_BYTES = 0b0100
_DARK_BELOW = 128
_MASKS: tuple[Callable[[int, int], int], ...] = (
    lambda i, j: (i + j) % 2,
    lambda i, _j: i % 2,
    lambda _i, j: j % 3,
    lambda i, j: (i + j) % 3,
    lambda i, j: (i // 2 + j // 3) % 2,
    lambda i, j: i * j % 2 + i * j % 3,
    lambda i, j: (i * j % 2 + i * j % 3) % 2,
    lambda i, j: ((i + j) % 2 + i * j % 3) % 2,
)
"""A module at row i and column j is turned over where this is 0 (table 10)."""
_LEVELS = {0b01: "L", 0b00: "M", 0b11: "Q", 0b10: "H"}
_BLOCKS = {
    1: {"L": [19], "M": [16], "Q": [13], "H": [9]},
    2: {"L": [34], "M": [28], "Q": [22], "H": [16]},
    3: {"L": [55], "M": [44], "Q": [17] * 2, "H": [13] * 2},
    4: {"L": [80], "M": [32] * 2, "Q": [24] * 2, "H": [9] * 4},
    5: {"L": [108], "M": [43] * 2, "Q": [15, 15, 16, 16], "H": [11, 11, 12, 12]},
    6: {"L": [68] * 2, "M": [27] * 4, "Q": [19] * 4, "H": [15] * 4},
}
"""By version and level: the data codewords of each block (table 9)."""


def read_qr_code(picture: bytes) -> str:
    """The text of the one code in a PNG."""
    matrix = _matrix(Image.open(io.BytesIO(picture)).convert("L"))
    version = (len(matrix) - 17) // 4
    level, mask = _format(matrix)
    words = list(_codewords(matrix, version, mask))
    bits = "".join(f"{each:08b}" for each in _in_order(words, _BLOCKS[version][level]))
    assert int(bits[:4], 2) == _BYTES
    count = int(bits[4:12], 2)
    return bytes(int(bits[12 + 8 * n : 20 + 8 * n], 2) for n in range(count)).decode()


def _matrix(image: Image.Image) -> Matrix:
    """Each module, dark or not, looked at in its middle."""
    left, top, right, bottom = image.point(lambda grey: 255 if grey < _DARK_BELOW else 0).getbbox() or (0, 0, 0, 0)
    edge = (image.getpixel((x, top + 1)) for x in range(left, right))
    finder = next(n for n, grey in enumerate(edge) if grey >= _DARK_BELOW)
    size = round((right - left) * _FINDER / finder)
    size = 17 + 4 * round((size - 17) / 4)
    across, down = (right - left) / size, (bottom - top) / size
    return [
        [
            image.getpixel((int(left + (j + 0.5) * across), int(top + (i + 0.5) * down))) < _DARK_BELOW
            for j in range(size)
        ]
        for i in range(size)
    ]


def _format(matrix: Matrix) -> tuple[str, int]:
    """The level of error correction, and the number of the mask (7.9)."""
    row = [matrix[8][j] for j in (0, 1, 2, 3, 4, 5, 7, 8)]
    column = [matrix[i][8] for i in (7, 5, 4, 3, 2, 1, 0)]
    value = int("".join(str(int(each)) for each in row + column), 2) ^ _FORMAT_MASK
    return _LEVELS[value >> 13], value >> 10 & 0b111


def _codewords(matrix: Matrix, version: int, mask: int) -> Iterator[int]:
    """The codewords as they stand in the picture: two columns at a time, up and down, from the right (7.7.3)."""
    size, bits = len(matrix), ""
    rights = [*range(size - 1, _FINDER - 1, -2), 5, 3, 1]  # the column of the timing pattern is left out
    for number, right in enumerate(rights):
        for i in range(size - 1, -1, -1) if number % 2 == 0 else range(size):
            for j in (right, right - 1):
                if not _is_fixed(i, j, size, version):
                    bits += str(int(matrix[i][j] != (_MASKS[mask](i, j) == 0)))
    return (int(bits[start : start + 8], 2) for start in range(0, len(bits) - 7, 8))


def _is_fixed(i: int, j: int, size: int, version: int) -> bool:
    """Whether a module belongs to a pattern, or to the format."""
    if i == _FINDER - 1 or j == _FINDER - 1:
        return True
    if (i < 9 and (j < 9 or j >= size - 8)) or (i >= size - 8 and j < 9):
        return True
    middle = size - _FINDER
    return version > 1 and abs(i - middle) <= 2 and abs(j - middle) <= 2


def _in_order(words: Sequence[int], lengths: Sequence[int]) -> Iterator[int]:
    """The data, which the blocks give in turns (7.6)."""
    blocks: list[list[int]] = [[] for _ in lengths]
    rest = iter(words)
    for place in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if place < length:
                block.append(next(rest))
    return (word for block in blocks for word in block)
