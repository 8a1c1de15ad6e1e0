"""Studies that take minutes: learning results and speed. Each is a ``make`` target, not a test."""
