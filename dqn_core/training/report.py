"""What a person should know before training: the environment, the network, the devices."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from dqn_core.algorithm.devices import device_summary
from dqn_core.algorithm.networks import PictureShape, network_of, weight_shapes
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import EnvironmentReport, inspect_environment
from dqn_core.training.budget import replay_memory, size_text

__all__ = ["LayerReport", "layer_reports", "report_text"]


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """One layer, fully connected or a convolution."""

    name: str
    inputs: int
    """Units, or of a convolution channels."""
    outputs: int
    activation: str
    parameters: int
    """Weights and biases, and the noise's where it is noisy."""
    kernel: int = 0
    """Width of a convolution's kernel; 0 of a layer that is fully connected."""
    stride: int = 1

    @property
    def shape(self) -> str:
        """Such as "1024 → 128", or of a convolution "4 → 16, 3x3", "4 → 32, 8x8 / 4" with its stride."""
        kernel = f", {self.kernel}x{self.kernel}" if self.kernel else ""
        return f"{self.inputs} → {self.outputs}{kernel}" + (f" / {self.stride}" if self.stride > 1 else "")


def layer_reports(
    config: TrainingConfig, observation_size: int, n_actions: int, picture: PictureShape | None = None
) -> tuple[LayerReport, ...]:
    """The Q-network's layers, from observation to the outputs that Q-values are read from.

    Raises ConfigError where the network that the config asks for does not go with the observations.
    """
    network = network_of(config, observation_size, n_actions, picture)
    shapes = weight_shapes(network, noisy=config.noisy_nets)
    counts = [
        sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(f"layers.{i}."))
        for i in range(len(network.convolutions) + len(network.sizes) - 1)
    ]
    convolutions = [
        LayerReport(
            name=f"layers.{i}",
            inputs=each.inputs,
            outputs=each.outputs,
            activation="ReLU",
            parameters=counts[i],
            kernel=each.kernel,
            stride=each.stride,
        )
        for i, each in enumerate(network.convolutions)
    ]
    dense = [
        LayerReport(
            name=f"layers.{i}",
            inputs=inputs,
            outputs=outputs,
            activation="linear" if i == len(counts) - 1 else "ReLU",
            parameters=counts[i],
        )
        for i, (inputs, outputs) in enumerate(itertools.pairwise(network.sizes), start=len(convolutions))
    ]
    return (*convolutions, *dense)


def report_text(config: TrainingConfig) -> str:
    """Environment, network and devices for ``config``, as plain text.

    Raises :class:`~dqn_core.errors.UnsupportedEnvironmentError` where the environment cannot be used.
    """
    environment = inspect_environment(*config.environment)
    parts = (_environment_lines(environment), _network_lines(environment, config), [device_summary()])
    return "\n\n".join("\n".join(lines) for lines in parts)


def _environment_lines(report: EnvironmentReport) -> list[str]:
    observations = [
        f"  s[{i}]  {name:<32} {low:>10.4g} .. {high:.4g}"
        for i, (name, low, high) in enumerate(zip(report.observation_names, report.low, report.high, strict=True))
    ]
    actions = [f"  {i}     {name}" for i, name in enumerate(report.action_names)]
    reward = [f"reward: {report.reward_rule}"] if report.reward_rule else []
    limits = (
        f"an episode is cut off at {report.max_episode_steps:,} steps; real time is {report.frames_per_s:g} steps/s"
    )
    return [
        report.env_id,
        f"observed numbers: {report.observation_size}",
        *observations,
        f"actions: {report.n_actions}",
        *actions,
        *reward,
        limits,
        *(template.format(**parameters) for template, parameters in report.remarks),
    ]


def _network_lines(report: EnvironmentReport, config: TrainingConfig) -> list[str]:
    layers = layer_reports(config, report.observation_size, report.n_actions, report.picture)
    total = sum(layer.parameters for layer in layers)
    lines = [
        f"  {layer.name}  {layer.shape.replace('→', '->'):>14} {layer.activation:<7} {layer.parameters:>9,}"
        for layer in layers
    ]
    memory = f"replay memory: {config.buffer_size:,} transitions, {size_text(replay_memory(config))}"
    return ["network", *lines, f"  total {total:,} parameters", "", memory]
