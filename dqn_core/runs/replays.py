"""Episodes of trained agents to look at: played and drawn in the background, and kept in memory up to a bound.

    ask(run, checkpoint, seed, epsilon) -> Replay:  WAITING -> PLAYING -> DRAWING (frame by frame) -> DONE | FAILED

Drawing a long episode takes seconds, so it is done in short turns: whoever asks meanwhile gets the next one. The same
question gets the same replay as long as it is kept; those not asked for the longest go first. An episode that would
go on for hours ends after :data:`~dqn_core.training.budget.MOST_REPLAY_STEPS`, as if that were its limit.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path

from dqn_core.algorithm.learner import Learner
from dqn_core.config import Arguments, TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.environments.pictures import as_jpeg
from dqn_core.environments.settings import check_environment
from dqn_core.episodes.episode import Rollout, as_rollout_error, check_episode, policy_with, roll_out
from dqn_core.episodes.frames import EpisodeFrame, draw_episode
from dqn_core.errors import BusyError, DqnLabError, mark
from dqn_core.runs.policies import Policy
from dqn_core.training.budget import MOST_REPLAY_STEPS, shortened

__all__ = ["Replay", "ReplayStage", "Replays"]

_WORKERS = 2
_TURN_S = 0.1
"""Seconds that one replay draws before the next one's turn."""
_UNWANTED_AFTER_S = 30.0
"""A replay that nobody has asked for in this time is not drawn further."""
_JPEG_QUALITY = 85
_CLOSING_S = 3.0
_MOST_OBSERVED_BYTES = 128 * 2**20
"""What an episode's observations may take: 4,700 stacks of four frames, over five minutes of an Atari game."""


class ReplayStage(StrEnum):
    """How far a replay is."""

    WAITING = "waiting"
    PLAYING = "playing"
    DRAWING = "drawing"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether it comes no further."""
        return self in {ReplayStage.DONE, ReplayStage.FAILED}


class Replay:
    """One episode on its way to its viewers. Written by one worker at a time, read by any thread."""

    def __init__(
        self,
        replay_id: str,
        load: Callable[[], Policy],
        seed: int,
        epsilon: float,
        env_kwargs: Arguments | None = None,
    ) -> None:
        self.replay_id = replay_id
        self.seed = seed
        self.epsilon = epsilon
        self.stage = ReplayStage.WAITING
        self.config: TrainingConfig | None = None
        """Of the run; None before the episode is played."""
        self.rollout: Rollout | None = None
        """The episode; None before it is played."""
        self.frames: list[bytes] = []
        """JPEG of each state drawn so far, in order."""
        self.is_cut = False
        """Whether the pictures end before the episode does, since they would not fit into memory."""
        self.error: DqnLabError | None = None
        """Why it failed."""
        self.n_bytes = 0
        self.asked_at = time.monotonic()
        self._load = load
        self._env_kwargs = env_kwargs
        self._encoding = threading.Lock()
        self._encoded: Sequence[bytes] | None = None
        self._drawing: Generator[EpisodeFrame] | None = None

    def encoded(self, encode: Callable[[], Sequence[bytes]]) -> Sequence[bytes]:
        """The episode's numbers as they are sent, in portions: made by ``encode`` once, and kept."""
        with self._encoding:
            if self._encoded is None:
                self._encoded = tuple(encode())
                self.n_bytes += sum(map(len, self._encoded))
            return self._encoded

    def work(self, seconds: float, most_bytes: int, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Play the episode, or draw for some ``seconds``; the pictures may take ``most_bytes`` in all.

        Playing breaks off where it is not wanted any more, and begins anew in the next turn.
        """
        try:
            if self.rollout is None:
                self._play(is_wanted)
            else:
                self._draw(seconds, most_bytes)
        except _UnwantedError:
            return
        except Exception as error:  # noqa: BLE001  an environment is other people's code
            self._fail(as_rollout_error(error))

    def torch_learner(self) -> Learner:
        """The network that played, as torch's learner: made anew each time. The episode has to be played."""
        assert self.config is not None  # noqa: S101
        return policy_with(self.config, self._load().weights, compute="torch-cpu")

    def close(self) -> None:
        """Close the environment that draws."""
        if self._drawing is not None:
            self._drawing.close()
            self._drawing = None

    def _play(self, is_wanted: Callable[[], bool]) -> None:
        self.stage = ReplayStage.PLAYING
        policy = self._load()
        config = policy.config.played_with(self._env_kwargs)
        check_environment(config)
        config = shortened(config, _most_steps(config))

        def check() -> None:
            if not is_wanted():
                raise _UnwantedError

        rollout = roll_out(config, policy.weights, self.seed, self.epsilon, check)
        self._drawing = draw_episode(config, rollout)
        arrays = (rollout.observations, rollout.actions, rollout.is_greedy, rollout.rewards, rollout.q_values)
        self.n_bytes += sum(each.nbytes for each in arrays)
        self.config, self.rollout = config, rollout
        self.stage = ReplayStage.DRAWING

    def _draw(self, seconds: float, most_bytes: int) -> None:
        end = time.monotonic() + seconds
        assert self._drawing is not None  # noqa: S101  made together with the rollout
        for frame in self._drawing:
            jpeg = as_jpeg(frame.pixels, _JPEG_QUALITY)
            self.frames.append(jpeg)
            self.n_bytes += len(jpeg)
            if self.n_bytes > most_bytes:
                self.is_cut = True
                break
            if time.monotonic() >= end:
                return
        self.close()
        self.stage = ReplayStage.DONE

    def _fail(self, error: DqnLabError) -> None:
        self.error = error
        self.close()
        self.stage = ReplayStage.FAILED


class Replays:
    """The replays of a server; any thread may call any method.

    Parameters
    ----------
    max_bytes
        Memory for replays that are done. Those on their way come on top, at most ``max_active`` of
        ``max_replay_bytes`` each.
    max_active
        Replays on their way at most; a further one is refused with :class:`BusyError`.
    max_replay_bytes
        Pictures of a longer episode end there.
    """

    def __init__(
        self,
        max_bytes: int = 96 * 2**20,
        max_active: int = 12,
        max_replay_bytes: int = 24 * 2**20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes, self._max_active, self._max_replay_bytes = max_bytes, max_active, max_replay_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Replay] = OrderedDict()  # the one not asked for the longest first
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="replay")
        self._is_closed = False

    def ask(
        self,
        path: Path,
        load: Callable[[], Policy],
        seed: int,
        epsilon: float = 0.0,
        env_kwargs: Arguments | None = None,
    ) -> Replay:
        """The replay of the weights file at ``path`` on ``seed``: the one that is kept, or a new one on its way.

        It is played in the environment that the run is evaluated in, or in one with other ``env_kwargs``.

        Raises
        ------
        RolloutError
            The seed or epsilon is out of range.
        BusyError
            Too many replays are on their way.
        """
        check_episode(seed, epsilon)
        replay_id = _replay_id(path, seed, epsilon, env_kwargs)
        with self._lock:
            replay = self._kept.get(replay_id)
            if replay is None or replay.stage is ReplayStage.FAILED:
                replay = self._begin(Replay(replay_id, load, seed, epsilon, env_kwargs))
            self._touch(replay)
            return replay

    def find(self, replay_id: str) -> Replay | None:
        """The replay with this id; None where it is no longer kept."""
        with self._lock:
            replay = self._kept.get(replay_id)
            if replay is not None:
                self._touch(replay)
            return replay

    @property
    def n_bytes(self) -> int:
        """Memory that all replays take."""
        with self._lock:
            return sum(each.n_bytes for each in self._kept.values())

    def close(self) -> None:
        """End what is on its way, and forget everything; waits for an environment that is at work, but not for ever."""
        with self._lock:
            self._is_closed = True
        closing = threading.Thread(
            target=self._pool.shutdown, kwargs={"cancel_futures": True}, name="replays-close", daemon=True
        )
        closing.start()
        closing.join(_CLOSING_S)
        with self._lock:
            if not closing.is_alive():  # else one of them is in its environment's hands
                for replay in self._kept.values():
                    replay.close()
            self._kept.clear()

    def _begin(self, replay: Replay) -> Replay:
        if sum(not each.stage.is_over for each in self._kept.values()) >= self._max_active:
            raise BusyError(mark("The server is busy with other visitors' replays: try again in a few seconds."))
        self._kept[replay.replay_id] = replay
        self._pool.submit(self._turn, replay)
        return replay

    def _touch(self, replay: Replay) -> None:
        replay.asked_at = self._clock()
        self._kept.move_to_end(replay.replay_id)

    def _turn(self, replay: Replay) -> None:
        if self._is_unwanted(replay):
            return
        replay.work(_TURN_S, self._max_replay_bytes, lambda: self._is_wanted(replay))
        with self._lock:
            if not replay.stage.is_over and not self._is_closed:
                self._pool.submit(self._turn, replay)
            self._make_room()

    def _is_wanted(self, replay: Replay) -> bool:
        """Whether somebody waits for the replay, and the server does not end."""
        return not self._is_closed and self._clock() - replay.asked_at < _UNWANTED_AFTER_S

    def _is_unwanted(self, replay: Replay) -> bool:
        """Whether nobody waits for the replay any more; then it is forgotten."""
        with self._lock:
            if self._is_wanted(replay):
                return False
            del self._kept[replay.replay_id]
        replay.close()
        return True

    def _make_room(self) -> None:
        n_bytes = sum(each.n_bytes for each in self._kept.values())
        for replay_id, replay in [*self._kept.items()]:
            if n_bytes <= self._max_bytes:
                return
            if replay.stage.is_over:
                n_bytes -= replay.n_bytes
                del self._kept[replay_id]


def _most_steps(config: TrainingConfig) -> int:
    """Of an episode that is kept: pictures take more memory than numbers."""
    report = inspect_environment(*config.environment)
    n_bytes = report.observation_size * (1 if report.layout is not None and report.layout.is_whole else 4)
    return max(1, min(MOST_REPLAY_STEPS, _MOST_OBSERVED_BYTES // n_bytes))


class _UnwantedError(Exception):
    """Nobody waits for the episode that is being played."""


def _replay_id(path: Path, seed: int, epsilon: float, env_kwargs: Arguments | None) -> str:
    """One id for one state of the weights file: a run that still trains writes it again and again."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:  # reading it will say so in words
        stamp = 0
    return hashlib.sha256(repr((str(path), stamp, seed, float(epsilon), env_kwargs)).encode()).hexdigest()[:20]
