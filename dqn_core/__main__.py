"""``python -m dqn_core``: the command line."""

import contextlib
import os
import sys

from dqn_core.cli.main import main

if __name__ == "__main__":
    status = main()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        os.dup2(2, 1)  # what an environment says while the interpreter ends is no result either
    raise SystemExit(status)
