"""Runs that outlast their tests, however fast they go and however slow the machine is."""

from __future__ import annotations

_NO_END = 'settings={"goal_score":null,"max_env_steps":null,"max_episodes":10000000}'

ENDLESS = f"/train?env=CartPole-v1&preset=lab8&{_NO_END}"
"""The form of a new run that has no goal and, in a test's time, no limit."""
ENDLESS_FAST = f"/train?env=CartPole-v1&preset=fast&{_NO_END}"
"""The same with the preset that learns within seconds."""
