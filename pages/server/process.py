"""What this process has one of: its RunManager, replays, jobs, the agents read for the Inside page.

Pages and routes ask for them, the lifespan closes them.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dqn_core.environments.own import environment_files, use_folder
from dqn_core.runs.examples import add_examples
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.manager import RunManager
from dqn_core.runs.replays import Replays
from dqn_core.runs.run_list import RunList
from pages.server.settings import settings

if TYPE_CHECKING:
    from dqn_core.inside.library import Library
    from dqn_core.runs.classes.leaderboard import Leaderboard
    from dqn_core.runs.experiments.searches import Searches

__all__ = [
    "close_manager",
    "get_jobs",
    "get_leaderboard",
    "get_library",
    "get_manager",
    "get_replays",
    "get_run_list",
    "get_searches",
    "manager_if_open",
]

Instance = TypeVar("Instance")

_LOG = logging.getLogger(__name__)
_lock = threading.Lock()
_managers: list[RunManager] = []
"""Empty, or the one."""
_replays: list[Replays] = []
"""Empty, or the one."""
_run_lists: list[RunList] = []
"""Empty, or the one."""
_jobs: list[Jobs] = []
"""Empty, or the one."""
_libraries: list[Library] = []
"""Empty, or the one."""
_searches: list[Searches] = []
"""Empty, or the one."""


def get_manager() -> RunManager:
    """The manager, made at the first call.

    Raises SettingError for a setting that is not valid, StoreError where the data folder cannot be used, and
    ClusterError where the cluster cannot be; once that is put right, the next call gives a manager.
    """
    with _lock:
        if not _managers:
            given = settings()
            if given.examples:
                _add_examples(given.data, given.database or None)
            use_folder(given.data / "environments", looks_first=True)
            environment_files()  # they are looked at from now on
            manager = RunManager(
                given.data,
                database=given.database or None,
                executor=given.executor,
                ray_address=given.ray_address,
                resumes_lost_runs=given.resume_lost_runs,
                preload=given.preload,
                kept_bytes=given.checkpoint_mb * 2**20,
                max_active_runs=given.max_active_runs,
                max_runs_per_visitor=given.max_runs_per_visitor,
                pause_unwatched_after_s=given.pause_unwatched_after_s,
            )
            _managers.append(manager)
        return _managers[0]


def manager_if_open() -> RunManager | None:
    """The manager, where it was made."""
    with _lock:
        return _managers[0] if _managers else None


def _add_examples(data_dir: Path, database: str | None) -> None:
    try:
        add_examples(data_dir, database)
    except OSError as error:  # whoever opens the folder next says what is wrong with it
        _LOG.warning("The examples cannot be put into %s (%s)", data_dir, error)


def get_replays() -> Replays:
    """The episodes that people look at, made at the first call."""
    with _lock:
        if not _replays:
            _replays.append(Replays())
        return _replays[0]


def get_run_list() -> RunList:
    """The list of the manager's runs."""
    manager = get_manager()
    with _lock:
        if not _run_lists or _run_lists[0].manager is not manager:
            _run_lists[:] = [RunList(manager)]
        return _run_lists[0]


def get_library() -> Library:
    """The agents that people look into, made at the first call."""
    with _lock:
        if not _libraries:
            from dqn_core.inside.library import Library  # what it imports takes seconds, and no other page needs it

            _libraries.append(Library())
        return _libraries[0]


def get_searches() -> Searches:
    """The searches of the manager's data, made at the first call: Optuna takes seconds to import."""
    manager = get_manager()
    with _lock:
        if not _searches:
            from dqn_core.runs.experiments.searches import Searches

            _searches.append(Searches(manager))
        return _searches[0]


def get_jobs() -> Jobs:
    """The videos, evaluations and measurements that people ask for, made at the first call."""
    manager = get_manager()
    with _lock:
        if not _jobs:
            _jobs.append(Jobs(settings().preload, elsewhere=manager.task_workers))
        return _jobs[0]


def get_leaderboard() -> Leaderboard:
    """The class's leaderboard, over the runs of the manager."""
    from dqn_core.runs.classes.leaderboard import Leaderboard  # what it evaluates with takes a while to import

    return Leaderboard(get_manager(), get_jobs())


def close_manager(timeout_s: float = 5.5) -> None:
    """End every run with a checkpoint, store its last rows, and close everything; there may be nothing.

    With what open connections may take before it, a server ends within ten seconds.
    """
    with _lock:
        _libraries.clear()
        _run_lists.clear()
        while _searches:  # before their runs end, which are not to count as trials that failed
            _searches.pop().close()
        others: list[Jobs | Replays] = [*_take_all(_jobs), *_take_all(_replays)]
        with ThreadPoolExecutor(max(1, len(others)), thread_name_prefix="close") as threads:
            closing = [threads.submit(each.close) for each in others]
            for manager in _take_all(_managers):
                manager.close(timeout_s)
        for each in closing:
            each.result()


def _take_all(instances: list[Instance]) -> list[Instance]:
    """All of them, of which there are none any more."""
    taken = instances.copy()
    instances.clear()
    return taken
