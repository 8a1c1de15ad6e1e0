"""The tables of the one SQLite file, and how a file of an earlier version becomes one of this.

A change of the tables is a change here and one more entry in :data:`MIGRATIONS`; an entry that was released stays as
it is.
"""

from __future__ import annotations

from dataclasses import fields

import sqlalchemy as sa

from dqn_core.events import EpisodeEnded

__all__ = [
    "EPISODE_FIELDS",
    "MIGRATIONS",
    "SCHEMA_VERSION",
    "bring_up_to_date",
    "changes",
    "class_members",
    "classes",
    "episodes",
    "evaluations",
    "experiments",
    "predictions",
    "runs",
    "submissions",
]

metadata = sa.MetaData()
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("initial_config", sa.JSON, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("message_template", sa.Text, nullable=False),
    sa.Column("message_parameters", sa.JSON, nullable=False),
    sa.Column("compute", sa.Text, nullable=False),
    sa.Column("compute_template", sa.Text, nullable=False),
    sa.Column("compute_parameters", sa.JSON, nullable=False),
    sa.Column("parameters", sa.Integer, nullable=False),
    sa.Column("wall_time_s", sa.Float, nullable=False),
    sa.Column("episodes", sa.Integer, nullable=False),
    sa.Column("env_steps", sa.Integer, nullable=False),
    sa.Column("updates", sa.Integer, nullable=False),
    sa.Column("best_eval", sa.Float),
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("tags", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("experiment_id", sa.Text, index=True),
    sa.Column("started_from", sa.Text, nullable=False, server_default=""),
    sa.Column("class_id", sa.Text, index=True),
)
EPISODE_FIELDS = tuple(each.name for each in fields(EpisodeEnded))
_EPISODE_TYPES = {"int": sa.Integer, "float": sa.Float, "bool": sa.Boolean}


def _run_key() -> sa.Column[str]:
    return sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True)


def _position() -> sa.Column[int]:
    """Number of rows of this run before this one: a viewer's cursor is one range read of the primary key."""
    return sa.Column("position", sa.Integer, primary_key=True)


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
    sa.Column("wall_time_s", sa.Float, nullable=False),
    sa.Column("env_step", sa.Integer, nullable=False),
    sa.Column("episode", sa.Integer, nullable=False),
    sa.Column("changes", sa.JSON, nullable=False),
    sqlite_with_rowid=False,
)

evaluations = sa.Table(
    "evaluations",
    metadata,
    _run_key(),
    _position(),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("weights", sa.Text, nullable=False),
    sa.Column("epsilon", sa.Float, nullable=False),
    sa.Column("seeds", sa.JSON, nullable=False),
    sa.Column("returns", sa.JSON, nullable=False),
    sa.Column("lengths", sa.JSON, nullable=False),
    sa.Column("env_kwargs", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("shaped_returns", sa.JSON, nullable=False, server_default="[]"),
    sqlite_with_rowid=False,
)

experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("experiment_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False, index=True),
    sa.Column("spec", sa.JSON, nullable=False),
)

submissions = sa.Table(
    "submissions",
    metadata,
    _run_key(),
    sa.Column("env_id", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("submitted_at", sa.Text, nullable=False),
    sa.Column("weights", sa.Text, nullable=False),
    sa.Column("env_steps", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

predictions = sa.Table(
    "predictions",
    metadata,
    sa.Column("visitor", sa.Text, primary_key=True),
    sa.Column("lesson", sa.Text, primary_key=True),
    sa.Column("choice", sa.Integer, nullable=False),
    sa.Column("is_revealed", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,
)

classes = sa.Table(
    "classes",
    metadata,
    sa.Column("class_id", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("archived_at", sa.Text),
    sa.Column("teachers", sa.JSON, nullable=False),
    sa.Column("assignment", sa.JSON(none_as_null=True)),
    sa.Column("announcement", sa.JSON(none_as_null=True)),
)

class_members = sa.Table(
    "class_members",
    metadata,
    sa.Column("class_id", sa.Text, sa.ForeignKey("classes.class_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("visitor_id", sa.Text, primary_key=True),
    sa.Column("nickname", sa.Text, nullable=False),
    sa.Column("joined_at", sa.Text, nullable=False),
    sa.Column("hand_raised_at", sa.Text),
    sa.Column("left_at", sa.Text),
    sa.Column("removed_at", sa.Text),
    sqlite_with_rowid=False,
)

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
)
"""SQL that makes version 2 of version 1, version 3 of version 2, and so on."""
SCHEMA_VERSION = 1 + len(MIGRATIONS)
"""Kept in the database's ``user_version``."""


def bring_up_to_date(connection: sa.Connection) -> int:
    """Make the tables, or migrate them; returns the version found (a newer program's is left as it is)."""
    found: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if found == 0:
        metadata.create_all(connection)
    for statement in (each for step in MIGRATIONS[max(0, found - 1) :] for each in step if found > 0):
        connection.exec_driver_sql(statement)
    if found < SCHEMA_VERSION:
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return found
