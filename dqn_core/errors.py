"""Every error that the project raises on purpose.

    DqnLabError
    ├── BusyError                    the server does all that it can already: try again later
    ├── ConfigError                  a config with bad fields; names each field, its value, what is right
    ├── UnsupportedEnvironmentError  unknown id, missing package, or a space that DQN cannot use
    │   └── EnvironmentFailedError   its own code failed, or gave what no environment may give
    ├── ChangeRefusedError           a live change to a field that cannot change while a run trains
    ├── UnknownRunError              no run has this id
    ├── UnknownExperimentError       no experiment has this id
    ├── ClassError                   a class that there is not, or that refuses a nickname or a member
    ├── SubmissionError              a run that cannot stand on the leaderboard, or a name that cannot
    ├── RunStateError                a command that makes no sense in the run's present state
    ├── RunLostError                 a run that another server of the lab has taken over
    ├── LimitReachedError            more than this server gives to one visitor
    ├── AccessError                  what only a run's owner or the instructor may do
    ├── SettingError                 a setting of the server that is not valid
    ├── RunFolderError               a folder that is not a run, or whose files do not fit together
    ├── VideoError                   a video that cannot be made or written
    ├── RolloutError                 an episode that cannot be played with these settings, or not be drawn again
    ├── RewardFormulaError           a reward formula that cannot be read, or has no value in an env step
    ├── ExportError                  a run that cannot be written in another program's format
    ├── WeightsFileError             a file that weights cannot be taken from
    ├── StoreError                   the database of runs cannot be read or written
    ├── DivergenceError              the loss or the weights became NaN or infinite
    ├── WorkerDiedError              the process that trained a run went away before the run was over
    │   └── MachineLostError         its whole machine did
    ├── ClusterError                 the cluster on which runs are to train cannot be used
    └── UnavailableComputeError      the wanted compute is not on this machine

Each carries an English template and its parameters apart, so that a page can say the same in the reader's
language: ``translate(error.template).format(**error.parameters)``. ``str(error)`` is the English text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

__all__ = [
    "AccessError",
    "BusyError",
    "ChangeRefusedError",
    "ClassError",
    "ClusterError",
    "ComposedName",
    "ConfigError",
    "DivergenceError",
    "DqnLabError",
    "EnvironmentFailedError",
    "ExportError",
    "FieldProblem",
    "LimitReachedError",
    "MachineLostError",
    "RewardFormulaError",
    "RolloutError",
    "RunFolderError",
    "RunLostError",
    "RunStateError",
    "SettingError",
    "StoreError",
    "SubmissionError",
    "UnavailableComputeError",
    "UnknownExperimentError",
    "UnknownRunError",
    "UnsupportedEnvironmentError",
    "VideoError",
    "WeightsFileError",
    "WorkerDiedError",
    "mark",
    "mark_plural",
]


def mark(template: str) -> str:
    """Mark ``template`` for the message catalogs and give it back unchanged."""
    return template


def mark_plural(one: str, other: str, n: float) -> str:
    """The English template for ``n`` of something; both are marked, as the singular and plural of one message."""
    return one if n == 1 else other


class ComposedName(str):
    """A name that is put together of parts: the English text, which keeps its template and the parts.

    So it goes wherever a text goes, and a page can still say it in another language.
    """

    __slots__ = ("parts", "template")

    template: str
    parts: dict[str, object]

    def __new__(cls, template: str, **parts: object) -> Self:
        """The text of ``template`` with its ``parts``."""
        name = super().__new__(cls, template.format(**parts))
        name.template, name.parts = template, parts
        return name

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, object]]:
        return (self.template,), self.parts


class DqnLabError(Exception):
    """Base of all errors of this project: a template, its parameters, and a text that says what to do."""

    def __init__(self, template: str, **parameters: object) -> None:
        plain = {name: _plain(value) for name, value in parameters.items()}
        super().__init__(template, plain)
        self.template = template
        self.parameters = plain

    def __str__(self) -> str:
        return self.template.format(**self.parameters)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.template, self.parameters)


def _plain(value: object) -> object:
    """``value`` as something that pickles and goes into JSON: errors travel between processes and into the log."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _rebuild(kind: type[DqnLabError], template: str, parameters: dict[str, object]) -> DqnLabError:
    error = kind.__new__(kind)
    DqnLabError.__init__(error, template, **parameters)
    return error


@dataclass(frozen=True)
class FieldProblem:
    """One bad field of a config: its name, the value given, and what would be right."""

    field: str
    value: object
    template: str
    parameters: dict[str, object]

    def __str__(self) -> str:
        return f"{self.field} = {self.value!r}: {self.template.format(**self.parameters)}"


class ConfigError(DqnLabError):
    """A config with bad fields; ``problems`` holds one entry for each of them."""

    problems: tuple[FieldProblem, ...]

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__(mark("The configuration is not valid:\n{problems}"), problems="\n".join(map(str, problems)))
        self.problems = problems

    def __reduce__(self) -> tuple[object, ...]:
        return ConfigError, (self.problems,)


class BusyError(DqnLabError):
    """The server does as much of this as it can already: try again later."""


class UnsupportedEnvironmentError(DqnLabError):
    """The environment is unknown, cannot be made here, or has a space that DQN cannot use."""


class EnvironmentFailedError(UnsupportedEnvironmentError):
    """The environment's own code raised, or gave what no environment may give.

    The message names the environment, the method, the env step, what came and what was expected; where the cause is a
    common one, a second paragraph says how to mend it.
    """


class ChangeRefusedError(DqnLabError):
    """A live change to a field that cannot change while a run trains."""


class UnknownRunError(DqnLabError):
    """No run has this id."""


class UnknownExperimentError(DqnLabError):
    """No experiment has this id."""


class ClassError(DqnLabError):
    """A class that there is not, or that refuses a nickname or a member."""


class SubmissionError(DqnLabError):
    """A run that cannot stand on the leaderboard, or under this name."""


class RunStateError(DqnLabError):
    """A command that makes no sense in the run's present state."""


class RunLostError(DqnLabError):
    """A run that another server of the lab has taken over: nothing of it is this server's to write any more."""


class LimitReachedError(DqnLabError):
    """More than this server gives to one visitor."""


class AccessError(DqnLabError):
    """What only a run's owner or the instructor may do."""


class SettingError(DqnLabError):
    """A setting of the server that is not valid; the message names it and says what would be right."""


class RunFolderError(DqnLabError):
    """A folder that is not a run, or whose files do not fit together."""


class VideoError(DqnLabError):
    """A video that cannot be made or written."""


class RolloutError(DqnLabError):
    """An episode that cannot be played with these settings, or cannot be drawn again."""


class RewardFormulaError(DqnLabError):
    """A reward formula that cannot be read, with the place of its fault, or that has no finite value in an env step."""


class ExportError(DqnLabError):
    """A run that cannot be written in another program's format, or not where it was asked for."""


class WeightsFileError(DqnLabError):
    """A file that weights cannot be taken from: too large, of another kind, or with numbers that are none."""


class StoreError(DqnLabError):
    """The database of runs cannot be read or written; the message says what to do."""


class DivergenceError(DqnLabError):
    """The loss or the weights became NaN or infinite."""


class WorkerDiedError(DqnLabError):
    """The process that trained a run went away before the run was over; the message says how."""


class MachineLostError(WorkerDiedError):
    """The machine of a cluster that trained a run went away."""


class ClusterError(DqnLabError):
    """The cluster on which runs are to train cannot be used; the message says what to do."""


class UnavailableComputeError(DqnLabError):
    """The wanted compute (a CUDA device, say) is not on this machine."""
