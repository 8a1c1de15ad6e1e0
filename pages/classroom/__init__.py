"""The class page, with all that is its own."""
