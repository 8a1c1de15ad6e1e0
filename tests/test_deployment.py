"""The recipes of docs/deployment.md: what of them can be run here is run, the rest is read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from live_server import ROOT, free_port
from pages.server.settings import VARIABLES

NOTEBOOK = ROOT / "docs" / "colab.ipynb"
UNIT = ROOT / "deploy" / "dqn-lab.service"
IN_COLAB_ALONE = "colab"
"""Tag of the cells that need Colab itself."""
ANY_NOTEBOOK = """
import sys, types

shown = []
module = types.ModuleType("IPython.display")
module.display, module.clear_output = shown.append, lambda wait: None
sys.modules |= {"IPython": types.ModuleType("IPython"), "IPython.display": module}
"""
"""What every notebook has, and no program."""
WHAT_CAME = """
import json

last = shown[-1]
print(json.dumps({"shown": len(shown), "episodes": len(last.data[0].x), "solved": event.solved}))
"""


def cells() -> list[Any]:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    return [each for each in notebook.cells if each.cell_type == "code"]


def run_cells(folder: Path, names: list[str], *more: str, **changes: str) -> str:
    """Run cells of the notebook one after the other, as a program beside the lab; what it printed."""
    for name in ("app.py", "pages", "dqn_core", ".streamlit"):
        (folder / name).symlink_to(ROOT / name)
    by_name = {each["id"]: each.source for each in cells() if IN_COLAB_ALONE not in each.metadata.get("tags", [])}
    program = "\n".join([ANY_NOTEBOOK, *(by_name[name] for name in names), *more])
    for before, after in changes.items():
        program = re.sub(rf"^{before} = .*$", f"{before} = {after}", program, flags=re.MULTILINE)
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_the_notebook_holds_no_results_and_all_but_two_of_its_cells_run_anywhere() -> None:
    assert all(each.outputs == [] and each.execution_count is None for each in cells())
    in_colab = [each["id"] for each in cells() if IN_COLAB_ALONE in each.metadata.get("tags", [])]
    assert in_colab == ["get", "show"]
    assert [each["id"] for each in cells()] == ["get", "train", "command", "start", "wait", "show", "end"]


@pytest.mark.timeout(200)
def test_the_notebook_trains_with_live_curves(tmp_path: Path) -> None:
    told = json.loads(run_cells(tmp_path, ["train"], WHAT_CAME).splitlines()[-1])
    assert told["shown"] >= 2
    assert told["episodes"] > 20
    assert told["solved"]


@pytest.mark.timeout(200)
def test_the_notebook_trains_by_command_and_runs_the_dashboard(tmp_path: Path) -> None:
    port = free_port()
    told = run_cells(tmp_path, ["command", "start", "wait", "end"], PORT=str(port))
    assert f"The dashboard runs at port {port}." in told
    assert (tmp_path / "runs" / "first" / "best.safetensors").is_file()
    assert (tmp_path / "data" / "dqn_lab.sqlite").is_file()


def test_the_image_is_built_by_the_steps_of_the_readme() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    steps = ("python3 -m venv .venv && . .venv/bin/activate", "pip install -r requirements.txt", "streamlit run app.py")
    assert all(each in readme for each in steps)
    assert steps[0] in dockerfile
    assert "ARG REQUIREMENTS=requirements.txt" in dockerfile
    assert 'pip install --no-cache-dir -r "$REQUIREMENTS"' in dockerfile
    assert '"streamlit", "run", "app.py"' in dockerfile
    assert "python -m dqn_core info --warm-up" in (ROOT / "Makefile").read_text("utf-8").replace("$(RUN)", "python")
    assert "RUN python -m dqn_core info --warm-up" in dockerfile
    pinned = re.search(r"^torch==\S+$", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert pinned  # the step that brings torch's build for CPUs looks for this line
    left_out = set((ROOT / ".dockerignore").read_text("utf-8").split("\n"))
    assert not left_out & {"app.py", "pages", "dqn_core", ".streamlit", "requirements.txt", "deploy", "docs"}


def test_the_parts_of_the_compose_file_fit_together() -> None:
    parts = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    services = parts["services"]
    assert set(services) == {"database", "head", "worker", "dashboard"}
    arguments = re.findall(r"^ARG (\w+)=", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "test" in services[other]["healthcheck"], other
        assert {each.split(":")[0] for each in service.get("volumes", [])} <= set(parts["volumes"])
        assert set(service.get("build", {}).get("args", {})) <= set(arguments)
    user, host = re.fullmatch(
        r"postgresql\+psycopg://(\w+):\$\{DATABASE_PASSWORD\}@(\w+)/\w+",
        services["dashboard"]["environment"]["DQN_LAB_DATABASE"],
    ).groups()  # type: ignore[union-attr]
    assert (user, host) == (services["database"]["environment"]["POSTGRES_USER"], "database")
    assert services["dashboard"]["environment"]["DQN_LAB_RAY_ADDRESS"] == "head:6379"


def test_the_recipes_set_what_there_is_to_set() -> None:
    cluster = {"DQN_LAB_DATABASE", "DQN_LAB_EXECUTOR", "DQN_LAB_RAY_ADDRESS"}
    for path in (ROOT / "Dockerfile", ROOT / "compose.yaml", UNIT, NOTEBOOK):
        assert set(re.findall(r"DQN_LAB_[A-Z_]+", path.read_text("utf-8"))) <= {*VARIABLES.values(), *cluster}, path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="There is no systemd here to check the unit with")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = tmp_path / ".venv" / "bin" / "streamlit"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    text = UNIT.read_text("utf-8")
    assert text.count("/srv/dqn-lab/.venv/bin/streamlit run app.py") == 1
    unit.write_text(text.replace("/srv/dqn-lab", str(tmp_path)), "utf-8")
    verify = [str(shutil.which("systemd-analyze")), "verify", str(unit)]
    told = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")

    # It would have said so.
    unit.write_text(unit.read_text("utf-8").replace("Restart=on-failure", "Restart=now and then"), "utf-8")
    told = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert "now and then" in told.stderr
