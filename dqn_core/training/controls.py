"""What people want of a running trainer: pause, single steps, pace, frames, stop, live changes, a checkpoint.

Commands arrive in a mailbox that any thread may write to; the trainer reads it at the points of its loop.
"""

from __future__ import annotations

import math
import queue
from collections.abc import Callable

from dqn_core.events import (
    Command,
    Pause,
    Resume,
    SetHyperparameter,
    SetPace,
    Step,
    Stop,
    TakeCheckpoint,
    Watch,
)

__all__ = ["Controls", "Mailbox", "StopRequestedError"]

Mailbox = queue.SimpleQueue[Command]
_FEW_STEPS = 30
_LARGEST_FRAME_SHARE = 0.1
"""Of a run's time at full speed that frames may take: an environment that draws slowly shows fewer."""
_AUTOMATIC_PACE = ((6.0, 1.0), (12.0, 4.0), (18.0, 16.0))
"""(seconds since the first training step, multiple of the first pace until then); full speed after the last."""
_UNWATCHED_S = 5.0
"""A page has this long to say that somebody watches."""
Clock = Callable[[], float]


class StopRequestedError(Exception):
    """Unwinds the trainer's loop after a Stop; never leaves the trainer."""

    def __init__(self, interruption: str) -> None:
        super().__init__(interruption)
        self.interruption = interruption


class Controls:
    """The commands that hold at present. ``clock`` gives seconds."""

    def __init__(self, mailbox: Mailbox, clock: Clock) -> None:
        self._mailbox = mailbox
        self._clock = clock
        self.is_paused = False
        self._changes: list[SetHyperparameter] = []
        self._single_steps = 0
        self._wants_checkpoint = False
        self._step_interval = 0.0
        self._next_step_at = -math.inf
        self._rises_from: float | None = None
        """Steps a second that an automatic pace begins with; None where the pace stays as it is."""
        self._rises_since: float | None = None
        self._watched_until = self._saliency_until = -math.inf
        self._frame_interval = 0.1
        self._next_frame_at = -math.inf

    def receive(self, timeout: float | None = 0.0) -> None:
        """Take every command that is there; wait up to ``timeout`` seconds for a first one (None: as long as it takes).

        Raises :class:`StopRequestedError` for a Stop.
        """
        try:
            self._follow(self._mailbox.get(block=timeout != 0.0, timeout=timeout))
            while True:
                self._follow(self._mailbox.get_nowait())
        except queue.Empty:
            return

    def _follow(self, command: Command) -> None:
        match command:
            case Pause():
                self.is_paused, self._single_steps = True, 0
            case Resume():
                self.is_paused, self._next_step_at = False, -math.inf
            case Step():
                self.is_paused = True
                self._single_steps += 1
            case Stop(interruption):
                raise StopRequestedError(interruption)
            case SetPace(steps_per_s, is_automatic):
                self._step_interval = 0.0 if steps_per_s is None or is_automatic else 1.0 / steps_per_s
                self._next_step_at = -math.inf
                self._rises_from, self._rises_since = (steps_per_s if is_automatic else None), None
            case Watch(seconds, frames_per_s, with_saliency):
                self._watched_until = self._clock() + seconds
                if with_saliency:
                    self._saliency_until = self._watched_until
                self._frame_interval = 1.0 / frames_per_s
            case SetHyperparameter():
                self._changes.append(command)
            case TakeCheckpoint():
                self._wants_checkpoint = True

    def take_changes(self) -> list[SetHyperparameter]:
        """The live changes that were asked for since this was last called."""
        changes, self._changes = self._changes, []
        return changes

    def take_single_step(self) -> bool:
        """Use up one single step that was asked for; False where none is left."""
        if self._single_steps == 0:
            return False
        self._single_steps -= 1
        return True

    def take_checkpoint_request(self) -> bool:
        """Whether a checkpoint was asked for since this was last called."""
        wanted, self._wants_checkpoint = self._wants_checkpoint, False
        return wanted

    @property
    def needs_every_step(self) -> bool:
        """Whether the trainer has to poll before each env step: paused, or slower than full speed."""
        return self.is_paused or self._step_interval > 0.0 or self._rises_from is not None

    def keep_pace(self, *, is_warming_up: bool = False) -> None:
        """Wait until the next env step is due, taking commands meanwhile."""
        if self._rises_from is not None and not is_warming_up:
            self._rise(self._rises_from)
        while not self.is_paused and self._step_interval > 0.0 and (wait := self._next_step_at - self._clock()) > 0.0:
            self.receive(timeout=min(wait, 0.05))
        now = self._clock()
        # A step late by less than an interval keeps the beat; one that fell further behind does not hurry after it.
        on_beat = self._next_step_at > now - self._step_interval
        self._next_step_at = (self._next_step_at if on_beat else now) + self._step_interval

    def _rise(self, first_pace: float) -> None:
        """Follow the automatic pace, which ends at full speed."""
        now = self._clock()
        since = self._rises_since = now if self._rises_since is None else self._rises_since
        multiple = next((multiple for until, multiple in _AUTOMATIC_PACE if now - since < until), None)
        if multiple is None or (now - since > _UNWATCHED_S and not self.is_watched):
            self._rises_from, self._step_interval = None, 0.0
        else:
            self._step_interval = 1.0 / (multiple * first_pace)

    @property
    def is_watched(self) -> bool:
        """Whether somebody wants frames now."""
        return self._clock() < self._watched_until

    @property
    def wants_saliency(self) -> bool:
        """Whether somebody wants to know how much the Q-values hang on each point of a frame."""
        return self._clock() < self._saliency_until

    @property
    def shows_motion(self) -> bool:
        """Whether frames come every few steps, so that somebody sees one follow from the other."""
        few = _FEW_STEPS * self._step_interval >= self._frame_interval
        return self.is_watched and (self.is_paused or few)

    def take_frame(self) -> bool:
        """Whether a frame is due; if so, the next is due one interval later."""
        now = self._clock()
        if now >= self._watched_until or now < self._next_frame_at:
            return False
        self._next_frame_at = now + self._frame_interval
        return True

    def note_frame_cost(self, seconds: float) -> None:
        """Put the next frame off so far that frames, at ``seconds`` each, take a small share of the run's time."""
        if not self.needs_every_step:  # a slow pace leaves time enough
            self._next_frame_at = max(self._next_frame_at, self._clock() + seconds * (1 / _LARGEST_FRAME_SHARE - 1))

    @property
    def next_frame_at(self) -> float:
        """Clock time of the next frame; infinite where nobody watches."""
        return self._next_frame_at if self.is_watched else math.inf
