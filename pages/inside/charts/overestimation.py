"""What an agent expected at the start of episodes, beside what it really got, over the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dqn_core.inside.overestimation import ValueEstimate
from pages.shared.plot_theme import plain_figure

__all__ = ["epsilon_figure", "estimates_figure"]


def estimates_figure(estimates: Sequence[ValueEstimate], labels: Mapping[str, str]) -> go.Figure:
    """Means over the episodes of each snapshot as lines, single episodes as points.

    Episodes cut off at the step limit are hollow. ``labels`` has "x", "y", "predicted", "got", "single", "seed" and
    "length".
    """
    env_steps = sorted({each.env_step for each in estimates})  # one a snapshot
    means = {
        name: [float(np.mean([getattr(each, name) for each in estimates if each.env_step == at])) for at in env_steps]
        for name in ("predicted", "got")
    }
    roles = {"predicted": "evaluation", "got": "goal"}
    traces = []
    for name, role in roles.items():
        traces += [_points(estimates, name, role, labels), _line(env_steps, means[name], name, role, labels)]
    return plain_figure(traces, x_title=labels["x"], y_title=labels["y"], hovermode="closest")


def _points(estimates: Sequence[ValueEstimate], name: str, role: str, labels: Mapping[str, str]) -> go.Scatter:
    return go.Scatter(
        x=[each.env_step for each in estimates],
        y=[getattr(each, name) for each in estimates],
        mode="markers",
        name=f"{labels[name]} · {labels['single']}",
        showlegend=False,
        opacity=0.45,
        marker={"size": 6, "symbol": ["circle-open" if each.truncated else "circle" for each in estimates]},
        customdata=[[each.seed, each.length, each.episode_return, each.truncated] for each in estimates],
        hovertemplate=f"{labels[name]} %{{y:.3f}}<br>{labels['seed']} %{{customdata[0]}}, "
        f"{labels['length']} %{{customdata[1]}}<extra></extra>",
        meta={
            "color": role,
            "columns": {
                "x": "env_step",
                "y": "discounted_return",
                "customdata": ["seed", "length", "episode_return", "truncated"],
            },
        },
    )


def _line(
    env_steps: Sequence[int], means: Sequence[float], name: str, role: str, labels: Mapping[str, str]
) -> go.Scatter:
    return go.Scatter(
        x=list(env_steps),
        y=list(means),
        mode="lines+markers" if len(env_steps) == 1 else "lines",
        name=labels[name],
        line={"width": 2.5, "dash": "dash" if name == "predicted" else "solid"},
        hovertemplate=f"{labels[name]} %{{y:.3f}}<extra></extra>",
        meta={"color": role, "columns": {"x": "env_step", "y": "discounted_return"}},
    )


def epsilon_figure(
    env_steps: NDArray[np.float64], epsilons: NDArray[np.float64], labels: Mapping[str, str]
) -> go.Figure:
    """Share of random actions in each episode; ``labels`` has "x" and "epsilon"."""
    line = go.Scatter(
        x=env_steps,
        y=epsilons,
        mode="lines",
        name=labels["epsilon"],
        fill="tozeroy",
        line={"width": 2.5},
        hovertemplate="%{y:.3f}<extra></extra>",
        meta={"color": "epsilon", "columns": {"x": "env_step", "y": "epsilon"}},
    )
    return plain_figure([line], x_title=labels["x"], y_title=labels["epsilon"], y={"rangemode": "tozero"})
