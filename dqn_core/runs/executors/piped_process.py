"""A Python process of our own, with a pipe for what goes in and one for what comes out.

It is a process of its own rather than one of :mod:`multiprocessing`, which would import the server's main module (all
of Streamlit, or a person's script that starts runs, to start them again) into each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["start_piped", "take_connections"]

_PROGRAM = """\
import sys
sys.path[:] = sys.argv[2:]
import importlib
importlib.import_module(sys.argv[1]).main()
"""


def start_piped(module: str) -> tuple[subprocess.Popen[bytes], Connection[Any, Any], Connection[Any, Any]]:
    """Run ``main()`` of ``module`` in a new process: (the process, what goes in, what comes out).

    Raises :class:`OSError` where no process can be started.
    """
    its_input, goes_in = Pipe(duplex=False)
    comes_out, its_output = Pipe(duplex=False)
    with its_input, its_output:
        process = subprocess.Popen(  # noqa: S603  this very interpreter
            [sys.executable, "-c", _PROGRAM, module, *(path or os.getcwd() for path in sys.path)],  # noqa: PTH109  of str
            stdin=its_input.fileno(),
            stdout=its_output.fileno(),
            start_new_session=True,  # Ctrl-C in the terminal reaches the server alone
        )
    return process, goes_in, comes_out


def take_connections() -> tuple[Connection[Any, Any], Connection[Any, Any]]:
    """In such a process, (what comes in, what goes out); what an environment prints goes where errors go instead."""
    incoming = Connection(os.dup(sys.__stdin__.fileno()), writable=False)  # type: ignore[union-attr]
    outgoing = Connection(os.dup(sys.__stdout__.fileno()), readable=False)  # type: ignore[union-attr]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing
