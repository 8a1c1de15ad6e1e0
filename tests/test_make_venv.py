"""The script that makes the virtual environment."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "make_venv.py"


def test_the_environment_behind_a_link_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other" / ".venv"
    other.mkdir(parents=True)
    kept = other / "pyvenv.cfg"
    kept.write_text("of another checkout")
    link = tmp_path / ".venv"
    link.symlink_to(other)
    done = subprocess.run([sys.executable, SCRIPT, str(link)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert str(other.resolve()) in done.stderr
    assert "remove the link" in done.stderr
    assert kept.read_text() == "of another checkout"
