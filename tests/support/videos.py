"""What a video holds, read back by the encoder's own decoder or by Pillow."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Video:
    frames: list[np.ndarray]
    """Pictures [height, width, 3]."""
    seconds: float
    text: str
    """Everything that the file says of itself."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width, _ = self.frames[0].shape
        return width, height


def read_video(path: Path) -> Video:
    """The video at ``path``, MP4 or GIF."""
    return _gif(path) if path.suffix == ".gif" else _mp4(path)


def _mp4(path: Path) -> Video:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-fps_mode", "passthrough"]
    decoded = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True)
    text = decoded.stderr.decode()
    duration = re.search(r"Duration: (\d+):(\d+):([\d.]+)", text)
    size = re.search(r"Video: h264.*?, (\d+)x(\d+)", text)
    assert duration is not None
    assert size is not None
    hours, minutes, seconds = map(float, duration.groups())
    width, height = map(int, size.groups())
    frames = np.frombuffer(decoded.stdout, np.uint8).reshape(-1, height, width, 3)
    return Video(list(frames), 3_600 * hours + 60 * minutes + seconds, text)


def _gif(path: Path) -> Video:
    frames, milliseconds = [], 0
    with Image.open(path) as image:
        text = image.info.get("comment", b"").decode()
        for number in range(image.n_frames):
            image.seek(number)
            milliseconds += image.info["duration"]
            frames.append(np.asarray(image.convert("RGB")))
    return Video(frames, milliseconds / 1_000, text)
