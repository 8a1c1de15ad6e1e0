"""How well MountainCar-v0 can be done at all: value iteration on a fine grid, played on the study's reset seeds.

    python -m benchmarks.mountain_car_optimum

The dynamics are known (Moore 1990, as in Gymnasium): a policy that is greedy by their value function on a grid of
1,200 positions by 1,000 velocities, interpolated in between, is as good as any to within a fraction of a step.
"""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.learning import EVALUATION_EPISODES, EVALUATION_SEED

_POSITIONS, _VELOCITIES = 1_200, 1_000
_LOW, _HIGH, _GOAL, _FASTEST = -1.2, 0.6, 0.5, 0.07
_FORCE, _GRAVITY = 0.001, 0.0025
_ENOUGH = 1e-3
"""Steps by which no state's value changes any more."""


@njit
def _cost(steps: NDArray[np.float64], position: float, velocity: float, action: int) -> float:
    """Steps to the flag if ``action`` is taken now; ``steps`` [positions, velocities] are from the grid points."""
    velocity += (action - 1) * _FORCE - np.cos(3 * position) * _GRAVITY
    velocity = min(max(velocity, -_FASTEST), _FASTEST)
    position = min(max(position + velocity, _LOW), _HIGH)
    if position == _LOW and velocity < 0:
        velocity = 0.0
    if position >= _GOAL:
        return 1.0
    x = (position - _LOW) / (_HIGH - _LOW) * (_POSITIONS - 1)
    y = (velocity + _FASTEST) / (2 * _FASTEST) * (_VELOCITIES - 1)
    i, j = min(int(x), _POSITIONS - 2), min(int(y), _VELOCITIES - 2)
    u, v = x - i, y - j
    here = steps[i, j] * (1 - u) * (1 - v) + steps[i + 1, j] * u * (1 - v)
    there = steps[i, j + 1] * (1 - u) * v + steps[i + 1, j + 1] * u * v
    return float(1.0 + here + there)


@njit
def _best_action(steps: NDArray[np.float64], position: float, velocity: float) -> int:
    best = 0
    for action in range(1, 3):
        if _cost(steps, position, velocity, action) < _cost(steps, position, velocity, best):
            best = action
    return best


@njit
def _sweep(steps: NDArray[np.float64]) -> float:
    """One round of value iteration, in place; gives the largest change."""
    largest = 0.0
    for i in range(_POSITIONS):
        position = _LOW + (_HIGH - _LOW) * i / (_POSITIONS - 1)
        if position >= _GOAL:
            continue
        for j in range(_VELOCITIES):
            velocity = -_FASTEST + 2 * _FASTEST * j / (_VELOCITIES - 1)
            cost = _cost(steps, position, velocity, _best_action(steps, position, velocity))
            largest = max(largest, abs(cost - steps[i, j]))
            steps[i, j] = cost
    return largest


def _mean_return(steps: NDArray[np.float64], seed: int, episodes: int) -> float:
    environment = gym.make("MountainCar-v0").unwrapped
    total = 0
    for number in range(seed, seed + episodes):
        (position, velocity), _ = environment.reset(seed=number)
        done = False
        while not done:
            (position, velocity), _, done, _, _ = environment.step(
                _best_action(steps, float(position), float(velocity))
            )
            total -= 1
    return total / episodes


def main() -> None:
    """Print the mean return of the best policy on the study's reset seeds, and on many more, a JSON object each."""
    steps = np.zeros((_POSITIONS, _VELOCITIES))
    while _sweep(steps) > _ENOUGH:
        pass
    for seed, episodes in ((EVALUATION_SEED, EVALUATION_EPISODES), (0, 1_000)):
        mean = _mean_return(steps, seed, episodes)
        print(json.dumps({"env": "MountainCar-v0", "seed": seed, "episodes": episodes, "mean": round(mean, 2)}))


if __name__ == "__main__":
    main()
