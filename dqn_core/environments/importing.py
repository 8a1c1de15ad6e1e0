"""Modules imported for what they register with Gymnasium: in this process, or, to see what comes of it, in another.

Importing is running other people's code: it may raise, hang, or end its process.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from dqn_core.errors import UnsupportedEnvironmentError, mark
from dqn_core.json_text import json_text

__all__ = [
    "NAMESPACE",
    "Imported",
    "forget",
    "import_file",
    "import_module",
    "is_made_in",
    "made_in",
    "report_what_is_imported",
    "stamps_in",
    "taken_problem",
    "what_they_register",
]

NAMESPACE = "Own"
"""Of the environments that are registered for people who did not do it themselves."""

_LONGEST_IMPORT_S = 30.0
_PROGRAM = """\
import sys
sys.path[:] = sys.argv[1:]
from dqn_core.environments.importing import report_what_is_imported
report_what_is_imported()
"""
_ids_of_modules: dict[str, tuple[str, ...]] = {}

Stamps = tuple[tuple[str, int, int], ...]
"""(path, date of change, bytes) of each file that a file's environments are made of."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What importing a file or a module came to."""

    env_ids: tuple[str, ...] = ()
    """What it registers."""
    problem: UnsupportedEnvironmentError | None = None
    """Why it cannot be imported."""
    stamps: Stamps = ()
    """Of a file: the files that it is made of, or for a problem all in its folder, as they were."""


def stamps_in(folder: Path) -> dict[str, tuple[int, int]]:
    """(date of change, bytes) of each ``*.py`` in the folder, by path, in the order of names."""
    stamps = {}
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob("[!.]*.py")):
            with contextlib.suppress(OSError):
                status = path.stat()
                stamps[str(path)] = (status.st_mtime_ns, status.st_size)
    return stamps


# --------------------------------------------------------------------------------------------- imported in this process


class _Source(importlib.machinery.SourceFileLoader):
    """Compiles the file as it is now: Python's compiled copies may be of what it was within the same second."""

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_file(path: Path) -> Imported:
    """Import a file of the folder, and register what it does not register itself."""
    folder, name = path.parent, path.stem
    before = stamps_in(folder)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # at its end: no file there takes the place of a module that others need
    importlib.invalidate_caches()
    problem = _name_problem(name, path)
    if problem is not None:
        return Imported(problem=problem, stamps=_all(before))
    forget(Imported(env_ids=tuple(_ids_of(name)), stamps=((str(path), 0, 0),)))  # another file may have imported it
    ids, error = _registered_by(lambda: _executed(name, path), folder)
    if error is not None:
        return Imported(problem=_import_problem(path, error), stamps=_all(before))
    parts = {str(path), *_module_files(folder)}
    return Imported(env_ids=ids, stamps=tuple((part, *before[part]) for part in sorted(parts) if part in before))


def _executed(name: str, path: Path) -> ModuleType:
    loader = _Source(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None  # noqa: S101  a loader was given
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def import_module(name: str) -> tuple[str, ...]:
    """Import a module, and register what it does not; the ids. Raises :class:`UnsupportedEnvironmentError`."""
    if name not in _ids_of_modules:
        was_imported = name in sys.modules  # because it is preloaded, say
        ids, error = _registered_by(lambda: importlib.import_module(name))
        if error is not None:
            raise _module_problem(name, error) from error
        _ids_of_modules[name] = (*_ids_of(name), *ids) if was_imported else ids
    return _ids_of_modules[name]


def _registered_by(
    run: Callable[[], ModuleType], folder: Path | None = None
) -> tuple[tuple[str, ...], BaseException | None]:
    """(Ids of what the module that ``run`` imports registers, or what it raised).

    What was registered before stays as it is. A module of ``folder`` answers for what it registers itself, not for what
    other modules do that it imports: those of the folder register nothing until they are wanted themselves.
    """
    before = dict(gym.registry)
    error: BaseException | None = None
    module: ModuleType | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = run()
            _register_classes(module, _new_since(before).values())
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # noqa: BLE001  also SystemExit: it is other people's code
        error = raised
    ids = []
    for env_id, spec in _new_since(before).items():
        maker, former = _maker(spec), before.get(env_id)
        if folder is not None and not _answers_for(module, env_id, maker, folder):
            if (folder / f"{maker}.py").exists():
                _put_back(env_id, former)
        elif former is not None and _maker(former) != maker:
            _put_back(env_id, former)
            if folder is None or not (folder / f"{_maker(former)}.py").exists():
                error = error or _ReplacesError(env_id)
        else:
            ids.append(env_id)
    if error is None:
        return tuple(ids), None
    for env_id in ids:
        _put_back(env_id, before.get(env_id))
    return (), error


def _answers_for(module: ModuleType | None, env_id: str, maker: str, folder: Path) -> bool:
    """Whether it is ``module``, a file of ``folder``, that registers ``env_id``, which ``maker`` makes."""
    if module is None or maker == module.__name__:
        return module is not None
    is_said, is_said_by_maker = (
        path.exists() and env_id in path.read_text("utf-8", "replace")
        for path in (Path(str(module.__file__)), folder / f"{maker}.py")
    )
    return is_said and not is_said_by_maker


def _put_back(env_id: str, spec: EnvSpec | None) -> None:
    if spec is None:
        gym.registry.pop(env_id, None)
    else:
        gym.registry[env_id] = spec


def _new_since(before: Mapping[str, EnvSpec]) -> dict[str, EnvSpec]:
    return {env_id: spec for env_id, spec in gym.registry.items() if before.get(env_id) is not spec}


class _ReplacesError(Exception):
    """An id is registered that something else has registered before."""


def _register_classes(module: ModuleType, registered: Iterable[EnvSpec]) -> None:
    """Register each class of the module that is an environment and that nothing of ``registered`` makes."""
    made = {each.entry_point if isinstance(each.entry_point, str) else id(each.entry_point) for each in registered}
    for name, value in list(vars(module).items()):
        if (
            inspect.isclass(value)
            and issubclass(value, gym.Env)
            and not issubclass(value, gym.Wrapper)
            and (value.__module__, value.__name__) == (module.__name__, name)
            and not name.startswith("_")
            and value.step is not gym.Env.step
            and not inspect.isabstract(value)
            and made.isdisjoint({id(value), f"{module.__name__}:{name}"})
            and f"{NAMESPACE}/{name}-v0" not in gym.registry
        ):
            maker: Any = value
            gym.register(f"{NAMESPACE}/{name}-v0", maker)


def _maker(spec: EnvSpec) -> str:
    """The module that what makes the environment is in."""
    if isinstance(spec.entry_point, str):
        return spec.entry_point.partition(":")[0]
    return str(getattr(spec.entry_point, "__module__", ""))


def _ids_of(module: str) -> list[str]:
    """What is registered and made by ``module``, or by a part of it."""
    return [env_id for env_id, spec in gym.registry.items() if f"{_maker(spec)}.".startswith(f"{module}.")]


def _name_problem(name: str, path: Path) -> UnsupportedEnvironmentError | None:
    """What is wrong with the file's name, if anything is: it must not take another module's place."""
    if "." in name:
        template = mark("{file} has a dot in its name: rename the file.")
        return UnsupportedEnvironmentError(template, file=path.name)
    try:
        known = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        known = None
    if known is not None and known.origin != str(path):
        template = mark("{file} has the name of a module that Python or a package has already: rename the file.")
        return UnsupportedEnvironmentError(template, file=path.name)
    return None


def _module_files(folder: Path) -> Iterator[str]:
    """Files of the folder that are imported."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).parent == folder:
            yield file


def forget(found: Imported) -> None:
    """Let files be imported again, and what they register be registered again."""
    for env_id in found.env_ids:
        gym.registry.pop(env_id, None)
    files = {name for name, _date, _size in found.stamps}
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in files:
            del sys.modules[name]


def made_in(folder: Path) -> Imported:
    """What files of the folder have registered in this process, and what is imported of them."""
    ids = tuple(env_id for env_id in gym.registry if is_made_in(folder, env_id))
    return Imported(env_ids=ids, stamps=tuple((name, 0, 0) for name in _module_files(folder)))


def is_made_in(folder: Path, env_id: str) -> bool:
    """Whether a file of the folder makes what is registered under the id."""
    spec = gym.registry.get(env_id)
    return spec is not None and (folder / f"{_maker(spec)}.py").exists()


def _all(stamps: Mapping[str, tuple[int, int]]) -> Stamps:
    return tuple((name, *stamp) for name, stamp in stamps.items())


# ---------------------------------------------------------------------------------------------- what cannot be imported


def _import_problem(path: Path, error: BaseException) -> UnsupportedEnvironmentError:
    if isinstance(error, _ReplacesError):
        template = mark("{file} registers {env_id}, which exists already: register it under another id.")
        return UnsupportedEnvironmentError(template, file=path.name, env_id=error.args[0])
    if isinstance(error, ModuleNotFoundError) and error.name == "gym":
        template = mark("{file} imports gym, which Gymnasium has replaced: write import gymnasium as gym.")
        return UnsupportedEnvironmentError(template, file=path.name)
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        template = mark("{file} imports {module}, which is not installed here (line {line}).")
        return UnsupportedEnvironmentError(template, file=path.name, module=error.name, line=_line(path, error))
    template = mark("{file} cannot be imported (line {line}, {kind}: {cause}).")
    kind, cause = type(error).__name__, error.msg if isinstance(error, SyntaxError) else error
    return UnsupportedEnvironmentError(template, file=path.name, line=_line(path, error), kind=kind, cause=cause)


def _line(path: Path, error: BaseException) -> int:
    """The line of the file in which it was, in the end."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(path)]
    return lines[-1] if lines else 1


def _module_problem(name: str, error: BaseException) -> UnsupportedEnvironmentError:
    if isinstance(error, _ReplacesError):
        template = mark("The module {module} registers {env_id}, which exists already.")
        return UnsupportedEnvironmentError(template, module=name, env_id=error.args[0])
    if isinstance(error, ModuleNotFoundError) and error.name is not None and f"{name}.".startswith(f"{error.name}."):
        template = mark(
            "There is no module {module} here: install its package, or start the program in the folder that it is in."
        )
        return UnsupportedEnvironmentError(template, module=name)
    template = mark("The module {module} cannot be imported ({kind}: {cause}).")
    return UnsupportedEnvironmentError(template, module=name, kind=type(error).__name__, cause=error)


def taken_problem(path: Path, env_id: str, other: Path) -> UnsupportedEnvironmentError:
    """What is wrong with a file that registers what another registers."""
    template = mark("{file} registers {env_id}, which {other} has already: give the class, or the id, another name.")
    return UnsupportedEnvironmentError(template, file=path.name, env_id=env_id, other=other.name)


# ----------------------------------------------------------------------------------- imported in a process of their own


def what_they_register(names: Sequence[str]) -> Iterator[tuple[str, Imported]]:
    """Each of ``names``, files (their paths) or modules, with what importing it came to, in their order.

    One process imports all of them; where one hangs or ends it, another goes on behind that one.
    """
    left = list(names)
    while left:
        try:
            process = subprocess.Popen(  # noqa: S603  this very interpreter
                [sys.executable, "-c", _PROGRAM, *(path or os.getcwd() for path in sys.path)],  # noqa: PTH109  of str
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            template = mark("No process can be started ({cause}): close programs, and try again.")
            yield from ((name, Imported(problem=UnsupportedEnvironmentError(template, cause=error))) for name in left)
            return
        try:
            for found in _heard(process, tuple(left)):
                yield left.pop(0), found
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and those that were started in it."""
    if os.name == "posix":
        with contextlib.suppress(OSError):  # it has ended
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _heard(process: subprocess.Popen[bytes], names: Sequence[str]) -> Iterator[Imported]:
    """What the process says of each name, up to the one that it does not come back from."""
    assert process.stdin is not None  # noqa: S101  both are pipes
    assert process.stdout is not None  # noqa: S101
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process.stdout, lines), name=f"import-{process.pid}", daemon=True).start()
    with contextlib.suppress(OSError):
        process.stdin.write(json_text(list(names)).encode())
        process.stdin.close()
    for name in names:
        try:
            line = lines.get(timeout=_LONGEST_IMPORT_S)
        except queue.Empty:
            template = mark(
                "{file} hangs: importing it took more than {seconds} seconds. Let it only define and register "
                "environments."
            )
            problem = UnsupportedEnvironmentError(template, file=_name(name), seconds=round(_LONGEST_IMPORT_S))
            yield Imported(problem=problem, stamps=_stamps_of(name))
            return
        if not line:
            template = mark("{file} ended its process when it was imported (exit status {status}).")
            problem = UnsupportedEnvironmentError(template, file=_name(name), status=process.wait())
            yield Imported(problem=problem, stamps=_stamps_of(name))
            return
        yield _read_back(json.loads(line))


def _read(pipe: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    with pipe, contextlib.suppress(OSError):
        for line in pipe:
            lines.put(line)
    lines.put(b"")


def _name(name: str) -> str:
    return Path(name).name


def _stamps_of(name: str) -> Stamps:
    return tuple(each for each in _all(stamps_in(Path(name).parent)) if each[0] == name)


def _read_back(values: Mapping[str, Any]) -> Imported:
    problem = values["problem"]
    return Imported(
        env_ids=tuple(values["env_ids"]),
        problem=None if problem is None else UnsupportedEnvironmentError(problem[0], **problem[1]),
        stamps=tuple((name, date, size) for name, date, size in values["stamps"]),
    )


def report_what_is_imported() -> None:
    """The program of such a process: imports what is named on stdin, one after another, and says what came of each."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what they print is none of this
    names = json.loads(sys.stdin.buffer.read())
    sys.stdin.close()
    for name in names:
        found = _tried(name)
        problem = None if found.problem is None else (found.problem.template, found.problem.parameters)
        out.write(json_text({"env_ids": found.env_ids, "problem": problem, "stamps": found.stamps}) + "\n")
        out.flush()
    os._exit(0)  # whatever threads they started


def _tried(name: str) -> Imported:
    if not name.endswith(".py"):
        try:
            return Imported(env_ids=import_module(name))
        except UnsupportedEnvironmentError as problem:
            return Imported(problem=problem)
    found = import_file(Path(name))
    forget(
        Imported(env_ids=found.env_ids, stamps=_all(stamps_in(Path(name).parent)))
    )  # so that each tells of all that it is made of
    return found
