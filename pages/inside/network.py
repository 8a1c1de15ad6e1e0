"""The network: its layers, what passes through it for one state, and how its weights moved."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dqn_core.algorithm.normalization import network_only
from dqn_core.errors import mark_plural
from dqn_core.inside.agent import Agent
from dqn_core.inside.distributions import Histograms, histogram, histograms
from pages.inside import charts
from pages.inside.states import ChosenState, observation_table, state_picker
from pages.inside.study import Study
from pages.shared.episode.seen import show_tiles
from pages.shared.figure.figure import show_figure
from pages.shared.headings import heading
from pages.shared.texts.i18n import _
from pages.shared.texts.layers import layer_names

__all__ = ["network"]

_BINS = 61
_TRIM = 0.002
"""Share at each end that is put into the outermost bins: a single outlier would press all others together."""
_SNAPSHOTS = 60


def network(study: Study) -> None:
    """Draw the part."""
    st.caption(
        _(
            "A function with adjustable numbers, the weights: a state goes in on the left, and a Q-value for each "
            "action comes out on the right: the discounted return that the agent expects after that action."
        )
    )
    left, right = st.columns([2, 3], gap="large")
    with right:
        chosen = state_picker(study, "network")
        _activations(study, chosen)
        _feature_maps(study, chosen)
    with left:
        _layers(study)
        heading(_("State in the picture"), chosen.origin)
        observation_table(study, {"s": chosen.observation})
    _over_training(study)


def _layers(study: Study) -> None:
    weights = network_only(study.checkpoint.agent.group("online"))
    matrices = {name: array for name, array in weights.items() if array.ndim > 1 and name.endswith(".weight")}
    total = sum(array.size for array in weights.values())
    heading(_("Layers"), _("{count} parameters").format(count=f"{total:,}"))
    convolutions = sum(array.ndim > 2 for array in matrices.values())  # noqa: PLR2004  channels and a kernel
    counts = [
        sum(array.size for name, array in weights.items() if name.startswith(each.removesuffix("weight")))
        for each in matrices
    ]
    shapes = [_shape_text(array) for array in matrices.values()]
    st.table(
        {
            _("Layer"): [*layer_names(len(matrices), convolutions), "**" + _("Total") + "**"],
            _("Shape"): [*shapes, ""],
            _("Weights and biases"): [*(f"{count:,}" for count in counts), f"**{total:,}**"],
        },
        border="horizontal",
        alt=_("Layers"),
    )
    said = [_("A layer from {n} to {m} units has n · m weights and m biases.").format(n="n", m="m")]
    if convolutions:
        said.append(
            _(
                "A convolution from {n} to {m} channels with a {k} x {k} kernel has k · k · n · m weights and m biases."
            ).format(n="n", m="m", k="k")
        )
    said.append(_("The target network is a copy of the same size that is updated from time to time."))
    st.caption(" ".join(said))


def _shape_text(array: NDArray[np.float32]) -> str:
    """Units, or channels and the kernel's size, that a layer's weights lead from and to."""
    kernel = f", {array.shape[2]}x{array.shape[3]}" if array.ndim > 2 else ""  # noqa: PLR2004  a convolution's
    return f"{array.shape[1]} → {array.shape[0]}{kernel}"


def _activations(study: Study, chosen: ChosenState) -> None:
    from dqn_core.algorithm.activations import layer_activations  # torch's seconds are for who looks at this

    agent = study.checkpoint.agent
    activations = layer_activations(agent.torch_learner(), chosen.observation)
    q_values = study.learner.q_values(chosen.observation[None])[0]
    weights = network_only(agent.group("online"))
    matrices = [array for name, array in weights.items() if array.ndim == 2 and name.endswith(".weight")]  # noqa: PLR2004
    seen, activations = len(activations), tuple(each for each in activations if each.ndim == 1)  # no feature maps
    has_maps = len(activations) < seen
    is_plain = len(activations[-1]) == study.report.n_actions
    names = {} if has_maps else {0: study.observation_names}
    names |= {len(activations) - 1: _output_names(study, len(activations[-1]))}
    drawing = charts.NetworkDrawing(
        activations=activations,
        weights=matrices,
        titles=[
            _("Features") if has_maps else _("State"),
            *(_("Hidden {number}").format(number=i) for i in range(1, len(matrices))),
            _("Output"),
        ],
        names=names,
        chosen=int(np.argmax(q_values)) if is_plain else None,
    )
    labels = {
        "unit": _("unit"),
        "activation": _("value"),
        "raises": _("raises the next unit"),
        "lowers": _("lowers it"),
    }
    best = int(np.argmax(q_values))
    hint = _("The agent would choose {action}: Q = {q}.").format(
        action=study.action_names[best], q=f"{q_values[best]:.3f}"
    )
    wide = [len(each) for each in activations if len(each) > charts.MOST_UNITS]
    if wide:
        hint += " " + _("Of wide layers, the {count} most active units are drawn.").format(count=charts.MOST_UNITS)
    show_figure(
        charts.network_figure(drawing, labels),
        "network",
        title=_("What passes through it for one state"),
        hint=hint,
        summary=hint,
        file_stem=study.run_id,
        height=430,
    )


def _feature_maps(study: Study, chosen: ChosenState) -> None:
    """What the first layer makes of the state, where it is a convolution."""
    maps = study.feature_maps(chosen.observation)
    if maps is None:
        return
    heading(
        _("Feature maps of the first layer"),
        _(mark_plural("{count} filter", "{count} filters", len(maps))).format(count=len(maps)),
    )
    st.caption(
        _(
            "Where in the state each filter finds its pattern, after its ReLU: the brighter, the more. Black: "
            "not at all."
        )
    )
    shades = np.rint(255.0 * maps / max(float(maps.max()), 1e-9)).astype(np.uint8)
    names = [_("filter {number}").format(number=i) for i in range(len(maps))]
    show_tiles(list(shades), names, is_small=True)


def _output_names(study: Study, count: int) -> list[str]:
    if count == study.report.n_actions:
        return [f"Q(s, {name})" for name in study.action_names]
    if count == study.report.n_actions + 1:
        return ["V(s)", *(f"A(s, {name})" for name in study.action_names)]
    return [_("output {number}").format(number=i) for i in range(count)]


def _over_training(study: Study) -> None:
    st.header(_("Weights and gradients over the training"), anchor=False)
    names = sorted(
        (name for name, array in network_only(study.checkpoint.agent.group("online")).items() if array.size > 1),
        key=_place_in_network,
    )
    chosen = st.selectbox(
        _("Parameters to show"), names, format_func=_weights_text, key=f"{study.run_id}:weights", width=260
    )
    agents = study.agents(_SNAPSHOTS)
    left, right = st.columns(2, gap="medium")
    with left:
        _spread(
            study,
            agents,
            ("online", chosen),
            _("Weights"),
            _("Each column is one point in the training; the stronger the shade, the more weights have that value."),
        )
    with right:
        _spread(
            study,
            agents,
            ("adam.first", chosen),
            _("Gradient, as Adam's running mean"),
            _("Adam keeps m = 0.9 m + 0.1 gradient and follows that. It narrows as the errors get smaller."),
        )


def _place_in_network(name: str) -> tuple[int, bool, str]:
    """Layer by layer, weights before biases."""
    _layers, number, kind = name.split(".", 2)
    return int(number), kind.startswith("bias"), kind


def _weights_text(name: str) -> str:
    _layers, number, kind = name.split(".", 2)
    texts = {"weight": _("layer {number}, weights"), "bias": _("layer {number}, biases")}
    return texts.get(kind, _("layer {number}") + f", {kind}").format(number=int(number) + 1)


def _spread(study: Study, agents: tuple[Agent, ...], place: tuple[str, str], title: str, hint: str) -> None:
    group, name = place
    labels = {"x": _("env steps"), "value": _("value"), "share": _("share")}
    file_name = f"{'weights' if group == 'online' else 'gradients'}"
    column = "weight" if group == "online" else "gradient_mean"
    if len(agents) > 1:
        spread = study.kept(
            ("spread", place, len(agents)),
            lambda: histograms([agent.group(group)[name] for agent in agents], _BINS, _TRIM),
            8 * _BINS * len(agents),
        )
        drawn = charts.shades_figure([agent.env_step for agent in agents], spread, labels, value_column=column)
    else:
        only: Histograms = histogram(agents[0].group(group)[name], _BINS)
        drawn = charts.bars_figure(only, labels, value_column=column)
    show_figure(drawn, file_name, title=title, hint=hint, file_stem=f"{study.run_id}-{name}", height=280)
