"""Words for what the core calls by a name: states, endings, presets, choices."""

from __future__ import annotations

from dqn_core.errors import mark
from dqn_core.events import EndReason, RunState

__all__ = ["CHOICE_LABELS", "PRESET_LABELS", "REASON_LABELS", "STATE_LABELS", "WEIGHTS_KINDS", "WEIGHTS_LABELS"]

STATE_LABELS = {
    RunState.QUEUED: mark("Waiting"),
    RunState.STARTING: mark("Starting"),
    RunState.RUNNING: mark("Running"),
    RunState.PAUSED: mark("Paused"),
    RunState.FINISHED: mark("Finished"),
    RunState.STOPPED: mark("Stopped"),
    RunState.FAILED: mark("Failed"),
    RunState.INTERRUPTED: mark("Interrupted"),
    RunState.DAMAGED: mark("Damaged"),
}

REASON_LABELS = {
    EndReason.SOLVED: mark("Solved"),
    EndReason.MAX_EPISODES: mark("Episode limit reached"),
    EndReason.MAX_ENV_STEPS: mark("Step limit reached"),
    EndReason.STOPPED: mark("Stopped"),
    EndReason.DIVERGED: mark("Diverged"),
    EndReason.FAILED: mark("Failed"),
    EndReason.INTERRUPTED: mark("Interrupted"),
}

PRESET_LABELS = {
    "lab8": mark("Course lab"),
    "fast": mark("Fast"),
    "strong": mark("Strong"),
    "nature": mark("As in the Nature paper"),
    "default": mark("Default"),
    "custom": mark("Custom"),
}

CHOICE_LABELS = {
    "mse": mark("Mean squared error"),
    "huber": mark("Huber"),
    "episode": mark("every episode"),
    "steps": mark("every N steps"),
    "soft": mark("soft update"),
    "episode_exponential": mark("over episodes"),
    "linear_steps": mark("over steps"),
    "none": mark("mean only"),
    "quantile": mark("quantiles (QR-DQN)"),
    "auto": mark("Automatic"),
    "dense": mark("dense layers"),
    "minatar": mark("MinAtar's (Young & Tian 2019)"),
    "nature": mark("Nature's (Mnih et al. 2015)"),
    "impala": mark("IMPALA's residual network (Espeholt et al. 2018)"),
    "fused": mark("CPU (compiled)"),
    "torch-cpu": mark("CPU (PyTorch)"),
    "torch-cuda": mark("GPU (PyTorch)"),
}
"""Values of the config's fields that are one of a few."""

WEIGHTS_KINDS = ("best", "last")
"""Of the weights that a run keeps, those that a person chooses between."""
WEIGHTS_LABELS = {"best": mark("best"), "last": mark("last"), "kept": mark("snapshot")}
"""Kinds of weights that a run keeps."""
