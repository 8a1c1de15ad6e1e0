"""What environments there are to choose from, and which of them cannot be used here."""

from __future__ import annotations

import contextlib
import functools
import re
from dataclasses import dataclass

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from dqn_core.environments.make import comes_with_gymnasium, is_only_a_note, make_environment
from dqn_core.environments.own import environment_files, find_spec, ids_from_elsewhere
from dqn_core.errors import UnsupportedEnvironmentError, mark
from dqn_core.presets import PRESETS

__all__ = ["ListedEnvironment", "listed_environments"]

_CONTINUOUS = mark("continuous actions")
_PACKAGE = mark("needs {package}")
_OTHER = mark("cannot be used")


@dataclass(frozen=True, kw_only=True)
class ListedEnvironment:
    """One environment of the list."""

    env_id: str
    file: str = ""
    """Of the folder of people's own environments: the name of the one that registers it."""
    obstacle: str = ""
    """Why it cannot be used, in a few words, with {package} for the one that is missing; empty where it can."""
    package: str = ""


def listed_environments() -> tuple[ListedEnvironment, ...]:
    """Those with presets, people's own, others, and those that cannot be used; each but the first by its id.

    Of other people's, nothing is made to find out whether it can be used.
    """
    own = {env_id: file.path.name for file in environment_files() for env_id in file.env_ids}
    for first in ("MinAtar/Breakout-v1", "ALE/Pong-v5"):
        with contextlib.suppress(UnsupportedEnvironmentError):  # its package may not be installed
            find_spec(first)  # registers all of its package
    registered = [env_id for env_id in ids_from_elsewhere() if _is_offered(gym.registry[env_id])]
    others = [_choice(env_id) for env_id in registered if env_id not in PRESETS]
    return (
        *(ListedEnvironment(env_id=env_id) for env_id in PRESETS),
        *(ListedEnvironment(env_id=env_id, file=own[env_id]) for env_id in sorted(own)),
        *sorted(others, key=lambda each: (bool(each.obstacle), each.env_id.casefold())),
    )


def _is_offered(spec: EnvSpec) -> bool:
    """Whether it is an environment of its own: Atari's games have five ids each, of which the newest is enough."""
    is_former = str(spec.entry_point).startswith("ale_py") and not spec.id.startswith("ALE/")
    return not is_only_a_note(spec) and not is_former


def _choice(env_id: str) -> ListedEnvironment:
    if not comes_with_gymnasium(env_id):
        return ListedEnvironment(env_id=env_id)
    obstacle, package = _obstacle(env_id)
    return ListedEnvironment(env_id=env_id, obstacle=obstacle, package=package)


@functools.lru_cache(maxsize=1_000)
def _obstacle(env_id: str) -> tuple[str, str]:
    """(Why an environment of Gymnasium cannot be used, the package that is missing); empty where it can, or none is."""
    try:
        make_environment(env_id).close()
    except UnsupportedEnvironmentError as error:
        said = str(error.parameters.get("cause", ""))
        package = str(error.parameters.get("package", "")) or _to_install(said)
        if package:
            return _PACKAGE, package
        return _CONTINUOUS if _is_continuous(gym.registry[env_id]) else _OTHER, ""
    return "", ""


def _to_install(said: str) -> str:
    found = re.search(r"""pip install ["'`]?([\w.\[\]-]+)""", said)
    return found[1] if found else ""


def _is_continuous(spec: EnvSpec) -> bool:
    try:
        made = gym.make(spec, disable_env_checker=True)
    except Exception:  # noqa: BLE001  it is not even made
        return False
    try:
        return isinstance(made.action_space, Box)
    finally:
        made.close()
