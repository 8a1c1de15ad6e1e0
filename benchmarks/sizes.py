"""How much each part of the benchmark does."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "Sizes"]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Counts and seconds; ``FULL`` is what ``make bench`` takes, about half an hour on two cores."""

    envs: tuple[str, ...] = ("CartPole-v1", "LunarLander-v3")
    repetitions: int = 3
    """Rounds in which all that is compared runs once each."""
    loop_steps: int = 10_000
    """Env steps, each with an update, of one run of each implementation."""
    sustained_steps: int = 100_000
    """The same for the longer run of our own alone."""
    trial_steps: int = 1_500
    """The same for the runs that warm everything up and find the rivals' better number of threads."""
    widths: tuple[int, ...] = (32, 64, 256, 1_024)
    piece_s: float = 0.3
    """Seconds of one timed piece of a part of a step."""
    few_rows: int = 10_000
    many_rows: int = 1_000_000
    replay_steps: int = 10_000
    """Env steps of one timed piece with a full replay memory."""
    episodes: int = 20_000
    """Episodes of the run whose first and last are compared."""
    lab_steps: int = 53_192
    """Env steps of the lab's report on CartPole."""
    frames_rounds: int = 8
    frames_window_s: float = 2.0
    """Seconds over which a rate is taken, with and without frames."""
    processes_window_s: float = 5.0
    """Seconds over which the rate of runs side by side is taken."""
    first_visits: int = 5
    newcomers: int = 20
    """Seeds of a first run that somebody watches."""
    dashboard_rounds: int = 4
    dashboard_window_s: float = 5.0
    """Seconds over which a rate is taken, with and without a browser."""
    clicks: int = 20
    """Timed clicks on each control."""
    students: int = 60
    """Members of one class, on one server at a time."""
    class_browsers: int = 6
    """Of these, so many are real browsers, where there is one."""
    class_rest_s: float = 600.0
    """Seconds over which the server's memory is watched when all runs of the class are over."""
    soak_s: float = 600.0
    """Seconds over which a server's memory is watched."""
    soak_viewers: int = 20


FULL = Sizes()
QUICK = Sizes(
    repetitions=2,
    loop_steps=1_000,
    sustained_steps=5_000,
    trial_steps=300,
    widths=(32, 256),
    piece_s=0.05,
    many_rows=100_000,
    replay_steps=2_000,
    episodes=1_000,
    lab_steps=5_000,
    frames_rounds=2,
    frames_window_s=0.5,
    processes_window_s=1.0,
    first_visits=1,
    newcomers=1,
    dashboard_rounds=1,
    dashboard_window_s=2.0,
    clicks=4,
    students=3,
    class_browsers=1,
    class_rest_s=2.0,
    soak_s=20.0,
    soak_viewers=4,
)
