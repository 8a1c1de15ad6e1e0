"""The figures of the replay page."""
