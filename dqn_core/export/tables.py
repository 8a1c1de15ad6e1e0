"""A run's episodes as tables for other programs: a row an episode, the columns of the episodes' CSV."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from dqn_core.events import EPISODE_COLUMNS, episode_row
from dqn_core.export.run_content import RunContent
from dqn_core.training.csv_log import DECIMAL_POINT, CsvStyle, csv_text, episode_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_file", "csv_portions", "parquet_file", "parquet_of", "parquet_portions"]

_ROWS_AT_A_TIME = 5_000

_TYPES = {
    **dict.fromkeys(EPISODE_COLUMNS, "float64"),
    **dict.fromkeys(("episode", "env_step", "length", "buffer_size", "buffer_fill"), "int64"),
    **dict.fromkeys(("terminated", "truncated"), "bool"),
}


def csv_file(content: RunContent) -> bytes:
    """The same text as on disk and on the page: full precision, empty where there is no value."""
    return b"".join(csv_portions(content))


def csv_portions(content: RunContent, style: CsvStyle = DECIMAL_POINT) -> Iterator[bytes]:
    """What :func:`csv_file` gives, as it is made, in another ``style`` if need be."""
    yield (style.beginning + csv_text([EPISODE_COLUMNS], style)).encode()
    for rows in _batches(episode_rows(content.episodes())):
        yield csv_text(rows, style).encode()


def parquet_file(content: RunContent) -> bytes:
    """Parquet for pandas, Polars, DuckDB and their like: whole numbers as int64, NaN where there is no value."""
    return b"".join(parquet_portions(content))


def parquet_portions(content: RunContent) -> Iterator[bytes]:
    """What :func:`parquet_file` gives, as it is made."""
    import pandas as pd

    rows = (episode_row(event) for event in content.episodes())
    frames = (pd.DataFrame(each, columns=list(EPISODE_COLUMNS)).astype(_TYPES) for each in _batches(rows))
    return parquet_of(frames, pd.DataFrame(columns=list(EPISODE_COLUMNS)).astype(_TYPES))


def parquet_of(frames: Iterable[pd.DataFrame], empty: pd.DataFrame) -> Iterator[bytes]:
    """Parquet of ``frames``, one below the other, with the columns of ``empty``; one frame at a time is in memory."""
    import pyarrow as pa
    from pyarrow import parquet

    sink = _Sink()
    schema = pa.Schema.from_pandas(empty, preserve_index=False)
    with parquet.ParquetWriter(sink, schema) as writer:
        for frame in frames:
            writer.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file to write to, whose contents are taken away on the way."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Bytes written in all."""
        return self._written

    def write(self, data: Any) -> int:
        """Take in ``data``; its length."""
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def taken(self) -> bytes:
        """What was written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    rows = iter(rows)
    while batch := list(itertools.islice(rows, _ROWS_AT_A_TIME)):
        yield batch
