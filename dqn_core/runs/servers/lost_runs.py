"""Runs whose machine left the cluster go on by themselves, from their last checkpoint, on another."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

from dqn_core.errors import DqnLabError

__all__ = ["LostRuns"]

_LOG = logging.getLogger(__name__)
_MOST_AT_ONE_PLACE = 3
"""Machines that one run may lose at the same checkpoint: it may be the run that takes them down, by its memory, say."""


class LostRuns:
    """Brings runs back; any thread may call any method. ``bring_back`` does it, and may wait for the run's end."""

    def __init__(self, bring_back: Callable[[str], None]) -> None:
        self._bring_back = bring_back
        self._lock = threading.Lock()
        self._returning: set[str] = set()
        self._losses: Counter[tuple[str, int]] = Counter()

    def expect(self, run_id: str) -> None:
        """The run's machine is lost, and the run ends in a moment; it will be brought back then."""
        with self._lock:
            self._returning.add(run_id)
        threading.Thread(target=self._return, args=(run_id,), name=f"return-{run_id}", daemon=True).start()

    def is_returning(self, run_id: str) -> bool:
        """Whether the run is interrupted for a moment only."""
        return run_id in self._returning

    def may_return(self, run_id: str, env_step: int) -> bool:
        """Whether the run may go on once more from its checkpoint of ``env_step``."""
        with self._lock:
            self._losses[run_id, env_step] += 1
            return self._losses[run_id, env_step] <= _MOST_AT_ONE_PLACE

    def _return(self, run_id: str) -> None:
        try:
            self._bring_back(run_id)
        except DqnLabError as error:
            _LOG.warning("Run %s does not go on by itself: %s", run_id, error)
        finally:
            with self._lock:
                self._returning.discard(run_id)
