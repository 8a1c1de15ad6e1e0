"""The first page: an agent that has learned, and the ways from there."""
