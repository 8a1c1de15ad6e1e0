"""A run as files to download."""
