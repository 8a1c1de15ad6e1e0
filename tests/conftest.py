"""What holds for every test: no window or sound, one thread for small matrices, repeatable examples, own data."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from warm_python import Starts

if TYPE_CHECKING:
    from lab_databases import LabDatabases

# Read when SDL, OpenMP and MKL start, so they are set before any test imports pygame, numpy or torch.
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

# The same examples at every run, and no limit on a single one: the machine's load must not decide.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

_DATABASES = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which database the laboratories of all tests are kept in."""
    parser.addoption("--database", choices=_DATABASES, default="sqlite", help="where laboratories are kept in tests")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of what is stored run on both databases."""
    markers = {each.name for each in metafunc.definition.iter_markers()}
    if (
        "each_database" in markers
        and "sqlite_file" not in markers
        and metafunc.config.getoption("--database") == "sqlite"
    ):
        metafunc.parametrize("_lab_database", _DATABASES, indirect=True)


@pytest.fixture(scope="session", autouse=True)
def lab_databases(request: pytest.FixtureRequest) -> Iterator[LabDatabases]:
    """Where laboratories are kept; the tests' own PostgreSQL is started where a test asks for it."""
    from dqn_core.runs.storage import backends
    from lab_databases import LabDatabases
    from postgresql import missing_postgresql

    kind = request.config.getoption("--database")
    if kind == "postgresql" and missing_postgresql():
        pytest.exit(missing_postgresql(), returncode=pytest.ExitCode.USAGE_ERROR)
    databases = LabDatabases(kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backends, "backend_of", databases.backend_of)
        yield databases
    databases.close_opened()
    databases.close()


@pytest.fixture(autouse=True)
def _lab_database(request: pytest.FixtureRequest, lab_databases: LabDatabases) -> Iterator[None]:
    from postgresql import missing_postgresql

    usual = request.config.getoption("--database")
    kind = getattr(request, "param", usual)
    if request.node.get_closest_marker("sqlite_file"):
        kind = "sqlite"
    if kind == "postgresql" and missing_postgresql():
        pytest.skip(missing_postgresql())
    lab_databases.kind = kind
    lab_databases.start()
    yield
    lab_databases.kind = usual
    if usual == "sqlite":  # otherwise fixtures of whole modules may have one open
        lab_databases.close_opened()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests may take the longest begin first: at the end no process waits for another's long test."""
    longest: dict[Path, float] = {}
    for item in items:
        longest[item.path] = max(longest.get(item.path, 0.0), _limit_s(item))
    items.sort(key=lambda item: -longest[item.path])


def _limit_s(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else float(item.config.getini("timeout"))


def pytest_collection_finish() -> None:
    """What imports have made stays to the end: the collector need not go through millions of objects in each test."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Servers and workers begin warm, but for tests of their start: before the first fixture starts one."""
    Starts.choose(warm=item.get_closest_marker("cold_start") is None)


@pytest.fixture(scope="session", autouse=True)
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes into the data folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DQN_LAB_DATA", str(tmp_path_factory.mktemp("data")))
        patch.setenv("DQN_LAB_EXAMPLES", "false")
        yield
