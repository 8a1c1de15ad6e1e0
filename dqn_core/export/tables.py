"""A run's episodes as tables for other programs: a row an episode, the columns of the episodes' CSV."""

from __future__ import annotations

import io

from dqn_core.events import EPISODE_COLUMNS, episode_row
from dqn_core.export.run_content import RunContent
from dqn_core.training.csv_log import csv_text, episode_rows

__all__ = ["csv_file", "parquet_file"]

_TYPES = {
    **dict.fromkeys(EPISODE_COLUMNS, "float64"),
    **dict.fromkeys(("episode", "env_step", "length", "buffer_size", "buffer_fill"), "int64"),
    **dict.fromkeys(("terminated", "truncated"), "bool"),
}


def csv_file(content: RunContent) -> bytes:
    """The same text as on disk and on the page: full precision, empty where there is no value."""
    return (csv_text([EPISODE_COLUMNS]) + csv_text(episode_rows(content.episodes()))).encode()


def parquet_file(content: RunContent) -> bytes:
    """Parquet for pandas, Polars, DuckDB and their like: whole numbers as int64, NaN where there is no value."""
    import pandas as pd

    rows = [episode_row(event) for event in content.episodes()]
    buffer = io.BytesIO()
    pd.DataFrame(rows, columns=list(EPISODE_COLUMNS)).astype(_TYPES).to_parquet(buffer, index=False)
    return buffer.getvalue()
