"""Which learner does a run's updates: the one that the config names, or the fastest here for the run's network.

The choice never touches the run's randomness: initial weights come from the generator passed in, once, and timing uses
throw-away learners on made-up transitions.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import statistics
import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.networks import Network, PictureShape, initial_weights, network_of, parameter_count
from dqn_core.algorithm.normalization import NormalizedLearner
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig
from dqn_core.errors import UnavailableComputeError, mark

__all__ = ["CALIBRATION_S", "ComputeChoice", "KnownRates", "adopt_rates", "known_rates", "make_learner"]

_CANDIDATES = ("fused", "torch-cpu", "torch-cuda")
CALIBRATION_S = 0.3
"""Seconds that all timings for one choice take together at most."""
_ROUNDS = 10
"""Parts of that time; after each, timing ends if one candidate is far ahead."""
_FAR_AHEAD = 3.0
"""Times as fast as any other: more timing would not change the choice."""

_MOSTLY_EMPTY = 1.3
"""Standard deviations that a tenth of normal numbers exceeds."""
_FUSED_KINDS = ("dense", "minatar")
"""Networks that the fused learner covers."""
_LARGE_KINDS = ("nature", "impala")
"""Networks that do so much with each weight that a single update could outlast the calibration."""
_LARGE_WORK = 200_000_000
"""Parameters times batch rows above which a single update could outlast the calibration."""

KnownRates = dict[tuple[object, ...], dict[str, float]]
"""Updates a second of each candidate, by the kind of work."""

_SHAPING = (
    "loss",
    "double_dqn",
    "dueling",
    "noisy_nets",
    "distribution",
    "quantiles",
    "minibatch_size",
    "loss_over_all_outputs",
    "adam_epsilon_hat",
    "mixed_precision",
)
"""Fields that change what an update does, beside those that only count in part."""

_LOG = logging.getLogger(__name__)
_rates_seen: KnownRates = {}
_calibrating = threading.Lock()


@dataclasses.dataclass(frozen=True)
class ComputeChoice:
    """Where a run's updates are done, and why."""

    compute: str
    """The learner taken: fused, torch-cpu or torch-cuda."""
    template: str
    """Why, as a message template."""
    parameters: dict[str, object] = dataclasses.field(default_factory=dict)
    rates: dict[str, float] = dataclasses.field(default_factory=dict)
    """Updates a second, each with one greedy action, by candidate; empty where nothing was measured."""
    warning: str = ""
    """What keeps the learner from its best, as a message template; empty where nothing does."""
    warning_parameters: dict[str, object] = dataclasses.field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why, in English, with the measured rates where there was a choice."""
        return self.template.format(**self.parameters)


def make_learner(
    config: TrainingConfig,
    observation_size: int,
    n_actions: int,
    generator: np.random.Generator,
    picture: PictureShape | None = None,
) -> tuple[Learner, ComputeChoice]:
    """The learner for ``config``, its initial weights drawn from ``generator``, and why it is this one.

    ``picture`` says how the numbers of an observation lie where it is one.

    A noisy network's noise comes from a generator spawned by ``generator``, which leaves that one's own draws alone.

    Raises
    ------
    UnavailableComputeError
        ``config.compute`` names one that this machine does not have, or that does not cover the network.
    ConfigError
        ``config.network`` does not go with the observations.
    """
    network = network_of(config, observation_size, n_actions, picture)
    choice = _choose(config, network) if config.compute == "auto" else _as_asked(config.compute)
    weights = initial_weights(generator, network, noisy=config.noisy_nets)
    (noise,) = generator.spawn(1)
    learner = _build(choice.compute, config, network, weights, noise)
    choice = _with_failure(choice, learner)
    return NormalizedLearner(learner, observation_size) if config.normalize_observations else learner, choice


def known_rates() -> KnownRates:
    """What this process has measured, for another one on the same machine to adopt."""
    return dict(_rates_seen)


def adopt_rates(rates: KnownRates) -> None:
    """Take over what another process measured: beside other runs, a timing of one's own would be a worse one."""
    for work, rate in rates.items():
        _rates_seen.setdefault(work, rate)


def _as_asked(compute: str) -> ComputeChoice:
    return ComputeChoice(compute, mark("{compute} does the updates, as the configuration asks."), {"compute": compute})


def _with_failure(choice: ComputeChoice, learner: Learner) -> ComputeChoice:
    """The choice with what hinders the learner, where something does."""
    failure = getattr(learner, "capture_failure", "")
    if not failure:
        return choice
    warning = mark("No CUDA graph could be captured ({cause}): updates run eagerly, several times slower.")
    return dataclasses.replace(choice, warning=warning, warning_parameters={"cause": failure})


def _build(
    compute: str,
    config: TrainingConfig,
    network: Network,
    weights: Mapping[str, NDArray[np.float32]],
    noise: np.random.Generator,
) -> Learner:
    if compute == "fused":
        return _build_fused(config, network, weights)
    import torch

    from dqn_core.algorithm.torch_learner import TorchLearner

    if compute == "torch-cpu":
        return TorchLearner(config, weights, noise=noise, network=network)
    if not torch.cuda.is_available():
        raise UnavailableComputeError(mark("torch finds no CUDA device here: choose fused, torch-cpu or auto."))
    if config.mixed_precision and not torch.cuda.is_bf16_supported():
        template = mark("This GPU cannot compute in bfloat16: turn mixed_precision off, or set compute to torch-cpu.")
        raise UnavailableComputeError(template)
    from dqn_core.algorithm.torch_cuda import CudaLearner

    learner = CudaLearner(config, weights, noise=noise, network=network)
    learner.act(np.zeros(network.observation_size, np.float32))  # shows whether graphs can be captured here
    return learner


def _build_fused(config: TrainingConfig, network: Network, weights: Mapping[str, NDArray[np.float32]]) -> Learner:
    if network.kind not in _FUSED_KINDS:
        template = mark("fused does not cover the network {name}: choose torch-cpu or auto.")
        raise UnavailableComputeError(template, name=network.kind)
    try:
        from dqn_core.algorithm.fused_learner import FusedLearner, warm_up_kernels
        from dqn_core.algorithm.fused_pictures import FusedPictureLearner, warm_up_picture_kernels
    except ImportError as error:
        template = mark("fused needs numba, which cannot be loaded here ({cause}): choose torch-cpu or auto.")
        raise UnavailableComputeError(template, cause=error) from error
    if network.picture is not None:
        _once(warm_up_picture_kernels)
        return FusedPictureLearner(config, weights, network)
    _once(warm_up_kernels)
    return FusedLearner(config, weights)


@functools.cache
def _once(warm_up: Callable[[Callable[[str], None]], float]) -> None:
    warm_up(_LOG.info)  # said openly, rather than a run's first update taking 10 s


def _choose(config: TrainingConfig, network: Network) -> ComputeChoice:
    choice, beyond = _choose_by_speed(config, network), _beyond_fused(config, network)
    if not beyond:
        return choice
    template = mark("{compute} does the updates: fused, the fastest for small networks, does not cover {name}.")
    parameters: dict[str, object] = {"compute": choice.compute, "name": beyond}
    return dataclasses.replace(choice, template=template, parameters=parameters)


def _beyond_fused(config: TrainingConfig, network: Network) -> str:
    """The field whose value, or what "auto" in it stands for, the fused learner does not cover; empty for none."""
    beyond = (*config.beyond_fused, *(() if network.kind in _FUSED_KINDS else ("network",)))
    return beyond[0] if beyond else ""


def _choose_by_speed(config: TrainingConfig, network: Network) -> ComputeChoice:
    if parameter_count(network) * config.batch_size > _LARGE_WORK or network.kind in _LARGE_KINDS:
        return _choose_for_large()
    with _calibrating:  # two runs that start together must not slow each other's timing
        rates = _rates(config, network)
    compute = max(rates, key=rates.__getitem__)
    parameters: dict[str, object] = {
        "compute": compute,
        "rates": ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()),
        "missing": ", ".join(name for name in _CANDIDATES if name not in rates),
    }
    template = mark("{compute} is the fastest for this network here. Measured updates a second: {rates}.")
    if parameters["missing"]:
        template = mark(
            "{compute} is the fastest for this network here. Measured updates a second: {rates}. "
            "Not available: {missing}."
        )
    return ComputeChoice(compute, template, parameters, rates)


def _choose_for_large() -> ComputeChoice:
    import torch

    compute = "torch-cuda" if torch.cuda.is_available() else "torch-cpu"
    template = mark("{compute} is taken: this network is too large for a trial of {seconds} s.")
    return ComputeChoice(compute, template, {"compute": compute, "seconds": CALIBRATION_S})


def _rates(config: TrainingConfig, network: Network) -> dict[str, float]:
    """Updates a second of every candidate that is there; measured once per process for the same work."""
    shaping = tuple(getattr(config, name) for name in _SHAPING)
    key = (network, config.batch_size, config.gradient_clip_value > 0, config.soft_share > 0, *shaping)
    if key not in _rates_seen:
        _rates_seen[key] = _measure(config, network)
    return dict(_rates_seen[key])


def _measure(config: TrainingConfig, network: Network) -> dict[str, float]:
    generator = np.random.default_rng(0)
    weights = initial_weights(generator, network, noisy=config.noisy_nets)
    replay = _made_up_replay(generator, network, config.batch_size)
    learners: dict[str, Learner] = {}
    for compute in _CANDIDATES:
        if compute == "fused" and _beyond_fused(config, network):
            continue
        try:
            learners[compute] = _build(compute, config, network, weights, generator)
        except UnavailableComputeError:
            continue
    indices = replay.sample_indices(generator, config.batch_size)
    for learner in learners.values():  # compiles, allocates, captures: done once, and not what is compared
        _time_once(learner, replay, indices)
    return _race(learners, replay, indices)


def _race(learners: Mapping[str, Learner], replay: ReplayBuffer, indices: NDArray[np.int64]) -> dict[str, float]:
    """Updates a second of each, by the median; timed in turns, until one is far ahead or the time is over."""
    times: dict[str, list[float]] = {compute: [] for compute in learners}
    end = time.perf_counter() + CALIBRATION_S
    while True:
        began = time.perf_counter()
        for compute, learner in learners.items():
            times[compute] += _times(learner, replay, indices, CALIBRATION_S / _ROUNDS / len(learners))
        rates = {compute: 1.0 / statistics.median(each) for compute, each in times.items()}
        now = time.perf_counter()
        if _is_decided(rates) or now + (now - began) > end:
            return rates


def _is_decided(rates: Mapping[str, float]) -> bool:
    fastest, *others = sorted(rates.values(), reverse=True)
    return all(fastest >= _FAR_AHEAD * other for other in others)


def _made_up_replay(generator: np.random.Generator, network: Network, count: int) -> ReplayBuffer:
    size, picture = network.observation_size, network.picture
    replay = ReplayBuffer(count, size) if picture is None else FrameReplay(count, picture)
    for _ in range(count):
        observation, next_observation = generator.standard_normal((2, size), np.float32)
        if picture is not None:  # few of its pixels are not 0, as in MinAtar's
            observation, next_observation = observation > _MOSTLY_EMPTY, next_observation > _MOSTLY_EMPTY
        replay.add(observation, 0, 1.0, next_observation, terminated=False)
    return replay


def _times(learner: Learner, replay: ReplayBuffer, indices: NDArray[np.int64], budget_s: float) -> list[float]:
    """Seconds of as many updates as fit into ``budget_s``; at least one."""
    end = time.perf_counter() + budget_s
    times = [_time_once(learner, replay, indices)]
    while time.perf_counter() + times[-1] < end:
        times.append(_time_once(learner, replay, indices))
    return times


def _time_once(learner: Learner, replay: ReplayBuffer, indices: NDArray[np.int64]) -> float:
    start = time.perf_counter()
    learner.update(replay, indices)
    learner.act(replay.observations[0])  # waits for a GPU too, as every step of a run does
    return time.perf_counter() - start
