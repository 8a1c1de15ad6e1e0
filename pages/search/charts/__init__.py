"""The figures of the search page."""
