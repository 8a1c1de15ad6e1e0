"""``python -m dqn_core record``: an episode of a trained agent as a video, and a JSON object on what it shows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from dqn_core.cli.process import ARGUMENTS_BY_NAME, stdout_for_result, weights_or_last
from dqn_core.config import NO_ARGUMENTS, Arguments
from dqn_core.json_text import json_text

__all__ = ["record"]


@dataclass(frozen=True, kw_only=True)
class _RecordOptions:
    """Record one episode of a trained agent as a video, MP4 or GIF."""

    folder: tyro.conf.Positional[Path]
    """A run's folder (the --out of train)."""
    out: Path | None = None
    """The video, NAME.mp4 or NAME.gif, or an existing folder for it; the run's folder if not given."""
    seed: int = 1
    """Reset seed of the episode; evaluate plays the same one on the same seed."""
    weights: str | None = None
    """Weights to play with: "best" (of the best evaluation), "last" (of the run's end), or a snapshot's name. If not
    given: the best, or the last of a run that was never evaluated."""
    epsilon: float = 0.0
    """Probability of a random action; 0 plays greedily."""
    env_kwargs: Arguments = NO_ARGUMENTS
    """Arguments of the environment that differ from those of the run, as in gravity=-3.7; if none is given: those that
    the run's own evaluations had."""
    overlay: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write the step, the return so far and every action's Q-value on the pictures."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No progress bar."""


def record(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    options = tyro.cli(_RecordOptions, args=arguments, prog="python -m dqn_core record", registry=ARGUMENTS_BY_NAME)
    with stdout_for_result() as say:
        say(json_text(_recorded(options)))
    return 0


def _recorded(options: _RecordOptions) -> dict[str, object]:
    """Play the episode and write its video; what the video shows."""
    from dqn_core.environments.make import inspect_environment
    from dqn_core.environments.settings import check_environment
    from dqn_core.episodes.episode import Rollout, roll_out
    from dqn_core.episodes.frames import MOST_VIDEO_STEPS
    from dqn_core.episodes.video import (
        VideoOptions,
        check_format,
        video_comment,
        video_name,
        write_episode_video,
    )
    from dqn_core.training.budget import shortened
    from dqn_core.training.run_folder import RunFolder

    is_folder = options.out is None or options.out.is_dir()
    if options.out is not None and not is_folder:
        check_format(options.out)  # refuses before the episode is played
    folder = RunFolder.open(options.folder)
    weights = weights_or_last(folder, options.weights)
    whole = folder.config.played_with(options.env_kwargs or None)
    check_environment(whole)
    config = shortened(whole, MOST_VIDEO_STEPS)
    rollout: Rollout = roll_out(config, folder.snapshot_weights(weights), options.seed, options.epsilon)
    if rollout.length == MOST_VIDEO_STEPS and config != whole:
        print(f"The video ends after {MOST_VIDEO_STEPS:,} steps; the episode goes on.", file=sys.stderr)
    place = options.out or options.folder
    path = place / video_name(config, rollout, ".mp4") if is_folder else place
    comment = video_comment(rollout, run=options.folder.resolve().name, snapshot=weights)
    with tqdm(total=rollout.length + 1, disable=options.quiet, unit="picture", file=sys.stderr) as bar:
        write_episode_video(
            config,
            rollout,
            path,
            VideoOptions(overlay=options.overlay, comment=comment),
            on_picture=lambda count: bar.update(count - bar.n),
        )
    return {
        "out": str(path),
        "env": config.env_id,
        **({"env_kwargs": config.env_kwargs.to_dict()} if config.env_kwargs else {}),
        "weights": weights,
        "seed": rollout.seed,
        "epsilon": rollout.epsilon,
        "return": rollout.episode_return,
        "steps": rollout.length,
        "frames": rollout.length + 1,
        "frames_per_s": inspect_environment(*config.environment).frames_per_s,
        "bytes": path.stat().st_size,
    }
