"""Modules as one script: what imports what, in order, and a refusal of what is not understood."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pages.server.one_script import one_script
from scripts.browser_code import MissingToolError, node


def written(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def run(script: str) -> str:
    try:
        command = node()
    except MissingToolError as missing:
        pytest.skip(str(missing))
    done = subprocess.run([*command, "-"], input=script, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_modules_run_in_the_order_in_which_they_need_each_other(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        room__entry='import Base, { two } from "../shared/base.js";\nimport {\n  three,\n  two as again,\n} from '
        '"./other.js";\nconst mine = 1;\nconsole.log(new Base().value, two, three(), again, mine);\n',
        room__other='import { two as deux } from "../shared/base.js";\nconst mine = 3;\n'
        "export async function unused() {}\nexport function three() {\n  return mine;\n}\n"
        "export const two = deux + 20;\n",
        shared__base="const mine = 5;\nexport default class Base {\n  value = mine;\n}\nexport const two = 2;\n",
    )
    script = one_script(folder, "room/entry.js")
    assert script.count("class Base") == 1
    assert run(script) == "5 2 3 22 1"


@pytest.mark.parametrize(
    "text",
    [
        'import * as all from "./other.js";\n',
        'import "./other.js";\n',
        'export * from "./other.js";\n',
        "const a = 1;\nexport { a };\n",
        "const a = '</script>';\n",
        'import { entry } from "./entry.js";\nexport const a = entry;\n',
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path, entry=text, other="export const b = 1;\n")
    with pytest.raises(ValueError, match="entry"):
        one_script(folder, "entry.js")
