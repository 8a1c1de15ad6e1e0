"""Pictures one by one into a film: H.264 in MP4, which every browser plays, or GIF. Memory does not grow with length.

A writer is given its whole file at :meth:`close`; until then, and for good where something fails or it is left by an
exception, nothing stands under the film's name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.GifImagePlugin import getdata, getheader

from dqn_core.errors import VideoError, mark

__all__ = ["FORMATS", "MovieInfo", "MovieWriter", "movie_writer"]

FORMATS = (".mp4", ".gif")
_SYSTEM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.ENOENT, errno.EIO)
_COLORS = 256
_DRAWN_COLORS = 2_048
"""A drawing has no more, smoothed edges included; a picture that has more is treated as a photograph."""
_SHORTEST_DELAY = 2
"""Hundredths of a second: browsers show a GIF whose delay is shorter ten times slower."""

Picture = NDArray[np.uint8]


class MovieWriter(Protocol):
    """Takes pictures [height, width, 3], all of one size."""

    def write(self, picture: Picture) -> None:
        """Add a picture; raises :class:`OSError` where it cannot be written."""

    def finish(self) -> None:
        """Write what is left; raises :class:`OSError` likewise."""

    def stop(self) -> None:
        """Let go of the file and of every process."""


@dataclass(frozen=True, kw_only=True)
class MovieInfo:
    """What a film is beside its pictures."""

    frames_per_s: float
    title: str
    comment: str = ""
    """Both are kept in the file."""


def movie_writer(path: Path, kind: str, size: tuple[int, int], info: MovieInfo) -> MovieWriter:
    """A writer into the file ``path`` of the format ``kind``, one of :data:`FORMATS`; ``size`` is (width, height).

    Raises
    ------
    VideoError
        Nothing here can encode MP4.
    OSError
        The file cannot be made.
    """
    writer = _Mp4Writer if kind == ".mp4" else _GifWriter
    return writer(path, size, info)


# --------------------------------------------------------------------------------------------------------- MP4


class _Mp4Writer:
    """Pipes raw pictures into ffmpeg. One thread: whoever trains beside it shall not feel it."""

    def __init__(self, path: Path, size: tuple[int, int], info: MovieInfo) -> None:
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

    def __init__(self, path: Path, size: tuple[int, int], info: MovieInfo) -> None:
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
        """Hundredths of a second of the next picture, rounded so that the film as a whole keeps its time."""
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
