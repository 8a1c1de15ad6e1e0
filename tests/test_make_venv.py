"""The script that makes the virtual environment."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "make_venv.py"


def _make(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, SCRIPT, str(folder)], capture_output=True, text=True, check=False)


def test_an_environment_behind_a_link_is_used_as_it_is(tmp_path: Path) -> None:
    other, link = tmp_path / "other", tmp_path / ".venv"
    kept = other / "bin" / "python"
    kept.parent.mkdir(parents=True)
    kept.write_text("of another checkout")
    link.symlink_to(other)
    assert _make(link).returncode == 0
    assert kept.read_text() == "of another checkout"


def test_a_link_to_no_environment_is_told(tmp_path: Path) -> None:
    link = tmp_path / ".venv"
    link.symlink_to(tmp_path / "nowhere")
    done = _make(link)
    assert done.returncode == 1
    assert "Remove the link" in done.stderr
