"""Environments of people's own: the files of a folder, modules, and packages that Gymnasium does not bring along.

An id that is not registered is looked for here, and what registers it is imported:

    Snake-v0, Own/Snake-v0   registered by a file of the folder (``data/environments/*.py``); a class derived from
                             :class:`gymnasium.Env` that its file does not register is ``Own/CLASS-v0``
    mypackage:My-v0          registered by the module ``mypackage``
    highway-fast-v0          registered by a well-known package

A file may hang, or end its process, when it is imported. So each is first imported in a process of its own, which says
what it registers; only then, and only when one of its environments is wanted, is it imported here. A file that has
changed is looked at, and imported, again.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, Generic, ParamSpec, TypeVar

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from dqn_core.environments.importing import (
    Imported,
    forget,
    import_file,
    import_module,
    is_made_in,
    made_in,
    stamps_in,
    taken_problem,
    what_they_register,
)
from dqn_core.errors import UnsupportedEnvironmentError, mark

__all__ = [
    "EnvironmentFile",
    "EnvironmentFolder",
    "KeptWhileUnchanged",
    "Sources",
    "adopt_sources",
    "environment_files",
    "find_spec",
    "ids_from_elsewhere",
    "is_own",
    "needs_import",
    "plain_id",
    "present_sources",
    "source_version",
    "use_folder",
]

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_LOG = logging.getLogger(__name__)

_LONG_WAIT_S = 5.0
_WELL_KNOWN: tuple[tuple[str, str, str], ...] = (
    ("MinAtar/", "dqn_core.environments.minatar_games", "minatar"),
    ("ALE/", "dqn_core.environments.atari_games", "ale-py"),
    ("MiniGrid-", "minigrid", "minigrid"),
    ("BabyAI-", "minigrid", "minigrid"),
    ("MiniWorld-", "miniworld", "miniworld"),
    ("highway-", "highway_env", "highway-env"),
    ("merge-", "highway_env", "highway-env"),
    ("roundabout-", "highway_env", "highway-env"),
    ("intersection-", "highway_env", "highway-env"),
    ("exit-", "highway_env", "highway-env"),
    ("two-way-", "highway_env", "highway-env"),
    ("u-turn-", "highway_env", "highway-env"),
    ("lane-keeping-", "highway_env", "highway-env"),
    ("racetrack-", "highway_env", "highway-env"),
    ("parking-", "highway_env", "highway-env"),
    ("FlappyBird-", "flappy_bird_gymnasium", "flappy-bird-gymnasium"),
    ("Vizdoom", "vizdoom.gymnasium_wrapper", "vizdoom"),
    ("PyFlyt/", "PyFlyt.gym_envs", "PyFlyt"),
    ("Fetch", "gymnasium_robotics", "gymnasium-robotics"),
    ("PointMaze_", "gymnasium_robotics", "gymnasium-robotics"),
    ("AntMaze_", "gymnasium_robotics", "gymnasium-robotics"),
)
"""(how ids begin, the module that registers them, the package to install)."""
_OWN_PACKAGE = __name__.partition(".")[0]


# ----------------------------------------------------------------------------------------------------------- lookups


def plain_id(env_id: str) -> str:
    """The id as it is registered: without the module that registers it."""
    return env_id.rpartition(":")[2]


def find_spec(env_id: str) -> EnvSpec | None:
    """How ``env_id`` is registered; imports what registers it. None where nothing known does.

    Raises :class:`UnsupportedEnvironmentError` where what should register it cannot be imported, or does not.
    """
    if ":" in env_id:
        return _spec_of_module(env_id)
    folder = _Present.folder
    if folder is not None and folder.load(env_id):
        return gym.registry[env_id]
    spec = _registered(env_id)
    if spec is None and _import_well_known(env_id):
        spec = _registered(env_id)
    return spec


def is_own(env_id: str) -> bool:
    """Whether a file of the folder registers ``env_id``, or it names a module that does; imports neither."""
    return ":" in env_id or (_Present.folder is not None and _Present.folder.has(env_id))


def needs_import(env_id: str) -> bool:
    """Whether what registers ``env_id``, if anything does, would first have to be imported.

    Not what a file of the folder registers: whoever put it there offers it; nor what this project registers itself.
    """
    module, colon, plain = env_id.partition(":")
    if colon:
        return module not in sys.modules or plain not in gym.registry
    return env_id not in gym.registry and not is_own(env_id) and not _comes_along(env_id)


def _comes_along(env_id: str) -> bool:
    """Whether a module of this project registers ``env_id``."""
    modules = (module for beginning, module, _ in _WELL_KNOWN if env_id.startswith(beginning))
    return any(module.startswith(f"{_OWN_PACKAGE}.") for module in modules)


def ids_from_elsewhere() -> list[str]:
    """What is registered in this process, less what files of the folder have."""
    folder = _Present.folder
    return [env_id for env_id in list(gym.registry) if folder is None or not folder.has_registered(env_id)]


def source_version(env_id: str) -> object:
    """Something that is another once the code behind the id has changed; the same for all that does not change."""
    folder = _Present.folder
    return None if folder is None or ":" in env_id else folder.version(env_id)


class KeptWhileUnchanged(Generic[Given, Answer]):
    """A function of an environment's id, whose answers are kept until the code behind the id changes."""

    def __init__(self, function: Callable[Concatenate[str, Given], Answer]) -> None:
        functools.update_wrapper(self, function)
        self._kept = functools.lru_cache(maxsize=64)(
            lambda _version, env_id, *args, **kwargs: function(env_id, *args, **kwargs)
        )
        self.cache_clear = self._kept.cache_clear

    def __call__(self, env_id: str, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        """The answer for the environment as it is now."""
        return self._kept(source_version(env_id), env_id, *args, **kwargs)  # type: ignore[arg-type]


def _registered(env_id: str) -> EnvSpec | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Gymnasium's "out of date" note: the person asked for this version
            return gym.spec(env_id)
    except gym.error.Error:
        return None


def _spec_of_module(env_id: str) -> EnvSpec:
    module, _, plain = env_id.partition(":")
    if not all(part.isidentifier() for part in module.split(".")):
        template = mark("{env_id} does not begin with the name of a Python module: write module:Id.")
        raise UnsupportedEnvironmentError(template, env_id=env_id)
    if module not in sys.modules and _Present.looks_first and module not in _Present.seen_modules:
        ((_, found),) = what_they_register([module])
        if found.problem is not None:
            raise found.problem
        _Present.seen_modules.add(module)
    ids = import_module(module)
    spec = _registered(plain)
    if spec is not None:
        return spec
    if not ids:
        template = mark("The module {module} registers no environments.")
        raise UnsupportedEnvironmentError(template, module=module)
    template = mark("The module {module} registers no environment {env_id!r}. It registers: {known}.")
    raise UnsupportedEnvironmentError(template, module=module, env_id=plain, known=", ".join(ids))


def _import_well_known(env_id: str) -> bool:
    """Import the package that brings ``env_id`` along; False where none is known to.

    Raises :class:`UnsupportedEnvironmentError`, with its name, where it is not installed.
    """
    for beginning, module, package in _WELL_KNOWN:
        if env_id.startswith(beginning):
            needed = module.partition(".")[0]
            if importlib.util.find_spec(package.replace("-", "_") if needed == _OWN_PACKAGE else needed) is None:
                template = mark("{env_id} comes with the package {package}: install it (pip install {package}).")
                raise UnsupportedEnvironmentError(template, env_id=env_id, package=package)
            import_module(module)
            return True
    return False


# -------------------------------------------------------------------------------------------- where this process looks


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a process knows of people's own environments, for another one: pickles."""

    folder: Path | None = None
    files: Mapping[str, Path]
    """The file of each id."""


class _Present:
    folder: EnvironmentFolder | None = None
    looks_first = False
    seen_modules: set[str] = set()  # noqa: RUF012  one for the process


def use_folder(path: Path | None, *, looks_first: bool = False) -> None:
    """Look for environments in the files of a folder, which need not exist; None for in none.

    ``looks_first`` is for a server: a module is imported in a process of its own before it is in this one.
    """
    if _Present.folder is not None:
        _Present.folder.close()
    _Present.folder = None if path is None else EnvironmentFolder(path)
    _Present.looks_first = looks_first


def environment_files(wait_s: float = 0.0) -> tuple[EnvironmentFile, ...]:
    """The files in the folder, by name; waits up to ``wait_s`` for those that are being looked at."""
    return () if _Present.folder is None else _Present.folder.files(wait_s)


def present_sources() -> Sources:
    """What this process knows."""
    return Sources(files={}) if _Present.folder is None else _Present.folder.sources()


def adopt_sources(sources: Sources) -> None:
    """Know what another process does, and look at nothing anew."""
    _Present.folder = None if sources.folder is None else EnvironmentFolder(sources.folder, adopted=sources.files)
    _Present.looks_first = False


# ------------------------------------------------------------------------------------------------------- the folder


@dataclass(frozen=True, kw_only=True)
class EnvironmentFile:
    """A file in the folder, as it is now."""

    path: Path
    env_ids: tuple[str, ...] = ()
    problem: UnsupportedEnvironmentError | None = None
    """Why its environments cannot be had."""
    is_pending: bool = False
    """Whether it is being looked at: nothing is known of it yet."""


class EnvironmentFolder:
    """The ``*.py`` of a folder, less those whose names begin with ``_`` or ``.``. Any thread may call any method.

    Parameters
    ----------
    path
        The folder, which need not exist.
    adopted
        The file of each id, from a process that has looked at them; this one then does not.
    """

    def __init__(self, path: Path, adopted: Mapping[str, Path] | None = None) -> None:
        self._path = path.resolve()
        self._adopted = adopted
        self._changed = threading.Condition()
        self._found: dict[Path, Imported] = {}
        self._pending: list[Path] = []
        self._thread: threading.Thread | None = None
        self._loaded: dict[Path, tuple[Imported | None, Imported]] = {}
        """(What was known of each file that is imported here, and what importing it came to.)"""
        self._loading: dict[Path, threading.Lock] = {}

    def files(self, wait_s: float | None = 0.0) -> tuple[EnvironmentFile, ...]:
        """Every file, by name; waits up to ``wait_s`` seconds for those being looked at, None for as long as it takes.

        Of files that register the same id, the first has it.
        """
        with self._changed:
            paths = self._refresh()
            self._changed.wait_for(lambda: not self._pending, wait_s)
            taken: dict[str, Path] = {}
            return tuple(self._file(path, taken) for path in paths)

    def has(self, env_id: str) -> bool:
        """Whether a file registers ``env_id``."""
        return self._path_of(env_id) is not None

    def has_registered(self, env_id: str) -> bool:
        """Whether a file has registered ``env_id`` in this process; it may have changed since."""
        return is_made_in(self._path, env_id) or any(env_id in own.env_ids for _, own in self._loaded.values())

    def load(self, env_id: str) -> bool:
        """Import the file that registers ``env_id``, if one does, unless it is imported already as it is now.

        Raises :class:`UnsupportedEnvironmentError` for a file that had such an environment, and cannot be imported.
        """
        path = self._path_of(env_id)
        if path is None:
            self._forget_former(env_id)
            return False
        with self._changed:
            lock = self._loading.setdefault(path, threading.Lock())
        with lock:
            found, (loaded_as, result) = self._found.get(path), self._loaded.get(path, (None, None))
            if result is None or loaded_as != found:
                if result is not None:
                    forget(Imported(env_ids=result.env_ids, stamps=(loaded_as or result).stamps))
                result = import_file(path)
                self._loaded[path] = (found, result)
            if result.problem is not None:
                raise result.problem
        return env_id in gym.registry

    def version(self, env_id: str) -> object:
        """Another once the file that registers ``env_id`` has changed; None where none does."""
        path = self._path_of(env_id)
        found = None if path is None else self._found.get(path)
        return None if found is None else found.stamps

    def sources(self) -> Sources:
        """What is known by now."""
        if self._adopted is not None:
            return Sources(folder=self._path, files=self._adopted)
        with self._changed:
            files = {env_id: path for path, found in sorted(self._found.items())[::-1] for env_id in found.env_ids}
        return Sources(folder=self._path, files=files)

    def close(self) -> None:
        """Forget what was imported."""
        with self._changed:
            for _found, own in self._loaded.values():
                forget(own)
            self._loaded.clear()
            forget(made_in(self._path))
        with contextlib.suppress(ValueError):
            sys.path.remove(str(self._path))

    def _forget_former(self, env_id: str) -> None:
        """Forget the file that registered ``env_id`` before it changed, or was removed."""
        with self._changed:
            for path, (_found, own) in list(self._loaded.items()):
                if env_id in own.env_ids:
                    del self._loaded[path]
                    forget(own)

    def _path_of(self, env_id: str) -> Path | None:
        if self._adopted is not None:
            return self._adopted.get(env_id)
        if env_id in gym.registry and not self.has_registered(env_id):
            return None  # Gymnasium's, or a package's: nothing has to be looked at
        with self._changed:
            while True:
                files = self.files()
                path = next((each.path for each in files if env_id in each.env_ids), None)
                if path is not None or not any(each.is_pending for each in files):
                    return path
                if not self._changed.wait(_LONG_WAIT_S):
                    _LOG.warning("Still importing %s", ", ".join(each.path.name for each in files if each.is_pending))

    def _file(self, path: Path, taken: dict[str, Path]) -> EnvironmentFile:
        found = self._found.get(path)
        if found is None or path in self._pending:
            return EnvironmentFile(path=path, is_pending=True)
        own, problem = [], found.problem
        for env_id in found.env_ids:
            if taken.setdefault(env_id, path) == path:
                own.append(env_id)
            else:
                problem = taken_problem(path, env_id, taken[env_id])
        return EnvironmentFile(path=path, env_ids=tuple(own), problem=problem)

    def _refresh(self) -> list[Path]:
        """The paths of all files; those that are new or have changed are looked at from now on."""
        stamps = stamps_in(self._path)
        paths = [Path(name) for name in stamps if not Path(name).name.startswith("_")]
        for gone in [path for path in self._found if path not in paths]:
            del self._found[gone]
        for path in paths:
            found = self._found.get(path)
            if path not in self._pending and (found is None or not _is_present(found, stamps)):
                self._pending.append(path)
        if self._pending and self._thread is None:
            self._thread = threading.Thread(target=self._look, name="environment-files", daemon=True)
            self._thread.start()
        return paths

    def _look(self) -> None:
        """Look at what is pending until nothing is."""
        try:
            while (paths := self._to_look_at()) is not None:
                for name, found in what_they_register(list(map(str, paths))):
                    if found.problem is not None:
                        _LOG.warning("%s", found.problem)
                    with self._changed:
                        self._found[Path(name)] = found
                        self._pending.remove(Path(name))
                        self._changed.notify_all()
        finally:  # whatever it was, nobody waits for ever
            with self._changed:
                self._found |= {path: Imported(problem=_not_looked_at(path)) for path in self._pending}
                self._pending, self._thread = [], None
                self._changed.notify_all()

    def _to_look_at(self) -> list[Path] | None:
        """What is pending; None, and the end of the thread, where nothing is."""
        with self._changed:
            self._pending = [path for path in self._pending if path.exists()]
            self._changed.notify_all()
            if self._pending:
                return self._pending.copy()
            self._thread = None
            return None


def _not_looked_at(path: Path) -> UnsupportedEnvironmentError:
    return UnsupportedEnvironmentError(mark("{file} cannot be looked at: see the log."), file=path.name)


def _is_present(found: Imported, stamps: Mapping[str, tuple[int, int]]) -> bool:
    """Whether the files are those that were found: for a problem all in the folder, for any new one may solve it."""
    if found.problem is not None and len(found.stamps) != 1:
        return found.stamps == tuple((name, *stamp) for name, stamp in stamps.items())
    return all(stamps.get(name) == (date, size) for name, date, size in found.stamps)
