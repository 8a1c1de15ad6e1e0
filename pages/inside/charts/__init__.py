"""The figures of the inside page."""
