"""The figures of the train page."""
