"""The tables of a laboratory's database, and how those of an earlier version become these.

A change of the tables is a change here and one more entry in :data:`MIGRATIONS`; an entry that was released stays as
it is.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from dqn_core.events import EpisodeEnded
from dqn_core.runs.storage.column_types import NUMBER, TEXT, WHOLE_NUMBER, json_column

__all__ = [
    "EPISODE_FIELDS",
    "MIGRATIONS",
    "PASSING",
    "SCHEMA_VERSION",
    "bring_up_to_date",
    "changes",
    "class_members",
    "classes",
    "commands",
    "episodes",
    "evaluations",
    "experiments",
    "predictions",
    "revisions",
    "runs",
    "searches",
    "servers",
    "standings",
    "submissions",
]

metadata = sa.MetaData()
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", TEXT, primary_key=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("config", json_column(), nullable=False),
    sa.Column("initial_config", json_column(), nullable=False),
    sa.Column("started_at", TEXT, nullable=False, index=True),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("reason", TEXT),
    sa.Column("message_template", TEXT, nullable=False),
    sa.Column("message_parameters", json_column(), nullable=False),
    sa.Column("compute", TEXT, nullable=False),
    sa.Column("compute_template", TEXT, nullable=False),
    sa.Column("compute_parameters", json_column(), nullable=False),
    sa.Column("parameters", WHOLE_NUMBER, nullable=False),
    sa.Column("wall_time_s", NUMBER, nullable=False),
    sa.Column("episodes", WHOLE_NUMBER, nullable=False),
    sa.Column("env_steps", WHOLE_NUMBER, nullable=False),
    sa.Column("updates", WHOLE_NUMBER, nullable=False),
    sa.Column("best_eval", NUMBER),
    sa.Column("owner", TEXT, nullable=False, server_default=""),
    sa.Column("tags", json_column(), nullable=False, server_default="[]"),
    sa.Column("experiment_id", TEXT, index=True),
    sa.Column("started_from", TEXT, nullable=False, server_default=""),
    sa.Column("class_id", TEXT, index=True),
    sa.Column("server_id", TEXT, nullable=False, server_default=""),
)
EPISODE_FIELDS = tuple(each.name for each in fields(EpisodeEnded))
_EPISODE_TYPES: dict[str, Any] = {"int": WHOLE_NUMBER, "float": NUMBER, "bool": sa.Boolean}


def _run_key() -> sa.Column[str]:
    return sa.Column("run_id", TEXT, sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True)


def _position() -> sa.Column[int]:
    """Number of rows of this run before this one: a viewer's cursor is one range read of the primary key."""
    return sa.Column("position", WHOLE_NUMBER, primary_key=True)


episodes = sa.Table(
    "episodes",
    metadata,
    _run_key(),
    _position(),
    *(sa.Column(each.name, _EPISODE_TYPES[str(each.type)]) for each in fields(EpisodeEnded)),
    sqlite_with_rowid=False,
)

changes = sa.Table(
    "changes",
    metadata,
    _run_key(),
    _position(),
    sa.Column("wall_time_s", NUMBER, nullable=False),
    sa.Column("env_step", WHOLE_NUMBER, nullable=False),
    sa.Column("episode", WHOLE_NUMBER, nullable=False),
    sa.Column("changes", json_column(), nullable=False),
    sqlite_with_rowid=False,
)

evaluations = sa.Table(
    "evaluations",
    metadata,
    _run_key(),
    _position(),
    sa.Column("made_at", TEXT, nullable=False),
    sa.Column("weights", TEXT, nullable=False),
    sa.Column("epsilon", NUMBER, nullable=False),
    sa.Column("seeds", json_column(), nullable=False),
    sa.Column("returns", json_column(), nullable=False),
    sa.Column("lengths", json_column(), nullable=False),
    sa.Column("env_kwargs", json_column(), nullable=False, server_default="{}"),
    sa.Column("shaped_returns", json_column(), nullable=False, server_default="[]"),
    sqlite_with_rowid=False,
)

experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("experiment_id", TEXT, primary_key=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("owner", TEXT, nullable=False),
    sa.Column("created_at", TEXT, nullable=False, index=True),
    sa.Column("spec", json_column(), nullable=False),
)

submissions = sa.Table(
    "submissions",
    metadata,
    _run_key(),
    sa.Column("env_id", TEXT, nullable=False, index=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("owner", TEXT, nullable=False),
    sa.Column("submitted_at", TEXT, nullable=False),
    sa.Column("weights", TEXT, nullable=False),
    sa.Column("env_steps", WHOLE_NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

predictions = sa.Table(
    "predictions",
    metadata,
    sa.Column("visitor", TEXT, primary_key=True),
    sa.Column("lesson", TEXT, primary_key=True),
    sa.Column("choice", WHOLE_NUMBER, nullable=False),
    sa.Column("is_revealed", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,
)

classes = sa.Table(
    "classes",
    metadata,
    sa.Column("class_id", TEXT, primary_key=True),
    sa.Column("code", TEXT, nullable=False),
    sa.Column("title", TEXT, nullable=False),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("archived_at", TEXT),
    sa.Column("teachers", json_column(), nullable=False),
    sa.Column("assignment", json_column(none_as_null=True)),
    sa.Column("announcement", json_column(none_as_null=True)),
)

class_members = sa.Table(
    "class_members",
    metadata,
    sa.Column("class_id", TEXT, sa.ForeignKey("classes.class_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("visitor_id", TEXT, primary_key=True),
    sa.Column("nickname", TEXT, nullable=False),
    sa.Column("joined_at", TEXT, nullable=False),
    sa.Column("hand_raised_at", TEXT),
    sa.Column("left_at", TEXT),
    sa.Column("removed_at", TEXT),
    sqlite_with_rowid=False,
)

servers = sa.Table(
    "servers",
    metadata,
    sa.Column("server_id", TEXT, primary_key=True),
    sa.Column("renewed_at", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

standings = sa.Table(
    "standings",
    metadata,
    sa.Column("run_id", TEXT, sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("standing", json_column(), nullable=False),
    sqlite_with_rowid=False,
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("command_id", TEXT, primary_key=True),
    sa.Column("run_id", TEXT, sa.ForeignKey("runs.run_id", ondelete="CASCADE"), nullable=False),
    sa.Column("asked_at", NUMBER, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("arguments", json_column(), nullable=False),
    sa.Column("is_answered", sa.Boolean, nullable=False),
    sa.Column("answer", json_column(none_as_null=True)),
    sqlite_with_rowid=False,
)

revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("revision", WHOLE_NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

searches = sa.Table(
    "searches",
    metadata,
    sa.Column("search_id", TEXT, primary_key=True),
    sa.Column("server_id", TEXT, nullable=False),
    sa.Column("is_stopping", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,
)

PASSING = frozenset({servers, standings, commands, revisions, searches})
"""What holds only while servers are at work: nothing of it is copied to another database."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "ALTER TABLE runs ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN tags JSON NOT NULL DEFAULT '[]'",
        "ALTER TABLE runs ADD COLUMN experiment_id TEXT",
        "ALTER TABLE runs ADD COLUMN started_from TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX ix_runs_experiment_id ON runs (experiment_id)",
        """CREATE TABLE evaluations (
            run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            made_at TEXT NOT NULL,
            weights TEXT NOT NULL,
            epsilon FLOAT NOT NULL,
            seeds JSON NOT NULL,
            returns JSON NOT NULL,
            lengths JSON NOT NULL,
            PRIMARY KEY (run_id, position)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE experiments (
            experiment_id TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            owner TEXT NOT NULL,
            created_at TEXT NOT NULL,
            spec JSON NOT NULL
        )""",
        "CREATE INDEX ix_experiments_created_at ON experiments (created_at)",
        """CREATE TABLE submissions (
            run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE PRIMARY KEY,
            env_id TEXT NOT NULL,
            name TEXT NOT NULL,
            owner TEXT NOT NULL,
            submitted_at TEXT NOT NULL,
            weights TEXT NOT NULL,
            env_steps INTEGER NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX ix_submissions_env_id ON submissions (env_id)",
    ),
    (
        """CREATE TABLE predictions (
            visitor TEXT NOT NULL,
            lesson TEXT NOT NULL,
            choice INTEGER NOT NULL,
            is_revealed BOOLEAN NOT NULL,
            PRIMARY KEY (visitor, lesson)
        ) WITHOUT ROWID""",
    ),
    (
        "ALTER TABLE episodes ADD COLUMN shaped_return FLOAT",
        "ALTER TABLE evaluations ADD COLUMN env_kwargs JSON NOT NULL DEFAULT '{}'",
        "ALTER TABLE evaluations ADD COLUMN shaped_returns JSON NOT NULL DEFAULT '[]'",
    ),
    (
        "ALTER TABLE runs ADD COLUMN class_id TEXT",
        "CREATE INDEX ix_runs_class_id ON runs (class_id)",
        """CREATE TABLE classes (
            class_id TEXT NOT NULL PRIMARY KEY,
            code TEXT NOT NULL,
            title TEXT NOT NULL,
            created_at TEXT NOT NULL,
            archived_at TEXT,
            teachers JSON NOT NULL,
            assignment JSON,
            announcement JSON
        )""",
        """CREATE TABLE class_members (
            class_id TEXT NOT NULL REFERENCES classes (class_id) ON DELETE CASCADE,
            visitor_id TEXT NOT NULL,
            nickname TEXT NOT NULL,
            joined_at TEXT NOT NULL,
            hand_raised_at TEXT,
            left_at TEXT,
            removed_at TEXT,
            PRIMARY KEY (class_id, visitor_id)
        ) WITHOUT ROWID""",
    ),
    (
        "sqlite:: ALTER TABLE runs ADD COLUMN server_id TEXT NOT NULL DEFAULT ''",
        """postgresql:: ALTER TABLE runs ADD COLUMN server_id TEXT COLLATE "C" NOT NULL DEFAULT ''""",
        """sqlite:: CREATE TABLE servers (
            server_id TEXT NOT NULL PRIMARY KEY,
            renewed_at FLOAT NOT NULL
        ) WITHOUT ROWID""",
        """postgresql:: CREATE TABLE servers (
            server_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            renewed_at DOUBLE PRECISION NOT NULL
        )""",
        """sqlite:: CREATE TABLE standings (
            run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE PRIMARY KEY,
            standing JSON NOT NULL
        ) WITHOUT ROWID""",
        """postgresql:: CREATE TABLE standings (
            run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE PRIMARY KEY,
            standing TEXT COLLATE "C" NOT NULL
        )""",
        """sqlite:: CREATE TABLE commands (
            command_id TEXT NOT NULL PRIMARY KEY,
            run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
            asked_at FLOAT NOT NULL,
            name TEXT NOT NULL,
            arguments JSON NOT NULL,
            is_answered BOOLEAN NOT NULL,
            answer JSON
        ) WITHOUT ROWID""",
        """postgresql:: CREATE TABLE commands (
            command_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
            asked_at DOUBLE PRECISION NOT NULL,
            name TEXT COLLATE "C" NOT NULL,
            arguments TEXT COLLATE "C" NOT NULL,
            is_answered BOOLEAN NOT NULL,
            answer TEXT COLLATE "C"
        )""",
        """sqlite:: CREATE TABLE revisions (
            name TEXT NOT NULL PRIMARY KEY,
            revision INTEGER NOT NULL
        ) WITHOUT ROWID""",
        """postgresql:: CREATE TABLE revisions (
            name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            revision BIGINT NOT NULL
        )""",
        """sqlite:: CREATE TABLE searches (
            search_id TEXT NOT NULL PRIMARY KEY,
            server_id TEXT NOT NULL,
            is_stopping BOOLEAN NOT NULL
        ) WITHOUT ROWID""",
        """postgresql:: CREATE TABLE searches (
            search_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
            server_id TEXT COLLATE "C" NOT NULL,
            is_stopping BOOLEAN NOT NULL
        )""",
    ),
)
"""SQL that makes version 2 of version 1, version 3 of version 2, and so on.

PostgreSQL came with version 5: a step beyond that must say the same to both, or be written twice, with `sqlite:: ` and
`postgresql:: ` before the statement.
"""
SCHEMA_VERSION = 1 + len(MIGRATIONS)
"""Of these tables; each database keeps its own."""


def bring_up_to_date(connection: sa.Connection, found: int) -> None:
    """Make the tables where there are none (version 0), or make those of version ``found`` the present ones."""
    if found == 0:
        metadata.create_all(connection)
        return
    for statement in (each for step in MIGRATIONS[found - 1 :] for each in step):
        only, _, meant = statement.rpartition(":: ")
        if only in {"", connection.dialect.name}:
            connection.exec_driver_sql(meant)
