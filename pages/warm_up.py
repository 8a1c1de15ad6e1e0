"""Loads what a first run needs while nobody waits for it yet, so that the first press of Start answers at once."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator

from dqn_core.presets import PRESETS
from pages.server.browser_code import plotly_file

__all__ = ["WarmUp"]

_LOG = logging.getLogger(__name__)


class WarmUp:
    """The preparations, in a thread of their own.

    What the first page imports comes first, then the trainer with torch, then for each preset the compiled learner
    (loaded, or compiled once per machine) and the comparison that automatic compute makes before a run's first step.
    Last, what all of that left in memory is set apart from what Python searches for garbage: with torch and numba in
    memory, a search kept every thread standing for a fifth of a second.
    """

    def __init__(self) -> None:
        self._is_unwanted = threading.Event()
        self._thread = threading.Thread(target=self._prepare, name="warm-up")

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> None:
        """Return when all of it is done, or after ``timeout_s``."""
        self._thread.join(timeout_s)

    def stop(self) -> None:
        """Begin no further part, and wait for the one at work: a process that ends inside torch's start aborts."""
        self._is_unwanted.set()
        self._thread.join()

    def _prepare(self) -> None:
        try:
            for _part in _parts():
                if self._is_unwanted.is_set():
                    return
        except Exception as error:  # noqa: BLE001  whatever it is, the run that needs it says so in its own words
            _LOG.info("The first run will take longer to start: %s", error)
        gc.collect()
        gc.freeze()


def _parts() -> Iterator[None]:
    """One part after the other; a yield stands where it can end."""
    import pandas as pd  # noqa: F401  the first table on a page imports it

    yield
    plotly_file()
    yield
    import numpy as np

    from dqn_core.algorithm.compute import make_learner
    from dqn_core.environments.listed import listed_environments
    from dqn_core.environments.make import inspect_environment
    from dqn_core.training import trainer  # noqa: F401  with everything that a run imports

    yield
    listed_environments()
    yield
    for env_id, preset in PRESETS.items():
        report = inspect_environment(env_id)
        for config in preset.configs.values():
            make_learner(config, report.observation_size, report.n_actions, np.random.default_rng(0), report.picture)
            yield
