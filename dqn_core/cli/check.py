"""``python -m dqn_core check``: an environment tried out, and what to know of it before training in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from dqn_core.cli.process import parsed_config, stdout_for_result
from dqn_core.config import TrainingConfig
from dqn_core.json_text import json_text

if TYPE_CHECKING:
    from dqn_core.environments.check import EnvironmentCheck

__all__ = ["check"]

_PROGRAM = "python -m dqn_core check"
_MARKS = {"good": "  ok    ", "note": "  note  ", "problem": "PROBLEM "}


@dataclass(frozen=True, kw_only=True)
class _CheckOptions:
    """Try an environment out with random actions, and say what is wrong with it, and what makes it hard to learn in.

    The exit status is 1 where it cannot be trained in. Fields of the config that make the environment are options too:
    --env-kwargs gravity=-5 --max-episode-steps 200.
    """

    env: tyro.conf.Positional[str]
    """Gymnasium id of the environment; module:Id has the module imported that registers it."""
    episodes: int = 20
    """Random episodes to play."""
    seconds: float = 5.0
    """Seconds after which no further step is taken."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print one JSON object instead of sentences."""


def check(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    options, fields = tyro.cli(_CheckOptions, args=arguments, prog=_PROGRAM, return_unknown_args=True)
    config = parsed_config(TrainingConfig(env_id=options.env), fields, _PROGRAM)
    from dqn_core.environments.check import checked

    with stdout_for_result() as say:
        result = checked(*config.environment, episodes=max(1, options.episodes), most_s=max(0.1, options.seconds))
        say(json_text(result.to_dict()) if options.json else _sentences(result))
    return 0 if result.is_usable else 1


def _sentences(result: EnvironmentCheck) -> str:
    lines = [result.env_id]
    for each in result.findings:
        first, *more = str(each).splitlines()
        lines += [f"{_MARKS[each.verdict]}{first}", *(f"        {line}" for line in more if line)]
    verdict = "It can be trained in." if result.is_usable else "It cannot be trained in yet."
    return "\n".join([*lines, verdict])
