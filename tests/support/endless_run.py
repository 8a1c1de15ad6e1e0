"""Runs that outlast their tests, however fast they go and however slow the machine is."""

from __future__ import annotations


def endless(env_id: str, preset: str) -> str:
    """The address of the form of a new run that has no goal and, in a test's time, no limit."""
    settings = '{"goal_score":null,"max_env_steps":null,"max_episodes":10000000}'
    return f"/train?env={env_id}&preset={preset}&settings={settings}"


ENDLESS = endless("CartPole-v1", "lab8")
