"""A run's settings as a link, a command and Python lines, and back."""
