"""A comparison as files: what the figure shows and what it is made from, every row of it."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from dqn_core.analysis.comparison import GroupLine, RunLine
from dqn_core.analysis.metrics import run_metrics
from dqn_core.errors import mark
from dqn_core.events import EPISODE_COLUMNS
from dqn_core.export.spreadsheet import workbook
from dqn_core.export.tables import parquet_of
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.storage.tables import EPISODE_FIELDS
from dqn_core.training.csv_log import BYTE_ORDER_MARK, DECIMAL_POINT, CsvStyle, plain_text
from pages.compare.subject import Subject
from pages.compare.wire import tables

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_lines", "episode_frames", "figure_frame", "metrics_frame", "page", "parquet", "xlsx"]

_WHOLE = ("episode", "env_step", "length", "buffer_size", "buffer_fill")
_YES_OR_NO = ("terminated", "truncated")
_NAMES = dict(zip(EPISODE_FIELDS, EPISODE_COLUMNS, strict=True))


def figure_frame(subject: Subject) -> pd.DataFrame:
    """What the figure shows, none of it thinned: a row a point.

    Columns: ``group`` (its name), ``run_id`` and ``seed`` (empty for a group's mean), ``n``, the x axis and the y axis
    by their names in the episodes' CSV, ``smoothed``, and ``low`` and ``high`` (the ends of a mean's 95 % interval).
    """
    import pandas as pd

    bands, runs = subject.lines
    parts = [_of_group(subject, line) for line in bands] + [_of_run(subject, line) for line in runs]
    frames = [pd.DataFrame(part).astype({"seed": "Int64"}) for part in parts]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["group", "run_id", "seed", "n"])


def _of_group(subject: Subject, line: GroupLine) -> dict[str, Any]:
    choices, band = subject.query.choices, line.smooth
    return {
        "group": subject.names[line.group],
        "run_id": "",
        "seed": None,
        "n": band.n,
        choices.x: band.x,
        _NAMES[choices.y]: line.raw.mean,
        "smoothed": band.mean,
        "low": band.low,
        "high": band.high,
    }


def _of_run(subject: Subject, line: RunLine) -> dict[str, Any]:
    choices = subject.query.choices
    return {
        "group": subject.names[line.group],
        "run_id": line.run.run_id,
        "seed": line.run.config.seed,
        "n": 1,
        choices.x: line.raw.x,
        _NAMES[choices.y]: line.raw.y,
        "smoothed": line.smooth.y,
        "low": np.nan,
        "high": np.nan,
    }


def metrics_frame(subject: Subject) -> pd.DataFrame:
    """The numbers of each run: a row a run."""
    import pandas as pd

    rows = [
        {"group": name, "run_id": run.run_id, "name": run.name, "seed": run.config.seed} | asdict(run_metrics(run))
        for group, name in zip(subject.groups, subject.names, strict=True)
        for run in group.all_runs
    ]
    return pd.DataFrame(rows)


def episode_frames(subject: Subject, store: RunStore) -> Iterator[pd.DataFrame]:
    """Every episode of every run with all that was logged of it, some thousand rows at a time."""
    import pandas as pd

    for group, name in zip(subject.groups, subject.names, strict=True):
        for run in group.all_runs:
            about = {"group": name, "run_id": run.run_id, "seed": run.config.seed}
            for values in store.episode_portions(run.run_id, EPISODE_FIELDS):
                frame = pd.DataFrame(about | dict(zip(EPISODE_COLUMNS, values, strict=True)))
                yield frame.astype(dict.fromkeys(_WHOLE, "int64") | dict.fromkeys(_YES_OR_NO, "bool"))


def csv_lines(frames: Iterable[pd.DataFrame], style: CsvStyle = DECIMAL_POINT) -> Iterator[str]:
    """CSV of ``frames`` one below the other, a portion for each: for spreadsheets, with names that people gave."""

    def number_text(value: Any) -> str:
        return style.number(float(value))

    yield BYTE_ORDER_MARK
    for number, frame in enumerate(frames):
        texts = {name: frame[name].map(plain_text) for name in ("group", "name") if name in frame}
        yield frame.assign(**texts).to_csv(
            index=False,
            header=number == 0,
            sep=style.delimiter,
            float_format=number_text,
        )


def xlsx(name: str, frame: pd.DataFrame) -> bytes:
    """``frame`` as a workbook with one sheet, called ``name``."""
    import pandas as pd

    rows = ([None if pd.isna(each) else each for each in row] for row in frame.itertuples(index=False))
    return workbook({name: itertools.chain([list(frame.columns)], rows)})


def parquet(frames: Iterator[pd.DataFrame]) -> Iterator[bytes]:
    """Parquet of ``frames`` one below the other, in portions; all have the first one's columns."""
    import pandas as pd

    first = next(frames, pd.DataFrame())
    return parquet_of(itertools.chain([first], frames), first.iloc[:0])


# ------------------------------------------------------------------------------------------------ a whole page

_PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.45 sans-serif; color: #1b2a2b; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ border-bottom: 1px solid #cfdad7; padding: 0.3rem 0.8rem; text-align: left; }}
small {{ color: #5a6b6a; }}
</style></head>
<body><h1>{title}</h1><p>{made}</p>
{figure}
{tables}
<p><small>{explanation}</small></p></body></html>
"""


def page(subject: Subject) -> str:
    """The figure with every point, and the tables, as one HTML file that needs no network."""
    from pages.compare.charts import figure_html

    say, shown = subject.words.say, tables(subject)
    names = [group["name"] for group in shown["groups"]]
    results = [[" ".join(each) for each in group["metrics"]] for group in shown["groups"]]
    settings = [group["settings"] for group in shown["groups"]]
    made = say(mark("Made with DQN Lab on {day}.")).format(day=f"{datetime.now(UTC):%Y-%m-%d}")
    explanation = say(
        mark("Bands: 95 % bootstrap interval of the mean over runs that differ only in their seed, at equal env steps.")
    )
    return _PAGE.format(
        language=subject.query.language,
        title=html.escape(say(mark("Comparison of runs"))),
        made=html.escape(made),
        figure=figure_html(subject.drawing()),
        tables=_table(names, [each["label"] for each in shown["metrics"]], results)
        + _table(names, shown["fields"], settings),
        explanation=html.escape(explanation),
    )


def _table(names: list[str], head: list[str], rows: list[list[str]]) -> str:
    if not head:
        return ""
    heads = "".join(f"<th>{html.escape(text)}</th>" for text in ["", *head])
    lines = (
        "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in [name, *row]) + "</tr>"
        for name, row in zip(names, rows, strict=True)
    )
    return f"<table><tr>{heads}</tr>{''.join(lines)}</table>"
