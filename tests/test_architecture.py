"""The shape of the project: imports point down and never in a circle, light modules stay light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from importlinter.api import read_configuration

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("gymnasium", "numba", "pandas", "plotly", "ray", "sqlalchemy", "streamlit", "torch")


def _loaded_after(statement: str) -> set[str]:
    """Top-level names of the heavy packages that a fresh interpreter has loaded after ``statement``."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100, check=True
    )
    return set(json.loads(answer.stdout))


def test_every_import_contract_is_kept() -> None:
    # In a process of its own: import-linter configures logging for all, and other tests look at what is logged.
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))",
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_contracts_cover_every_room() -> None:
    contracts = {each["id"]: each for each in read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]}
    assert set(contracts) >= {
        "rooms",
        "pages-above-core",
        "server-on-top",
        "plotly",
        "ray",
        "sqlalchemy",
        "torch-numba",
    }


def _imports(modules: dict[str, Path]) -> dict[str, set[str]]:
    """By module, the others that it names in any import: at its top, in a function, or for type checkers alone."""
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                named.update(each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                named.update({node.module, *(f"{node.module}.{each.name}" for each in node.names)})
        graph[module] = named & set(modules) - {module}
    return graph


def _modules(root: Path) -> dict[str, Path]:
    paths = [root / "app.py", *(root / "dqn_core").rglob("*.py"), *(root / "pages").rglob("*.py")]
    names = {path: path.relative_to(root).with_suffix("").parts for path in paths if path.exists()}
    return {".".join(parts).removesuffix(".__init__"): path for path, parts in names.items()}


def test_no_imports_go_in_a_circle() -> None:
    graph = _imports(_modules(ROOT))
    assert len(graph) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_a_circle_for_type_checkers_alone_is_found(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.py").write_text("from pages import two\n")
    (tmp_path / "pages" / "two.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pages.one import One\n"
    )
    with pytest.raises(CycleError, match="cycle"):
        TopologicalSorter(_imports(_modules(tmp_path))).prepare()


@pytest.mark.parametrize("module", ["config", "errors", "events", "presets"])
def test_what_a_form_needs_loads_nothing_heavy(module: str) -> None:
    assert _loaded_after(f"import dqn_core.{module}") == set()


@pytest.mark.parametrize("module", ["algorithm", "training", "runs"])
def test_naming_a_room_loads_no_learner(module: str) -> None:
    assert not _loaded_after(f"import dqn_core.{module}") & {"numba", "torch", "streamlit", "plotly", "ray"}


def test_the_runs_of_an_earlier_day_are_read_without_a_learner() -> None:
    assert not _loaded_after("import dqn_core.runs.storage.store") & {"numba", "torch", "streamlit", "plotly"}


def test_the_server_starts_and_draws_its_first_pages_without_a_learner() -> None:
    first_pages = (
        "import sys\n"
        "sys.path.append('tests/support')\n"
        "from app_pages import to_page\n"
        "from streamlit.testing.v1 import AppTest\n"
        "import app\n"
        "page = AppTest.from_file('pages/navigation.py', default_timeout=60).run()\n"
        "assert page.title and not page.exception, page.exception\n"
        "page = to_page(page, 'train/page.py').run()\n"
        "assert page.button and not page.exception, page.exception"
    )
    assert not _loaded_after(first_pages) & {"numba", "ray", "torch"}


def test_a_warm_worker_holds_a_learner_and_nothing_of_the_server() -> None:
    imports = "import dqn_core.runs.executors.worker_process; from dqn_core.runs.executors import training_worker"
    loaded = _loaded_after(f"{imports}; training_worker.warm_up()")
    assert loaded == {"gymnasium", "numba"}  # torch would take four times the memory of all else together


def test_no_page_has_a_string_in_its_source_that_it_would_show() -> None:
    """Streamlit writes onto the page what stands alone on a line of its script, but for the docstring."""
    for path in sorted((ROOT / "pages").glob("*/page.py")):
        alone = [each for each in ast.parse(path.read_text("utf-8")).body[1:] if isinstance(each, ast.Expr)]
        assert not [each for each in alone if isinstance(each.value, ast.Constant)], path


def test_every_direct_dependency_is_pinned_exactly() -> None:
    files = sorted(ROOT.glob("requirements*.txt"))
    lines = [line.strip() for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert [line for line in wanted if line.count("==") != 1] == []
    assert "torch==2.13.0" in wanted


def test_the_lock_file_of_the_javascript_tools_names_the_public_registry_alone() -> None:
    lock = json.loads((ROOT / "tests/browser_code/package-lock.json").read_text(encoding="utf-8"))
    packages = [each for name, each in lock["packages"].items() if name]
    assert packages
    for package in packages:
        assert package["integrity"].startswith("sha512-")
        assert package.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/")
