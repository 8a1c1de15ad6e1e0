"""Trainers that follow a script: what a run's events are is up to the test, and nothing is learned."""

from __future__ import annotations

import contextlib
import math
import queue
import time
from collections.abc import Callable, Iterator

from dqn_core.config import TrainingConfig
from dqn_core.events import (
    Change,
    Command,
    EndReason,
    EpisodeEnded,
    Event,
    Frame,
    HyperparametersChanged,
    Pause,
    Phase,
    Progress,
    Resume,
    RunEnded,
    RunStarted,
    RunState,
    SetHyperparameter,
    StateChanged,
    Step,
    Stop,
    Watch,
)
from dqn_core.runs.manager import RunManager

Mailbox = queue.SimpleQueue[Command]
Script = Callable[[TrainingConfig, Mailbox], Iterator[Event]]
Managed = Callable[..., RunManager]
"""Makes a manager, with settings of its own if need be, whose trainers follow a script."""
ManagerOn = Callable[..., RunManager]
"""Makes a manager with the executor that is its first argument; the second is its folder."""


class ScriptedTrainer:
    def __init__(self, config: TrainingConfig, mailbox: Mailbox, script: Script) -> None:
        self._events = lambda: script(config, mailbox)

    def events(self) -> Iterator[Event]:
        return self._events()


def following(script: Script) -> Callable[..., ScriptedTrainer]:
    """A trainer factory whose trainers follow ``script``."""
    return lambda config, mailbox, **_start: ScriptedTrainer(config, mailbox, script)


def started(compute: str = "fused") -> RunStarted:
    return RunStarted(
        compute=compute,
        compute_template="{compute} is the fastest here.",
        compute_parameters={"compute": compute},
        parameters=1_282,
    )


def episode(number: int, **values: object) -> EpisodeEnded:
    """Episode ``number`` (from 1), every value of it different from those of the others."""
    defaults = {
        "episode": number,
        "env_step": 20 * number,
        "wall_time_s": 0.1 * number,
        "episode_return": 20.0 + number / 3,
        "length": 20,
        "loss_mean": math.nan if number == 1 else 1 / number,
        "q_mean": 1 / 3 + number,
        "epsilon": 0.99**number,
        "gamma": 0.99,
        "learning_rate": 2e-4,
        "buffer_size": 1_000,
        "buffer_fill": min(1_000, 20 * number),
        "eval_return": math.nan if number % 2 else 100.0 + number % 7,
        "terminated": number % 3 != 0,
        "truncated": number % 3 == 0,
    }
    return EpisodeEnded(**defaults | values)


def progress(env_step: int = 100, **values: object) -> Progress:
    defaults = {
        "wall_time_s": env_step / 1_000,
        "env_step": env_step,
        "updates": env_step // 2,
        "episode": 1,
        "phase": Phase.TRAINING,
        "epsilon": 0.5,
        "steps_per_s": 1_000.0,
        "episode_return": 3.0,
        "buffer_fill": 100,
    }
    return Progress(**defaults | values)


def frame(env_step: int = 100) -> Frame:
    return Frame(
        episode=1,
        env_step=env_step,
        episode_step=7,
        episode_return=7.0,
        jpeg=b"\xff\xd8 picture %d" % env_step,
        q_values=(1.25, math.nan),
        action=1,
        is_greedy=True,
    )


def changed(field: str, old: object, new: object, env_step: int = 100) -> HyperparametersChanged:
    changes = (Change(field=field, old=old, new=new),)
    return HyperparametersChanged(wall_time_s=0.25, env_step=env_step, episode=1, changes=changes)


def ended(reason: EndReason = EndReason.MAX_EPISODES, episodes: int = 0, **values: object) -> RunEnded:
    defaults = {
        "reason": reason,
        "wall_time_s": 12.5,
        "episodes": episodes,
        "env_steps": 20 * episodes,
        "updates": 10 * episodes,
        "best_eval": math.nan,
    }
    return RunEnded(**defaults | values)


def a_run_of(episodes: int) -> Script:
    """Ends by itself after so many episodes."""

    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        for number in range(1, episodes + 1):
            yield episode(number)
            yield progress(20 * number)
        yield ended(episodes=episodes)

    return script


def obedient(episodes: int = 3, tick_s: float | None = None) -> Script:
    """Ends so many episodes, then does what it is told, until it is told to stop.

    With ``tick_s`` it has a heartbeat meanwhile, as a real trainer has: what is due is stored then.
    """

    def script(config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        for number in range(1, episodes + 1):
            yield episode(number)
        env_step = 20 * episodes
        yield progress(env_step)
        while True:
            match _next(mailbox, tick_s):
                case Stop(interruption):
                    reason = EndReason.INTERRUPTED if interruption else EndReason.STOPPED
                    yield ended(reason, episodes, template=interruption)
                    return
                case Pause():
                    yield StateChanged(state=RunState.PAUSED)
                case Resume():
                    yield StateChanged(state=RunState.RUNNING)
                case None | Step() as told:
                    env_step += told is not None
                    yield progress(env_step)
                case Watch():
                    yield frame(env_step)
                case SetHyperparameter(field, value):
                    old, config = config, config.changed_live(field, value)
                    yield changed(field, old.value(field), config.value(field), env_step)

    return script


def _next(mailbox: Mailbox, tick_s: float | None) -> Command | None:
    """The next command; None where there was none for ``tick_s``."""
    with contextlib.suppress(*([queue.Empty] if tick_s else [])):
        return mailbox.get(timeout=tick_s or 60)
    return None


def lose_locks(manager: RunManager) -> None:
    """As after a power cut, or on a file system that has no locks: another server may come."""
    manager._data.lock.release()
    manager.store.database._backend.disclaim()


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again and again, for things that another thread or process brings about.

    Waits for as long as the test may take: how fast the machine is decides nothing else.
    """
    while not holds():
        time.sleep(0.005)


def wait_for_end(manager: RunManager, run_id: str) -> None:
    """Until the run's thread is gone, and with it everything it had to do."""
    run = manager._runs[run_id]
    wait_until(lambda: run.thread is not None)
    wait_until(lambda: not run.is_at_work)
    run.wait(60)  # for its thread to be gone too; its environments have a moment to close


def same(left: object, right: object) -> bool:
    """Whether two events say the same, NaN being equal to NaN."""
    return repr(left) == repr(right)
