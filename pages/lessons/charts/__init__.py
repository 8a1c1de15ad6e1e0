"""The figures of the lessons page."""
