"""What an environment looks like, for a page that shows it: its picture, and the size of all its pictures."""

from __future__ import annotations

from dqn_core.config import Arguments
from dqn_core.environments.make import EnvironmentPicture, environment_picture, registered
from dqn_core.environments.physics import environment_arguments
from dqn_core.errors import UnsupportedEnvironmentError

__all__ = ["picture_of", "picture_size"]


def picture_of(env_id: str, arguments: Arguments) -> EnvironmentPicture:
    """The picture with the arguments that it may show, such as a map: for a slider of physics it is not drawn anew.

    Raises :class:`~dqn_core.errors.UnsupportedEnvironmentError` where the environment cannot be made here.
    """
    physics = {each.name for each in environment_arguments(registered(env_id)) if each.label and each.is_live}
    seen = Arguments({name: value for name, value in arguments.items() if name not in physics})
    return environment_picture(env_id, seen)


def picture_size(env_id: str, arguments: Arguments) -> tuple[int, int] | None:
    """Width and height of the environment's pictures, whose place a page keeps; None where it is not installed here."""
    try:
        return picture_of(env_id, arguments).size
    except UnsupportedEnvironmentError:
        return None
