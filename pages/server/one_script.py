"""A module and all that it imports as one script, for a page that is a file by itself."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

__all__ = ["one_script"]

_IMPORT = re.compile(
    r"""^import\s+(?P<default>\w+)?\s*,?\s*(?P<names>\{[^}]*\})?\s*from\s+"(?P<path>[^"]+)";\n""", re.MULTILINE
)
_EXPORT = re.compile(
    r"^export (?P<default>default )?(?=(?:async )?(?:class|function|const|let) (?P<name>\w+))", re.MULTILINE
)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def one_script(folder: Path, entry: str) -> str:
    """The module ``entry`` of ``folder`` with everything that it imports, which must be files of the folder too.

    Each module becomes a function that is called once, in the order in which they need each other. Imports by name and
    exports of declarations are understood: :class:`ValueError` for others.
    """
    done: dict[str, str] = {}
    _add(folder, PurePosixPath(entry), done, ())
    script = "".join(done.values())
    if "</script" in script or "<!--" in script:
        message = f"{entry}: what ends a script cannot stand in it"
        raise ValueError(message)
    return f'"use strict";\n{script}'


def _add(folder: Path, path: PurePosixPath, done: dict[str, str], within: tuple[PurePosixPath, ...]) -> None:
    if str(path) in done:
        return
    if path in within:
        message = f"{path} imports itself by way of {within[-1]}"
        raise ValueError(message)
    source = (folder / path).read_text("utf-8")
    lines = []
    for found in _IMPORT.finditer(source):
        needed = _beside(path, found["path"])
        _add(folder, needed, done, (*within, path))
        names = re.sub(r"(\w+)\s+as\s+(\w+)", r"\1: \2", found["names"] or "{}").strip("{} \n")
        if found["default"]:
            names = f"default: {found['default']}, {names}".rstrip(", ")
        lines.append(f"const {{ {' '.join(names.split())} }} = {_name(needed)};")
    exported = [(f"default: {each['name']}" if each["default"] else each["name"]) for each in _EXPORT.finditer(source)]
    code = _EXPORT.sub("", _IMPORT.sub("", source))
    if left := _LEFT.search(code):
        message = f"{path}: {left[0]!r} is neither an import by name nor an export of a declaration"
        raise ValueError(message)
    head, result = "\n".join(lines), ", ".join(exported)
    done[str(path)] = f"const {_name(path)} = (() => {{\n{head}\n{code}\nreturn {{ {result} }};\n}})();\n"


def _beside(path: PurePosixPath, address: str) -> PurePosixPath:
    """The path of what the module at ``path`` imports from ``address``."""
    parts: list[str] = list(path.parent.parts)
    for part in PurePosixPath(address).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _name(path: PurePosixPath) -> str:
    return "m_" + re.sub(r"\W", "_", str(path.with_suffix("")))
