"""Do one thing in a fresh interpreter and print the most memory, in bytes, that it had at any time.

python -m benchmarks.memory_probe WHAT COUNT
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["PROBES", "peak_bytes"]


def peak_bytes(process: int | str = "self") -> int:
    """Peak resident memory of a process; of another than this one only on Linux.

    Linux keeps it by process image; the resource module's figure would begin with the parent's.
    """
    status = Path("/proc") / str(process) / "status"
    if status.exists():
        (line,) = (line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _nothing(_count: int) -> None:
    pass


def _config(_count: int) -> None:
    import dqn_core.config
    import dqn_core.presets  # noqa: F401


def _learner(compute: str) -> Callable[[int], None]:
    def train(count: int) -> None:
        from dqn_core.cli.bench import speed_config, training_speed

        training_speed(speed_config("CartPole-v1", count, compute=compute))

    return train


def _replay(observation_size: int) -> Callable[[int], None]:
    def fill(count: int) -> None:
        from dqn_core.algorithm.replay import ReplayBuffer

        ReplayBuffer(count, observation_size).rows[:] = 1.0

    return fill


def _episodes(count: int) -> None:
    from benchmarks.event_costs import EventCosts, made_up_episode
    from dqn_core.config import TrainingConfig

    config = TrainingConfig()
    with tempfile.TemporaryDirectory() as folder, EventCosts(Path(folder), config) as costs:
        for number in range(1, count + 1):
            costs.recorder.take(made_up_episode(config, number))
        costs.recorder.flush()


def _stable_baselines(count: int) -> None:
    from benchmarks.rivals import stable_baselines_rate
    from dqn_core.cli.bench import speed_config

    stable_baselines_rate(speed_config("CartPole-v1", count))


PROBES: dict[str, Callable[[int], None]] = {
    "python": _nothing,
    "config": _config,
    "train_fused": _learner("fused"),
    "train_torch": _learner("torch-cpu"),
    "train_auto": _learner("auto"),
    "replay_4": _replay(4),
    "replay_8": _replay(8),
    "episodes": _episodes,
    "sb3": _stable_baselines,
}

if __name__ == "__main__":
    PROBES[sys.argv[1]](int(sys.argv[2]))
    print(peak_bytes())
