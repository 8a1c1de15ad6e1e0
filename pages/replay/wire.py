"""What goes over the wire to a replay's viewer: its numbers as one JSON object, its pictures in packs.

A pack is a header of four little-endian uint32 (number of the first picture in it, count of pictures in it, count of
all that are drawn by now, whether these are all), the length of each picture, and the pictures, JPEG, one after the
other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.environments.make import EnvironmentReport
from dqn_core.environments.planes import PictureLayout
from dqn_core.json_text import json_text
from dqn_core.runs.replays import Replay, ReplayStage

__all__ = ["MOST_NUMBERS", "frame_pack", "important_pack", "replay_numbers", "seen_pack"]

MOST_NUMBERS = 1_000
"""Of an observation: of a larger one, the first are sent."""
_STEPS_A_PORTION, _NUMBERS_A_PORTION = 10_000, 400_000
_PACK_BYTES = 1_500_000
"""A pack ends with the picture that takes it beyond this."""
_TILE_POINTS_A_PACK, _GRADIENTS_A_PACK = 3_000_000, 1_000_000
"""Points of a pack's pictures of what the network sees, and of what matters in it: some tenths of a second of work."""
_MOST_TILE_POINTS = 100_000_000
"""Of an episode: about 25 MB of JPEG."""


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
    portion = _steps_a_portion(report)
    # What is a picture goes as pictures (seen_pack).
    observations = rollout.observations[:, : MOST_NUMBERS if report.layout is None else 0]
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
    return _packed(first, pictures, drawn, is_over=is_over)


def _packed(first: int, pictures: Sequence[bytes], drawn: int, *, is_over: bool) -> bytes:
    header = struct.pack(f"<{4 + len(pictures)}I", first, len(pictures), drawn, is_over, *map(len, pictures))
    return header + b"".join(pictures)


def seen_pack(replay: Replay, layout: PictureLayout, first: int) -> bytes:
    """What the network sees from state ``first`` on, tile beside tile: PNG of small pictures, JPEG of large ones."""
    observations, total = _seen(replay, layout)
    few = observations[first : first + _states_a_pack(layout, _TILE_POINTS_A_PACK)]
    return _packed(first, [layout.drawn(layout.tiles(each)) for each in few], total, is_over=True)


def important_pack(replay: Replay, layout: PictureLayout, first: int) -> bytes:
    """How much the Q-value of the action taken hangs on each point, in the same places: the redder, the more."""
    from dqn_core.algorithm.saliency import saliency  # torch's seconds are for who looks at this

    observations, total = _seen(replay, layout)
    assert replay.rollout is not None  # noqa: S101  else nothing is seen
    few = np.asarray(observations[first : first + _states_a_pack(layout, _GRADIENTS_A_PACK)], np.float32)
    if not len(few):
        return _packed(first, (), total, is_over=True)
    learner = replay.torch_learner()
    actions = replay.rollout.actions[first : first + len(few)]
    if len(actions) < len(few):  # in the last state none is taken
        actions = np.append(actions, learner.q_values(few[-1:]).argmax(-1))
    return _packed(first, layout.drawn_importance(saliency(learner, few, actions)), total, is_over=True)


def _seen(replay: Replay, layout: PictureLayout) -> tuple[NDArray[Any], int]:
    """Observations, and the states whose pictures a browser may hold."""
    if replay.rollout is None:
        message = "The episode is not played yet."
        raise ValueError(message)
    most = max(1, _MOST_TILE_POINTS // (layout.height * layout.width * len(layout.names)))
    observations = replay.rollout.observations[:most]
    return observations, len(observations)


def _states_a_pack(layout: PictureLayout, points: int) -> int:
    return max(1, points // (layout.height * layout.width * len(layout.names)))


def _plain(numbers: NDArray[np.floating[Any]]) -> list[Any]:
    """Nested lists of floats, with None for what is not finite."""
    plain = numbers.astype(object)
    plain[~np.isfinite(numbers)] = None
    return list(plain.tolist())
