"""Find an nginx for the tests of proxies, and print its path.

    python scripts/find_nginx.py              look only
    python scripts/find_nginx.py --install    look, and install Debian's package where there is none and root may

Without one those tests are skipped: the lab itself needs none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
"""Where it lies on machines on which the PATH of ordinary users does not lead there."""
NOT_FOUND = """\
No nginx was found, so the tests behind a real proxy are skipped. Do one of these:
  apt-get install nginx-light openssl     Debian, as root
  brew install nginx                      macOS"""


def find_nginx() -> Path | None:
    """Path of an nginx that starts; None where there is none."""
    found = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS]))
    if found is None or subprocess.run([found, "-v"], capture_output=True, check=False).returncode:
        return None
    return Path(found)


def install_nginx() -> Path | None:
    """Install Debian's package and give its path; None where that cannot be done."""
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    # Debian starts what it installs: not here, where port 80 may be another's.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "nginx-light", "openssl"]
    for command in (["apt-get", "update", "--quiet"], install):
        subprocess.run(command, stdout=sys.stderr, env=environment, check=False)
    return find_nginx()


def main() -> None:
    """Print the path, or say that there is none."""
    parser = argparse.ArgumentParser(description="Find an nginx for the tests of proxies, and print its path.")
    parser.add_argument("--install", action="store_true", help="install one where there is none")
    found = find_nginx() or (install_nginx() if parser.parse_args().install else None)
    print(found or NOT_FOUND, file=sys.stdout if found else sys.stderr)


if __name__ == "__main__":
    main()
