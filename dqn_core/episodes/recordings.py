"""Episodes of a run kept to be seen again, so that a person can watch it learn.

Kept is how the environment was reset and what was done, a few hundred bytes: pictures are drawn later, for those who
ask. Which training episodes are kept follows from their numbers alone, and so do those that go again: at most 120,
always spread evenly over what was trained (:func:`thinning_interval`, as for snapshots).

DIR/recordings/
├── episode-00000012.json ...     training episodes, as they were played with their exploration
└── best-00000340.json ...        of each new best evaluation its first, greedy episode; the newest 30
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from dqn_core.errors import RunFolderError, mark
from dqn_core.events import EpisodeRecorded
from dqn_core.files import write_atomically
from dqn_core.json_text import json_text, nan_if_none

__all__ = [
    "list_recordings",
    "read_recording",
    "recording_name",
    "remove_later_recordings",
    "thinning_interval",
    "write_recordings",
]

_FOLDER = "recordings"
_MOST_BESTS = 30
_MOST_KEPT = 60
_NAME = re.compile(r"(episode|best)-\d{8}", re.ASCII)
_LARGEST_FILE = 10_000_000
_MOST_ACTIONS = 10_000_000
"""No file of this program comes near these; one that does was made by somebody else, and is not read whole."""


def thinning_interval(episode: int) -> int:
    """k: of the episodes up to ``episode``, each whose number is a multiple of k is recorded, and has a snapshot.

    A power of two that doubles whenever more than 60 would be kept beside the one before the first episode: dense in
    the beginning, and always spread evenly over what was trained.
    """
    return 1 << max(0, math.ceil(episode / _MOST_KEPT) - 1).bit_length()


def write_recordings(folder: Path, recordings: Sequence[EpisodeRecorded]) -> None:
    """Write recordings into a run's folder, and remove those that are one too many now."""
    place = folder / _FOLDER
    place.mkdir(exist_ok=True)
    for each in recordings:
        _write(place, each)
    if any(each.kind == "best" for each in recordings):
        for path in sorted(place.glob("best-*.json"))[:-_MOST_BESTS]:
            path.unlink(missing_ok=True)
    training = [each.episode for each in recordings if each.kind == "training"]
    if training:
        interval = thinning_interval(max(training))
        for path in place.glob("episode-*.json"):
            if int(path.stem.removeprefix("episode-")) % interval:
                path.unlink(missing_ok=True)


def _write(place: Path, recording: EpisodeRecorded) -> None:
    values = {each.name: getattr(recording, each.name) for each in fields(recording)}
    values["actions"] = base64.b85encode(zlib.compress(np.array(recording.actions, np.uint16).tobytes())).decode()
    # One of many to look back at is not worth waiting for the disk; a crash of the machine may cost it.
    write_atomically(place / f"{recording_name(recording)}.json", json_text(values).encode(), is_lasting=False)


def recording_name(recording: EpisodeRecorded) -> str:
    """What :func:`read_recording` takes: ``episode-00000012`` or ``best-00000340``."""
    return f"{'best' if recording.kind == 'best' else 'episode'}-{recording.episode:08}"


def list_recordings(folder: Path) -> tuple[EpisodeRecorded, ...]:
    """Every readable recording in a run's folder, by episode, a training episode before the evaluation after it."""
    found = []
    for path in (folder / _FOLDER).glob("*.json"):
        try:
            found.append(read_recording(folder, path.stem))
        except RunFolderError:  # damaged, or removed at this very moment
            continue
    return tuple(sorted(found, key=lambda each: (each.episode, each.kind == "best")))


def read_recording(folder: Path, name: str) -> EpisodeRecorded:
    """The recording ``name`` in a run's folder; raises :class:`RunFolderError` for a missing or damaged one."""
    if not _NAME.fullmatch(name):
        raise RunFolderError(mark("{name} is no recorded episode's name."), name=repr(name[:40]))
    path = folder / _FOLDER / f"{name}.json"
    try:
        with path.open("rb") as file:
            return _from_values(json.loads(file.read(_LARGEST_FILE)))
    except FileNotFoundError as error:
        template = mark("Episode {name} of this run is no longer recorded: choose another.")
        raise RunFolderError(template, name=name) from error
    except (OSError, ValueError, TypeError, KeyError, zlib.error) as error:
        raise RunFolderError(mark("{path} is not a readable recording: {cause}"), path=path, cause=error) from error


def remove_later_recordings(folder: Path, env_step: int) -> None:
    """Remove what was recorded after ``env_step``: a run that goes on from there records it again."""
    for recording in list_recordings(folder):
        if recording.env_step > env_step:
            (folder / _FOLDER / f"{recording_name(recording)}.json").unlink(missing_ok=True)


def _from_values(values: dict[str, Any]) -> EpisodeRecorded:
    unpacker = zlib.decompressobj()
    actions = unpacker.decompress(base64.b85decode(values["actions"]), _MOST_ACTIONS * 2)
    if not unpacker.eof:
        message = "its actions are incomplete"
        raise ValueError(message)
    seed, generator, env_kwargs = values["seed"], values["generator"], values.get("env_kwargs")
    return EpisodeRecorded(
        kind="best" if values["kind"] == "best" else "training",
        episode=int(values["episode"]),
        env_step=int(values["env_step"]),
        episode_return=float(nan_if_none(values["episode_return"])),
        eval_return=float(nan_if_none(values["eval_return"])),
        seed=None if seed is None else int(seed),
        generator=None if generator is None else dict(generator),
        actions=tuple(np.frombuffer(actions, np.uint16).tolist()),
        env_kwargs=None if env_kwargs is None else dict(env_kwargs),
    )
