"""Find a Chromium for the browser tests, and print its path.

    python scripts/find_chromium.py              look only
    python scripts/find_chromium.py --install    look, and install one where there is none

Looked for, in this order: ``$DQN_LAB_CHROMIUM``, the PATH, macOS' applications, Playwright's own folder. Installed:
Debian's package where apt-get and root are there, else Playwright's own build. A browser counts only when it starts
and tells its version: Ubuntu's ``chromium`` package, for one, is a stand-in that does nothing in a container.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MACOS_PATHS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
NOT_FOUND = """\
No Chromium that starts was found, so the browser tests cannot run. Do one of these:
  make chromium                                installs one (Debian's package for root, else Playwright's build)
  apt-get install chromium                     Debian, as root; any Chromium or Chrome on the PATH will do
  DQN_LAB_CHROMIUM=/path/to/chrome make test   names one that lies elsewhere"""


class NoChromiumError(Exception):
    """There is no Chromium that starts; the text says what to do."""


def find_chromium() -> Path:
    """Path of a Chromium that starts; raises :class:`NoChromiumError` where there is none."""
    for path in _candidates():
        if _starts(path):
            return path
    if "DQN_LAB_CHROMIUM" in os.environ:
        named = os.environ["DQN_LAB_CHROMIUM"]
        msg = f"DQN_LAB_CHROMIUM names {named}, which is no Chromium that starts: correct it, or unset it."
        raise NoChromiumError(msg)
    raise NoChromiumError(NOT_FOUND)


def install_chromium() -> Path:
    """Install a Chromium in the first way that works and give its path; raises :class:`NoChromiumError`."""
    for commands in _ways_to_install():
        _say("Installing a Chromium: " + " && ".join(map(" ".join, commands)))
        if all(_succeeds(command) for command in commands):
            try:
                return find_chromium()
            except NoChromiumError:
                _say("It does not start here.")
    raise NoChromiumError(NOT_FOUND)


def _candidates() -> Iterator[Path]:
    if "DQN_LAB_CHROMIUM" in os.environ:
        yield Path(os.environ["DQN_LAB_CHROMIUM"])
        return
    for name in NAMES:
        found = shutil.which(name)
        if found:
            yield Path(found)
    yield from map(Path, MACOS_PATHS)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        executable = playwright.chromium.executable_path
    yield Path(executable)


def _starts(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "Chrom" in answer.stdout


def _ways_to_install() -> Iterator[list[list[str]]]:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root and shutil.which("apt-get"):
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
        yield [["apt-get", "update", "--quiet"], install]
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    yield [[*playwright, "--with-deps"] if is_root else playwright]


def _succeeds(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # What an installer says goes to stderr: stdout is for the path alone.
    try:
        return subprocess.run(command, stdout=sys.stderr, env=environment, check=False).returncode == 0
    except OSError as error:
        _say(f"{command[0]}: {error}")
        return False


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Print the path, or exit with a text that says what to do."""
    parser = argparse.ArgumentParser(description="Find a Chromium for the browser tests, and print its path.")
    parser.add_argument("--install", action="store_true", help="install one where there is none")
    wanted = parser.parse_args()
    try:
        print(find_chromium())
    except NoChromiumError as error:
        if not wanted.install or "DQN_LAB_CHROMIUM" in os.environ:
            sys.exit(str(error))
        try:
            print(install_chromium())
        except NoChromiumError as failure:
            sys.exit(str(failure))


if __name__ == "__main__":
    main()
