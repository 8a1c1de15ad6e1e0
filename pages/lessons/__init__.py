"""The lessons page, with all that is its own."""
