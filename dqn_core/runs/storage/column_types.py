"""Kinds of columns that SQLite and PostgreSQL keep alike, and values on their way into one.

SQLite takes any value in any column, integers of 64 bits, JSON that is not quite JSON, and orders texts byte by byte.
PostgreSQL is told to do the same where it would not: JSON is kept as the text that it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, TypeEngine

from dqn_core.config import TrainingConfig
from dqn_core.json_text import json_text

__all__ = ["NUMBER", "TEXT", "WHOLE_NUMBER", "Unreadable", "from_json", "json_column", "to_columns", "to_json"]

_POSTGRESQL = "postgresql"

TEXT: TypeEngine[str] = sa.Text().with_variant(sa.Text(collation="C"), _POSTGRESQL)
WHOLE_NUMBER: TypeEngine[int] = sa.Integer().with_variant(sa.BigInteger(), _POSTGRESQL)
NUMBER: TypeEngine[float] = sa.Float().with_variant(sa.Double(), _POSTGRESQL)


class _JsonText(TypeDecorator[Any]):
    """JSON as the text that SQLite keeps too, in which an infinite number is one that is too large for any float."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, *, none_as_null: bool = False) -> None:
        super().__init__(collation="C")
        self.none_as_null = none_as_null

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  SQLAlchemy's signature
        """How a value is kept."""
        return None if value is None and self.none_as_null else to_json(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002  the same
        """The value that is kept so."""
        return None if value is None else from_json(value)


def json_column(*, none_as_null: bool = False) -> TypeEngine[Any]:
    """A column of JSON values; ``none_as_null`` where there may be none."""
    return sa.JSON(none_as_null=none_as_null).with_variant(_JsonText(none_as_null=none_as_null), _POSTGRESQL)


def to_json(value: object) -> str:
    """JSON of message parameters too, whose values may be anything that formats."""
    return json_text(value, default=str, is_infinity_kept=True)


class Unreadable:
    """Stands for a column's text that should be JSON and is none: one damaged row must not hide the others."""


def from_json(text: str) -> Any:
    """The value, or :class:`Unreadable`."""
    try:
        return json.loads(text)
    except ValueError:
        return Unreadable()


def to_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the database keeps them: NaN as NULL, times as text in UTC, configs as JSON."""
    return {name: _column(value) for name, value in values.items()}


def _column(value: Any) -> Any:
    match value:
        case TrainingConfig():
            return value.to_dict()
        case StrEnum():
            return value.value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case float():
            return None if math.isnan(value) else value
        case _:
            return value
