"""What a person should know before training: the environment, the network, the devices."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from dqn_core.algorithm.devices import device_summary
from dqn_core.algorithm.networks import network_sizes
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import EnvironmentReport, inspect_environment

__all__ = ["LayerReport", "layer_reports", "report_text"]


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """One fully connected layer."""

    name: str
    inputs: int
    outputs: int
    activation: str
    is_noisy: bool = False

    @property
    def parameters(self) -> int:
        """Weights and biases, and the noise's where it is noisy."""
        return (self.inputs + 1) * self.outputs * (2 if self.is_noisy else 1)


def layer_reports(config: TrainingConfig, observation_size: int, n_actions: int) -> tuple[LayerReport, ...]:
    """The Q-network's layers, from observation to the outputs that Q-values are read from."""
    sizes = network_sizes(config, observation_size, n_actions)
    return tuple(
        LayerReport(
            name=f"layers.{i}",
            inputs=inputs,
            outputs=outputs,
            activation="linear" if i == len(config.hidden_sizes) else "ReLU",
            is_noisy=config.noisy_nets,
        )
        for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
    )


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
        f"observation: {report.observation_size} numbers",
        *observations,
        f"actions: {report.n_actions}",
        *actions,
        *reward,
        limits,
        *(template.format(**parameters) for template, parameters in report.remarks),
    ]


def _network_lines(report: EnvironmentReport, config: TrainingConfig) -> list[str]:
    layers = layer_reports(config, report.observation_size, report.n_actions)
    total = sum(layer.parameters for layer in layers)
    lines = [
        f"  {layer.name}  {layer.inputs:>5} -> {layer.outputs:<5} {layer.activation:<7} {layer.parameters:>9,}"
        for layer in layers
    ]
    return ["network", *lines, f"  total {total:,} parameters"]
