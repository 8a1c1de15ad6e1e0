"""Make a virtual environment: ``python3 scripts/make_venv.py .venv``.

It runs under whatever ``python3`` a machine has, so it is written for old versions too: one that is too old gets a
sentence, not a syntax error. Debian and Ubuntu ship Python without ``ensurepip``; there the environment is made
without pip, and the pip of the system puts one into it.
"""

import os
import subprocess
import sys

OLDEST = (3, 11)
TOO_OLD = """\
DQN Lab needs Python %d.%d or newer, and %s is Python %d.%d.
Install a newer one and name it: make app PYTHON=/path/to/python3"""
NO_VENV = """\
%s can make no virtual environment with pip in it: it lacks venv, or both ensurepip and pip.
Install one of them (Debian, Ubuntu: apt-get install python3-venv) and run the same command again."""
LINKED = """\
%s is a link to %s, where no environment is. Remove the link and run the same command again."""


def main(folder):
    """Make the environment in ``folder`` anew, or exit with a sentence that says what is missing."""
    if os.path.islink(folder):  # another checkout may use it too: made anew, it would be empty for both
        if not os.path.exists(os.path.join(folder, "bin", "python")):
            sys.exit(LINKED % (folder, os.path.realpath(folder)))
        print("Using the virtual environment that %s links to." % folder)
        return
    if sys.version_info < OLDEST:
        sys.exit(TOO_OLD % (OLDEST + (sys.executable,) + sys.version_info[:2]))
    print("Making a virtual environment in %s with Python %d.%d ..." % ((folder,) + sys.version_info[:2]), flush=True)
    venv = [sys.executable, "-m", "venv", "--clear", folder]
    if not _can_import("venv"):
        sys.exit(NO_VENV % sys.executable)
    if _can_import("ensurepip"):
        subprocess.check_call(venv)
    elif _can_import("pip"):
        subprocess.check_call(venv + ["--without-pip"])
        inner = os.path.join(folder, "bin", "python")
        subprocess.check_call([sys.executable, "-m", "pip", "--python", inner, "install", "--quiet", "pip"])
    else:
        sys.exit(NO_VENV % sys.executable)


def _can_import(name):
    with open(os.devnull, "w") as nowhere:
        return subprocess.call([sys.executable, "-c", "import " + name], stderr=nowhere) == 0


if __name__ == "__main__":
    main(sys.argv[1])
