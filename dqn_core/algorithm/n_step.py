"""Returns of several steps: what is put into the replay memory in place of single rewards.

A transition of n steps starts in s_t with a_t and holds (Sutton & Barto 2018, eq. 7.1; Hessel et al. 2018, eq. 3)

    R = r_t+1 + gamma r_t+2 + ... + gamma^(m-1) r_t+m    and s_t+m, from where  gamma^m max_a Q(s_t+m, a)  goes on

with m = n, or fewer where the episode ends within the window: after a termination nothing is added, after a truncation
the bootstrap goes on from the last observation there was, as it does for one step. m stands in the row, so that n may
change while a run trains. Like every return off the agent's policy of today, R is biased by the random actions in it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.replay import ReplayBuffer

__all__ = ["NStepWindow"]

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(slots=True)
class _Pending:
    """A transition whose return still grows."""

    observation: Any
    """What the memory gave to keep of it: a copy [D], or the number of its frame."""
    action: int
    reward_sum: float
    discount: float
    """gamma^steps: what the next reward counts."""
    steps: int


class NStepWindow:
    """The last transitions of one environment, fewer than n, on their way into ``replay``.

    ``gamma`` discounts within the window; ``environment`` is the number of the environment among those in parallel.
    """

    def __init__(self, replay: ReplayBuffer, n_step: int, gamma: float, environment: int = 0) -> None:
        self._replay, self._environment = replay, environment
        self._pending: deque[_Pending] = deque()
        self.configure(n_step, gamma)

    def configure(self, n_step: int, gamma: float) -> None:
        """Take over new settings; what is in the memory already keeps the return it was given."""
        self._n_step, self._gamma = n_step, gamma

    def __len__(self) -> int:
        """Transitions on their way."""
        return len(self._pending)

    def add(
        self,
        observation: NDArray[np.float32],
        action: int,
        reward: float,
        next_observation: NDArray[np.float32],
        terminated: bool,
        truncated: bool,
    ) -> None:
        """Take one env step in; the memory gets what is complete by it."""
        if self._n_step == 1 and not self._pending:
            self._replay.add(observation, action, reward, next_observation, terminated, environment=self._environment)
            return
        kept = self._replay.keep(observation, self._environment)
        self._pending.append(_Pending(kept, action, 0.0, 1.0, 0))
        for each in self._pending:
            each.reward_sum += each.discount * reward
            each.discount *= self._gamma
            each.steps += 1
        shortest = 1 if terminated or truncated else self._n_step
        while len(self._pending) >= shortest:
            self._hand_over(next_observation, terminated=terminated)

    def cut(self, last_observation: NDArray[np.float32]) -> None:
        """The episode is given up where it stands, in ``last_observation`` [D], as if it were truncated there."""
        while self._pending:
            self._hand_over(last_observation, terminated=False)

    def clear(self) -> None:
        """Forget what is on its way."""
        self._pending.clear()

    def _hand_over(self, next_observation: NDArray[np.float32], *, terminated: bool) -> None:
        oldest = self._pending.popleft()
        fits = abs(oldest.reward_sum) <= _LARGEST  # else the loss becomes infinite, which ends the run as diverged
        self._replay.add(
            oldest.observation,
            oldest.action,
            oldest.reward_sum if fits else math.copysign(math.inf, oldest.reward_sum),
            next_observation,
            terminated,
            oldest.steps,
            environment=self._environment,
        )

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What is on its way, as arrays; empty where nothing is."""
        if not self._pending:
            return {}
        numbers = [(each.action, each.reward_sum, each.discount, each.steps) for each in self._pending]
        return {"observations": np.array([each.observation for each in self._pending]), "numbers": np.array(numbers)}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go on from :meth:`state`."""
        self._pending.clear()
        if state:
            for observation, (action, reward_sum, discount, steps) in zip(
                state["observations"], state["numbers"].tolist(), strict=True
            ):
                kept = np.asarray(observation, np.float32) if np.ndim(observation) else int(observation)
                self._pending.append(_Pending(kept, int(action), reward_sum, discount, int(steps)))
