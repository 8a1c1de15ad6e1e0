"""What goes over the wire to a replay's viewer: its numbers as one JSON object, its pictures in packs.

A pack is a header of four little-endian uint32 (number of the first picture in it, count of pictures in it, count of
all that are drawn by now, whether these are all), the length of each picture, and the pictures, JPEG, one after the
other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.environments.make import EnvironmentReport
from dqn_core.json_text import json_text
from dqn_core.runs.replays import Replay, ReplayStage

__all__ = ["MOST_NUMBERS", "frame_pack", "replay_numbers"]

MOST_NUMBERS = 1_000
"""Of an observation: of a larger one, the first are sent."""
_STEPS_A_PORTION, _NUMBERS_A_PORTION = 10_000, 400_000
_PACK_BYTES = 1_500_000
"""A pack ends with the picture that takes it beyond this."""


def replay_numbers(replay: Replay, report: EnvironmentReport, first: int = 0) -> bytes:
    """Numbers of a replay whose episode is played, from step ``first`` on, as JSON: float32 exactly, no NaN.

    Of a long episode they come in portions; ``length`` says how many steps it has in all. They are made once.
    """
    portions = replay.encoded(lambda: list(_portions(replay, report)))
    return portions[min(first // _steps_a_portion(report), len(portions) - 1)]


def _steps_a_portion(report: EnvironmentReport) -> int:
    return min(_STEPS_A_PORTION, _NUMBERS_A_PORTION // min(report.observation_size, MOST_NUMBERS))


def _portions(replay: Replay, report: EnvironmentReport) -> Iterator[bytes]:
    config, rollout = replay.config, replay.rollout
    if config is None or rollout is None:
        message = "The episode is not played yet."
        raise ValueError(message)
    about = {
        "id": replay.replay_id,
        "seed": rollout.seed,
        "epsilon": rollout.epsilon,
        "gamma": config.gamma,
        "frames_per_s": report.frames_per_s,
        "length": rollout.length,
        "terminated": rollout.terminated,
        "truncated": rollout.truncated,
        "episode_return": rollout.episode_return,
    }
    returns = rollout.discounted_returns(config.gamma)
    observations, portion = rollout.observations[:, :MOST_NUMBERS], _steps_a_portion(report)
    for first in range(0, max(1, rollout.length), portion):
        end = min(first + portion, rollout.length)
        steps = slice(first, end)
        values = about | {
            "from": first,
            "actions": rollout.actions[steps].tolist(),
            "is_greedy": rollout.is_greedy[steps].tolist(),
            "rewards": rollout.rewards[steps].tolist(),
            "q_values": _plain(rollout.q_values[steps]),
            "observations": observations[first : end + (end == rollout.length)].tolist(),
            "discounted_returns": returns[steps].tolist(),
        }
        yield json_text(values, is_compact=True).encode()


def frame_pack(replay: Replay, first: int) -> bytes:
    """The pictures from number ``first`` on that are drawn by now, or the first of them where they are many."""
    is_over, drawn = replay.stage is ReplayStage.DONE, len(replay.frames)  # in this order: a picture may be added now
    pictures: list[bytes] = []
    size = 0
    for picture in replay.frames[first:drawn]:
        pictures.append(picture)
        size += len(picture)
        if size > _PACK_BYTES:
            break
    header = struct.pack(f"<{4 + len(pictures)}I", first, len(pictures), drawn, is_over, *map(len, pictures))
    return header + b"".join(pictures)


def _plain(numbers: NDArray[np.floating[Any]]) -> list[Any]:
    """Nested lists of floats, with None for what is not finite."""
    plain = numbers.astype(object)
    plain[~np.isfinite(numbers)] = None
    return list(plain.tolist())
