"""Classes: who is in one and what it is given to do, its wall, its results and its leaderboard."""
