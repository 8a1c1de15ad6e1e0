"""Everything about runs, experiments and classes that a database keeps, in SQLite or PostgreSQL."""
