"""An episode as a video: MP4 (H.264, which every browser plays) or GIF, in real time, with or without an overlay.

Pictures are written one by one, so that memory does not grow with the video's length. Until a video is whole, and for
good where something fails, nothing stands under its name.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.GifImagePlugin import getdata, getheader

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.episodes.episode import RecordedEpisode, Rollout
from dqn_core.episodes.frames import MOST_VIDEO_STEPS, draw_episode
from dqn_core.episodes.overlay import NO_TRANSLATION, with_overlay
from dqn_core.episodes.recordings import recording_name
from dqn_core.errors import VideoError, mark

__all__ = [
    "PlayedEpisode",
    "VideoInfo",
    "VideoOptions",
    "check_format",
    "not_written",
    "part_path",
    "video_comment",
    "video_name",
    "write_episode_video",
    "write_video",
]

_FORMATS = (".mp4", ".gif")
_SYSTEM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.ENOENT, errno.EIO)
_COLORS = 256
_DRAWN_COLORS = 2_048
"""A drawing has no more, smoothed edges included; a picture that has more is treated as a photograph."""
_SHORTEST_DELAY = 2
"""Hundredths of a second: browsers show a GIF whose delay is shorter ten times slower."""

Picture = NDArray[np.uint8]
OnPicture = Callable[[int], object]
"""Told the number of pictures written so far, after each; what it raises breaks off, and nothing is left behind."""


_GAP = 8
"""Pixels between two episodes side by side."""


class PlayedEpisode(NamedTuple):
    """An episode, and the config of the run that it is of."""

    config: TrainingConfig
    episode: RecordedEpisode


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """What a video of an episode shows beside the environment."""

    overlay: bool = False
    """Whether the step, the return so far and, of a rollout, every action's Q-value are written on the pictures."""
    translation: Mapping[str, str] = field(default_factory=lambda: NO_TRANSLATION)
    """What is written, in another language, as :func:`~dqn_core.episodes.overlay.with_overlay` takes it."""
    comment: str = ""
    """Kept in the file beside its title, which has the return."""
    beside: PlayedEpisode | None = None
    """Another episode in the same environment, shown to the right, in step."""


def write_episode_video(
    config: TrainingConfig,
    recorded: RecordedEpisode,
    path: Path,
    options: VideoOptions | None = None,
    on_picture: OnPicture | None = None,
) -> None:
    """Write an episode's T + 1 states into ``path``, NAME.mp4 or NAME.gif, at the environment's pace.

    Those after :data:`~dqn_core.episodes.frames.MOST_VIDEO_STEPS` are left out. Of two episodes side by side, the
    shorter stands still at its end.

    Raises
    ------
    VideoError
        The format is unknown, nothing here can encode it, or the disk refuses.
    RolloutError, UnsupportedEnvironmentError
        As :func:`~dqn_core.episodes.frames.draw_episode` does.
    """
    check_format(path)
    environment = inspect_environment(*config.environment)
    options = options or VideoOptions()
    shown = [PlayedEpisode(config, recorded), *([options.beside] if options.beside else [])]
    pictures = _side_by_side([_pictures(each, environment.action_names, options) for each in shown])
    which = f"seed {recorded.seed}" if isinstance(recorded, Rollout) else f"episode {recorded.episode}"
    returns = " and ".join(_short_number(each.episode.episode_return) for each in shown)
    title = f"{config.env_id}, {which}, {'returns' if options.beside else 'return'} {returns}"
    info = VideoInfo(frames_per_s=environment.frames_per_s, title=title, comment=options.comment)
    write_video(path, pictures, info, on_picture)


def _pictures(shown: PlayedEpisode, action_names: Sequence[str], options: VideoOptions) -> Iterator[Picture]:
    frames = draw_episode(shown.config, shown.episode, MOST_VIDEO_STEPS)
    if options.overlay:
        return with_overlay(frames, shown.episode, action_names, options.translation)
    return (frame.pixels for frame in frames)


def _side_by_side(episodes: Sequence[Iterable[Picture]]) -> Iterator[Picture]:
    """Pictures of several episodes as one, from left to right; those that are over stay as they were."""
    newest: list[Picture] = []
    for pictures in itertools.zip_longest(*episodes):
        newest = [after if after is not None else before for before, after in itertools.zip_longest(newest, pictures)]
        yield functools.reduce(_beside, newest)


def _beside(left: Picture, right: Picture) -> Picture:
    height = max(len(left), len(right))
    left, right = (np.pad(each, ((0, height - len(each)), (0, 0), (0, 0))) for each in (left, right))
    return np.concatenate([left, np.zeros((height, _GAP, 3), np.uint8), right], axis=1)


def video_name(
    config: TrainingConfig, recorded: RecordedEpisode, kind: str, beside: RecordedEpisode | None = None
) -> str:
    """A file's name with the return in it: ``CartPole-v1-seed1-return500.mp4`` or ``...-episode-00000012-return37``.

    Of two episodes it has both: ``CartPole-v1-seed1-return9-and-500.mp4``.
    """
    environment = re.sub(r"[^\w.-]+", "-", config.env_id)
    which = f"seed{recorded.seed}" if isinstance(recorded, Rollout) else recording_name(recorded)
    returns = "-and-".join(_short_number(each.episode_return) for each in (recorded, beside) if each is not None)
    return f"{environment}-{which}-return{returns}{kind}"


def video_comment(rollout: Rollout, *, run: str, snapshot: str) -> str:
    """Where a rollout comes from, for the file itself."""
    policy = f"epsilon {rollout.epsilon:g}" if rollout.epsilon else "greedy"
    return f"run {run}, {snapshot} snapshot, {policy}, {rollout.length} steps"


def _short_number(value: float) -> str:
    """``value`` for a file's name: at most two decimals, and none that is 0."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


# ------------------------------------------------------------------------------------------------ pictures to a file


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a video is beside its pictures."""

    frames_per_s: float
    title: str
    comment: str = ""
    """Both are kept in the file."""


class VideoWriter(Protocol):
    """Takes pictures [height, width, 3], all of one size."""

    def write(self, picture: Picture) -> None:
        """Add a picture; raises :class:`OSError` where it cannot be written."""

    def finish(self) -> None:
        """Write what is left; raises :class:`OSError` likewise."""

    def stop(self) -> None:
        """Close the file and end every process."""


def write_video(path: Path, pictures: Iterable[Picture], info: VideoInfo, on_picture: OnPicture | None = None) -> None:
    """Write pictures [height, width, 3], all of one size, as they come; ``path`` is there when all are, or not at all.

    An MP4's sides are even: the last row or column of an odd picture is doubled.
    """
    kind, part = check_format(path), part_path(path)
    with _writing(path, part):
        writer: VideoWriter | None = None
        try:
            for count, each in enumerate(pictures, start=1):
                picture = _even(each) if kind == ".mp4" else each
                if writer is None:
                    size = picture.shape[1], picture.shape[0]
                    writer = _Mp4Writer(part, size, info) if kind == ".mp4" else _GifWriter(part, size, info)
                writer.write(picture)
                if on_picture is not None:
                    on_picture(count)
            if writer is None:
                raise VideoError(mark("There are no frames to make a video of."))
            writer.finish()
        finally:
            if writer is not None:
                writer.stop()
        part.replace(path)


def part_path(path: Path) -> Path:
    """Where a video lies until it is whole: beside its place, hidden."""
    return path.with_name(f".{path.name}.part")


def check_format(path: Path) -> str:
    """The format by the name's ending; raises :class:`VideoError` for one that is not known."""
    kind = path.suffix.lower()
    if kind not in _FORMATS:
        raise VideoError(mark("The name of a video must end in .mp4 or .gif; {name} does not."), name=path.name)
    return kind


def not_written(path: Path, error: OSError) -> VideoError:
    """What the disk refused, as an error to show."""
    template = mark("The video could not be written to {path} ({cause}): make room, or choose another place.")
    return VideoError(template, path=path, cause=error)


@contextlib.contextmanager
def _writing(path: Path, part: Path) -> Iterator[None]:
    """Whatever happens, no part is left."""
    try:
        yield
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _even(picture: Picture) -> Picture:
    """``picture`` with even sides."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


# --------------------------------------------------------------------------------------------------------- MP4


class _Mp4Writer:
    """Pipes raw pictures into ffmpeg. One thread: whoever trains beside it shall not feel it."""

    def __init__(self, path: Path, size: tuple[int, int], info: VideoInfo) -> None:
        command = [_ffmpeg(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += [
            "-s",
            "{}x{}".format(*size),
            "-r",
            str(Fraction(info.frames_per_s).limit_denominator(1_001)),
            "-i",
            "-",
        ]
        command += ["-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-threads", "1"]
        command += ["-pix_fmt", "yuv420p", "-movflags", "+faststart"]
        command += ["-metadata", f"title={info.title}", "-metadata", f"comment={info.comment}", "-f", "mp4", str(path)]
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop; a pipe that nobody reads could fill
        self._process = subprocess.Popen(  # noqa: S603  a list of our own, no shell
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._complaints
        )

    def write(self, picture: Picture) -> None:
        try:
            self._input.write(np.ascontiguousarray(picture).data)
        except (BrokenPipeError, ValueError) as error:  # it has gone, and says why
            raise self._failure() from error

    def finish(self) -> None:
        try:
            self._input.close()
        except BrokenPipeError as error:
            raise self._failure() from error
        if self._process.wait() != 0:
            raise self._failure()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._input.close()
        self._complaints.close()

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101  asked for above
        return self._process.stdin

    def _failure(self) -> OSError:
        """Why ffmpeg gave up: what the system told it, if that is among its many words, else the last of them."""
        status = self._process.wait()
        self._complaints.seek(0)
        words = self._complaints.read().decode("utf-8", "replace").strip()
        number = next((each for each in _SYSTEM_ERRORS if os.strerror(each) in words), None)
        if number is not None:
            return OSError(number, os.strerror(number))
        return OSError(words.splitlines()[-1] if words else f"ffmpeg ended with status {status}")


def _ffmpeg() -> str:
    """The encoder that imageio-ffmpeg brings along, or the system's."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        program: str = get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        template = mark(
            "There is no ffmpeg here, which MP4 needs: install it (pip install imageio-ffmpeg), or choose GIF."
        )
        raise VideoError(template) from error
    if not Path(program).exists() and "/" in program:
        template = mark("The ffmpeg at {path} is missing, which MP4 needs: correct IMAGEIO_FFMPEG_EXE, or choose GIF.")
        raise VideoError(template, path=program)
    return program


# --------------------------------------------------------------------------------------------------------- GIF


class _GifWriter:
    """Writes each picture's changed part with a palette of its own.

    Pillow's own writer of animations keeps all pictures in memory and leaves out those that are like the one before.
    """

    def __init__(self, path: Path, size: tuple[int, int], info: VideoInfo) -> None:
        self._info = info
        self._file = path.open("wb")
        self._count = 0
        self._palettes = _Palettes()
        self._last = np.zeros((size[1], size[0], 3), np.uint8)

    def write(self, picture: Picture) -> None:
        if self._count == 0:
            left, top, part = 0, 0, picture
            header, _ = getheader(self._palettes.reduce(picture), info={"loop": 0, "comment": self._comment()})
            self._file.writelines(header)
        else:
            left, top, part = _changed_part(self._last, picture)
        image, milliseconds = self._palettes.reduce(part), 10 * self._delay()
        self._file.writelines(getdata(image, (left, top), duration=milliseconds, include_color_table=True, disposal=1))
        self._last, self._count = picture, self._count + 1

    def finish(self) -> None:
        self._file.write(b";")
        self._file.close()

    def stop(self) -> None:
        with contextlib.suppress(OSError):  # what is still in its buffer may not fit on the disk either
            self._file.close()

    def _comment(self) -> bytes:
        return "\n".join(filter(None, (self._info.title, self._info.comment))).encode()

    def _delay(self) -> int:
        """Hundredths of a second of the next picture, rounded so that the video as a whole keeps its time."""
        begin, end = (round(100 * number / self._info.frames_per_s) for number in (self._count, self._count + 1))
        return max(_SHORTEST_DELAY, end - begin)


def _changed_part(before: Picture, after: Picture) -> tuple[int, int, Picture]:
    """(left, top, picture) of the smallest rectangle with every change; one pixel where nothing changed."""
    changed = (before != after).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not rows.size:
        return 0, 0, after[:1, :1]
    top, left = int(rows[0]), int(columns[0])
    return left, top, after[top : rows[-1] + 1, left : columns[-1] + 1]


class _Palettes:
    """Pictures with 256 colours at most: their own where they have no more, else their most frequent ones.

    Pillow's choice of colours takes ten times as long, and blurs the flat areas that drawn environments consist of.
    """

    def __init__(self) -> None:
        self._index_of = np.zeros(1 << 24, np.uint8)  # by red, green and blue in one number; what is not used is stale

    def reduce(self, picture: Picture) -> Image.Image:
        """``picture`` [height, width, 3] as an image with a palette."""
        image = Image.fromarray(np.ascontiguousarray(picture))
        counted = image.getcolors(_DRAWN_COLORS)
        if counted is None:  # more like a photograph
            return image.quantize(_COLORS, Image.Quantize.MEDIANCUT)
        counted.sort(reverse=True)
        colors = np.array([color for _count, color in counted], np.int32)  # [n, 3], the most frequent first
        palette = colors[:_COLORS]
        rare = colors[_COLORS:, None] - palette  # [n - 256, 256, 3]
        nearest = (rare * rare).sum(axis=2).argmin(axis=1)
        self._index_of[_packed(colors)] = np.concatenate([np.arange(len(palette)), nearest])
        reduced = Image.fromarray(self._index_of[_packed(picture.astype(np.int32))])
        reduced.putpalette(palette.astype(np.uint8).tobytes())
        return reduced


def _packed(colors: NDArray[np.int32]) -> NDArray[np.int32]:
    """[..., 3] -> [...]: a colour as one number."""
    return colors[..., 0] << 16 | colors[..., 1] << 8 | colors[..., 2]
