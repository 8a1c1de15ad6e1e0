"""The server itself: its process-wide services, settings, limits and answers."""
