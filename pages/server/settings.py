"""What whoever runs the server decides: limits, where runs are kept, who may control them.

Each setting is an environment variable, or an entry of the section ``[dqn_lab]`` in ``.streamlit/secrets.toml``; the
variable wins. They are read once, when the server starts. ``docs/deployment.md`` explains each of them.
"""

from __future__ import annotations

import functools
import os
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from dqn_core.errors import SettingError, StoreError, mark
from dqn_core.runs.manager import Executor
from dqn_core.runs.storage.backends import database_url
from dqn_core.training.disk_use import DEFAULT_BYTE_LIMIT

__all__ = ["VARIABLES", "Settings", "read_settings", "settings"]

_SECTION = "dqn_lab"
_SHORTEST_CODE = 6
_SITE = re.compile(r"\*|https?://(\*\.)?[a-z0-9.-]+(:(\d{1,5}|\*))?", re.IGNORECASE | re.ASCII)
"""A source of the policy frame-ancestors: an origin, perhaps with ``*.`` for all names below one, or ``*`` for all."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The server's settings; a default is what one person on their own machine wants."""

    data: Path = Path("data")
    """Folder of the database and of every run's files; relative to the working directory."""
    database: str = ""
    """Address of a PostgreSQL to use in place of the file in that folder."""
    examples: bool = True
    """Whether a new data folder begins with the trained agents that come with the lab."""
    executor: Executor = "auto"
    """Where runs train: "thread", "process", "auto", which decides for each run, or "ray": on a cluster."""
    ray_address: str = "auto"
    """Of the cluster's head, ``HOST:PORT``; or "auto" for the cluster that this machine is a part of."""
    resume_lost_runs: bool = True
    """Whether a run goes on by itself where its machine left the cluster."""
    preload: tuple[str, ...] = ()
    """Modules to import because they register environments; comma-separated in the variable."""
    checkpoint_mb: int = DEFAULT_BYTE_LIMIT // 2**20
    """Megabytes that one run's snapshots and checkpoints may take; beyond it, old ones are removed."""
    max_active_runs: int | None = None
    """Runs that train at a time; None for one on each core."""
    max_runs_per_visitor: int | None = None
    """Runs of one visitor that may train, wait or be paused at a time; None for no such limit."""
    pause_unwatched_after_s: float | None = None
    """Seconds after which a run that nobody looks at is paused; None for never."""
    instructor_code: str = ""
    """With it, whoever starts a run controls it, and whoever knows the code controls all; without, everybody does."""

    address: str = ""
    """Where students reach the server, such as ``http://192.168.0.5:8501``; without, the machine's own address."""
    frame_ancestors: tuple[str, ...] = ()
    """Sites that may show the pages in a frame, such as ``https://moodle.example.edu``; comma-separated."""


VARIABLES = {each.name: f"DQN_LAB_{each.name.upper()}" for each in fields(Settings)}
"""The environment variable of each setting."""


@functools.cache
def settings() -> Settings:
    """This server's settings. Raises :class:`SettingError` for one that is not valid."""
    return read_settings(os.environ, _secrets())


def read_settings(environment: Mapping[str, str], secrets: Mapping[str, Any]) -> Settings:
    """The settings that are given in ``environment`` or ``secrets``, the others at their defaults.

    Raises :class:`SettingError`, which names the entry and what would be right; also for an entry of the section that
    no setting has, for a limit that is misspelt is no limit.
    """
    for name in secrets:
        if name not in VARIABLES:
            template = mark("There is no setting {setting}: [dqn_lab] in secrets.toml may contain {known}.")
            raise SettingError(template, setting=name, known=", ".join(VARIABLES))
    given = {name: (f"{name} in secrets.toml", value) for name, value in secrets.items()}
    for name, variable in VARIABLES.items():
        if environment.get(variable):  # one that is set to nothing is not set
            given[name] = (variable, environment[variable])
    return Settings(**{name: _checked(name, *place_and_value) for name, place_and_value in given.items()})


def _secrets() -> Mapping[str, Any]:
    """The section of secrets.toml; empty where there is none. A file that cannot be read must not open every door."""
    try:
        section = st.secrets.get(_SECTION, {})
    except StreamlitSecretNotFoundError as error:
        if any(Path(path).exists() for path in st.get_option("secrets.files")):
            raise SettingError(mark("secrets.toml cannot be read: {cause}"), cause=error) from error
        return {}
    if not isinstance(section, Mapping):
        raise SettingError(mark("dqn_lab in secrets.toml must be a section: [dqn_lab]"))
    return dict(section)


def _checked(name: str, place: str, value: Any) -> Any:
    read, template = _RULES[name]
    try:
        return read(value)
    except (TypeError, ValueError):
        shown = {"value": repr(value)} if "{value}" in template else {}  # a secret travels in no error
        raise SettingError(template, setting=place, least=_SHORTEST_CODE, **shown) from None


def _folder(value: Any) -> Path:
    return Path(value).expanduser()


def _whole(value: Any) -> int:
    number = int(str(value))
    if number < 1:
        raise ValueError
    return number


def _seconds(value: Any) -> float:
    number = float(str(value))
    if not 1 <= number < float("inf"):
        raise ValueError
    return number


def _executor(value: Any) -> Any:
    if value not in typing.get_args(Executor):
        raise ValueError
    return value


def _cluster_address(value: Any) -> str:
    address = str(value).strip()
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and "/" not in host and port.isdecimal() and 0 < int(port) < 2**16):
        raise ValueError
    return address


def _switch(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _modules(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    modules = tuple(str(each).strip() for each in names if str(each).strip())
    if not all(part.isidentifier() for each in modules for part in each.split(".")):
        raise ValueError
    return modules


def _code(value: Any) -> str:
    code = str(value).strip()
    if len(code) < _SHORTEST_CODE:
        raise ValueError
    return code


def _web_address(value: Any) -> str:
    address = str(value).strip().rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    return address


def _sites(value: Any) -> tuple[str, ...]:
    given = value.split(",") if isinstance(value, str) else value
    sites = tuple(str(each).strip().rstrip("/") for each in given if str(each).strip())
    if not all(_SITE.fullmatch(each) for each in sites):
        raise ValueError
    return sites


def _database(value: Any) -> str:
    address = str(value).strip()
    try:
        database_url(address)
    except StoreError as error:
        raise ValueError from error
    return address


_SWITCH = mark("{setting} is {value}, but must be true or false.")
_WHOLE_NUMBER = mark("{setting} is {value}, but must be a whole number, 1 or more.")
_RULES: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "data": (_folder, mark("{setting} is {value}, but must be the name of a folder.")),
    "database": (
        _database,
        mark("{setting} must be the address of a PostgreSQL, such as postgresql+psycopg://user:password@host/name."),
    ),
    "examples": (_switch, _SWITCH),
    "executor": (_executor, mark("{setting} is {value}, but must be auto, thread, process or ray.")),
    "ray_address": (
        _cluster_address,
        mark("{setting} is {value}, but must be an address such as 192.168.0.5:6379, or auto."),
    ),
    "resume_lost_runs": (_switch, _SWITCH),
    "preload": (_modules, mark("{setting} is {value}, but must be module names separated by commas.")),
    "checkpoint_mb": (_whole, _WHOLE_NUMBER),
    "max_active_runs": (_whole, _WHOLE_NUMBER),
    "max_runs_per_visitor": (_whole, _WHOLE_NUMBER),
    "pause_unwatched_after_s": (_seconds, mark("{setting} is {value}, but must be a number of seconds, 1 or more.")),
    "instructor_code": (_code, mark("{setting} must have at least {least} characters.")),
    "address": (_web_address, mark("{setting} is {value}, but must be an address such as http://192.168.0.5:8501.")),
    "frame_ancestors": (
        _sites,
        mark("{setting} is {value}, but must be addresses such as https://moodle.example.edu separated by commas."),
    ),
}
"""How each setting is read, and what is said of one that is not valid; a code or a password is not repeated."""
