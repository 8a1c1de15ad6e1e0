from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dqn_core.algorithm import compiled
from dqn_core.algorithm.compiled import cache_folder, kernel
from dqn_core.algorithm.fused_learner import warm_up_kernels

REPOSITORY = Path(compiled.__file__).parents[2]


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Folders tried for the cache, in order; the test may change them."""
    folders = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setattr(compiled, "_roots", lambda: iter(folders))
    cache_folder.cache_clear()
    yield folders
    cache_folder.cache_clear()


def blocked(path: Path) -> Path:
    """A place where no folder can be made, for root as well: a file is in the way."""
    path.write_text("")
    return path


def test_kernels_are_cached_in_the_first_folder_that_works(roots: list[Path], tmp_path: Path) -> None:
    roots[0] = blocked(tmp_path / "file")
    folder = cache_folder()
    assert folder is not None
    assert folder.parent == roots[1]

    @kernel
    def double(x: float) -> float:
        return 2 * x

    assert double(1.5) == 3.0
    assert list(folder.rglob("*.nbi"))


def test_kernels_run_uncached_where_nothing_can_be_written(
    roots: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    roots[:] = [blocked(tmp_path / "file"), tmp_path / "file" / "below"]
    with caplog.at_level(logging.WARNING):
        assert cache_folder() is None
    assert "NUMBA_CACHE_DIR" in caplog.text

    @kernel
    def double(x: float) -> float:
        return 2 * x

    assert double(1.5) == 3.0


def test_another_users_folder_is_not_trusted(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    assert cache_folder() is None


def test_a_changed_source_gets_a_folder_of_its_own(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cache_folder()
    for name in compiled._SOURCES:
        (tmp_path / name).write_bytes((compiled._HERE / name).read_bytes() + b"\n")
    monkeypatch.setattr(compiled, "_HERE", tmp_path)
    cache_folder.cache_clear()
    assert before is not None
    assert cache_folder() != before


def test_warm_up_says_what_it_does() -> None:
    said: list[str] = []
    seconds = warm_up_kernels(said.append)
    assert seconds >= 0
    assert "first time" in said[0]
    assert f"{seconds:.1f} s" in said[1]


def test_a_second_process_takes_the_kernels_from_the_cache() -> None:
    warm_up_kernels(lambda _: None)
    code = (
        "from dqn_core.algorithm import fused_kernels, fused_learner, fused_network\n"
        "fused_learner.warm_up_kernels(lambda _: None)\n"
        "kernels = (fused_kernels.update, fused_network.greedy_action, fused_network.q_rows)\n"
        "print(sum(sum(each.stats.cache_misses.values()) for each in kernels))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"
