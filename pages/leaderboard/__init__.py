"""The leaderboard page, with all that is its own."""
