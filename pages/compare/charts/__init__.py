"""The figures of the compare page."""
