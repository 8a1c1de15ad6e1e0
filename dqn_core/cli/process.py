"""What the commands share: stdout holds the result alone, signals end a command in good order, whose weights count."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from dqn_core.config import Arguments, TrainingConfig

if TYPE_CHECKING:
    from dqn_core.training.run_folder import RunFolder

__all__ = [
    "ARGUMENTS_BY_NAME",
    "database_setting",
    "find_environments",
    "on_stop",
    "parsed_config",
    "preloaded_modules",
    "print_anything",
    "signals_unwind",
    "stdout_for_result",
    "weights_or_last",
]

_FIELDS = "Every field of the config; what is not given is the preset's."
_FORMULA = "--reward-formula"
ARGUMENTS_BY_NAME = ConstructorRegistry()
"""Has tyro read fields of the kind :class:`Arguments`: ``--env-kwargs gravity=-5 enable_wind=true``."""


@ARGUMENTS_BY_NAME.primitive_rule
def _arguments(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    if info.type is not Arguments:
        return None
    return PrimitiveConstructorSpec(
        nargs="*",
        metavar="NAME=VALUE",
        instance_from_str=Arguments.parsed,
        is_instance=lambda value: isinstance(value, Arguments),
        str_from_instance=lambda value: [str(value)] if value else [],
    )


def parsed_config(start_from: TrainingConfig, arguments: Sequence[str], program: str) -> TrainingConfig:
    """``start_from`` with the fields that command-line ``arguments`` give in place of its own.

    Raises :class:`~dqn_core.errors.ConfigError` for one that is not valid.
    """
    given: list[str] = []
    for each in arguments:
        if given and given[-1] == _FORMULA:
            given[-1] = f"{_FORMULA}={each}"  # a formula may begin with a minus, as an option does
        else:
            given.append(each)
    return tyro.cli(
        TrainingConfig,
        default=start_from,
        args=given,
        prog=program,
        description=_FIELDS,
        registry=ARGUMENTS_BY_NAME,
    )


_STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows knows no SIGHUP
_SIGNALLED = 128
"""Exit status of a process that a signal ended, less the signal's number."""


@contextlib.contextmanager
def on_stop(ask: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C, SIGTERM or SIGHUP calls ``ask``, which is to bring the work to its end; a second Ctrl-C breaks off.

    A second SIGTERM does not: ``timeout`` and others send it to a process and to its group, so that it comes twice.
    """

    def stop(number: int, _frame: Any) -> None:
        ask()
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    with _handled(stop):
        yield


@contextlib.contextmanager
def signals_unwind() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command as Ctrl-C does: what it holds is closed, what it was making is removed."""

    def unwind(number: int, _frame: Any) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(_SIGNALLED + number)

    with _handled(unwind):
        yield


@contextlib.contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's alone
        return
    before = {}
    for each in _STOP_SIGNALS:
        if each == signal.SIGINT or signal.getsignal(each) is not signal.SIG_IGN:  # under nohup, SIGHUP stays ignored
            before[each] = signal.signal(each, handler)
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)


@contextlib.contextmanager
def stdout_for_result() -> Iterator[Callable[[str], None]]:
    """Gives the function that prints the command's result; what anything else prints meanwhile goes to stderr.

    An environment is other people's code, and may print, from Python or from C.
    """
    with contextlib.ExitStack() as stack:
        if _is_process_stdout(sys.stdout):
            out = _own_copy_of_stdout(stack)
        else:  # somebody reads along, a test say: there is no descriptor to turn round
            out = sys.stdout
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))

        def say(text: str) -> None:
            out.write(f"{text}\n")
            out.flush()

        yield say


def _own_copy_of_stdout(stack: contextlib.ExitStack) -> TextIO:
    """A stream to where stdout leads, which from now on leads to stderr until ``stack`` is left."""
    sys.stdout.flush()
    kept = os.dup(1)
    out = stack.enter_context(os.fdopen(kept, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors))

    def restore() -> None:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os.dup2(kept, 1)

    stack.callback(restore)
    os.dup2(2, 1)
    return out


def _is_process_stdout(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1 and os.fstat(2) is not None
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return False


def print_anything() -> None:
    """Let stdout and stderr take every character: one that their encoding does not know is written as its escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def find_environments() -> None:
    """Let people's own environments be found: in the present folder, in the data folder, in modules to preload.

    Raises :class:`~dqn_core.errors.DqnLabError` for a module of ``DQN_LAB_PRELOAD`` that cannot be imported.
    """
    from dqn_core.environments.own import use_folder
    from dqn_core.runs.executors.worker_process import import_modules

    if not {"", str(Path.cwd())} & set(sys.path):
        sys.path.append(str(Path.cwd()))
    use_folder(Path(os.environ.get("DQN_LAB_DATA") or "data") / "environments")
    with stdout_for_result():
        import_modules(preloaded_modules())


def database_setting() -> str | None:
    """Address of the database in ``DQN_LAB_DATABASE``; None for the file in a data folder."""
    return os.environ.get("DQN_LAB_DATABASE") or None


def preloaded_modules() -> tuple[str, ...]:
    """The modules named in ``DQN_LAB_PRELOAD``, because they register environments."""
    names = os.environ.get("DQN_LAB_PRELOAD", "").split(",")
    return tuple(name.strip() for name in names if name.strip())


def weights_or_last(folder: RunFolder, wanted: str | None) -> str:
    """The snapshot to take: the one ``wanted``, or the best, or, with a word about it, the last."""
    if wanted is not None:
        return wanted
    if folder.has_snapshot("best") or not folder.has_snapshot("last"):
        return "best"
    print("This run was never evaluated and has no best weights: its last ones are taken.", file=sys.stderr)
    return "last"
