"""The train page, with all that is its own."""
