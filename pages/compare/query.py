"""What a browser wants compared, as the query of an address, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from dqn_core.analysis.comparison import X_AXES, Y_AXES, Choices, XAxis, YAxis
from dqn_core.training.csv_log import CsvStyle
from pages.server.answers import BadRequestError, query_choice
from pages.shared.export.csv_export import csv_style
from pages.shared.links import MOST_COMPARED
from pages.shared.texts.i18n import LANGUAGES

__all__ = ["WINDOWS", "Query", "query_of", "run_ids"]

WINDOWS = (1, 5, 10, 20, 50, 100, 200, 500)
"""Values that a smoothed curve may be the mean of."""
_LEAST_POINTS, _MOST_POINTS = 1_000, 200_000


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which runs, which curves of them, and as much of these as the screen shows."""

    run_ids: tuple[str, ...]
    choices: Choices
    language: str
    points: int
    """Points on the screen, about."""
    low: float
    """Visible part of x."""
    high: float
    style: CsvStyle
    """Of CSV files."""
    known: str
    """Version of the answer that the browser has; empty for none."""


def query_of(request: Request) -> Query:
    """The query of ``request``; raises BadRequestError, naming what is wrong."""
    return Query(
        run_ids=run_ids(request.query_params.get("runs", "")),
        choices=_choices(request),
        language=query_choice(request, "lang", tuple(LANGUAGES)),
        points=round(min(_MOST_POINTS, max(_LEAST_POINTS, _number(request, "points", 20_000.0)))),
        low=_number(request, "from", -math.inf),
        high=_number(request, "to", math.inf),
        style=csv_style(request),
        known=request.query_params.get("known", ""),
    )


def run_ids(text: str) -> tuple[str, ...]:
    """The ids in ``text``, parted by commas, each once; raises BadRequestError for more than :data:`MOST_COMPARED`."""
    found = tuple(dict.fromkeys(part for part in text.split(",") if part))
    if len(found) > MOST_COMPARED:
        message = f"runs must be at most {MOST_COMPARED} ids, not {len(found)}."
        raise BadRequestError(message)
    return found


def _choices(request: Request) -> Choices:
    return Choices(
        x=cast("XAxis", query_choice(request, "x", X_AXES)),
        y=cast("YAxis", query_choice(request, "y", Y_AXES)),
        window=int(query_choice(request, "window", tuple(map(str, WINDOWS)))),
        shows_groups=_flag(request, "groups", default="1"),
        shows_runs=_flag(request, "singles", default="0"),
        beyond_shortest=_flag(request, "beyond", default="0"),
    )


def _flag(request: Request, name: str, *, default: str) -> bool:
    return query_choice(request, name, (default, "0" if default == "1" else "1")) == "1"


def _number(request: Request, name: str, default: float) -> float:
    """A number of the query, of any size and sign; ``default`` where it is not given."""
    parameters: Mapping[str, str] = request.query_params
    text = parameters.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?(e[+-]?\d{1,3})?", text, re.ASCII):
        message = f"{name} must be a number, not {text[:40]!r}."
        raise BadRequestError(message)
    return float(text)
