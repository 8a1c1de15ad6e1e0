"""Predicted and actual returns, and how the TD errors and epsilon went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from dqn_core.inside.distributions import quantiles
from dqn_core.inside.measure import read_estimates
from dqn_core.inside.overestimation import ValueEstimate, td_errors
from dqn_core.runs.jobs.orders import overestimation_order
from pages.inside import charts
from pages.inside.study import Study
from pages.server.process import get_manager
from pages.shared.errors import fragment
from pages.shared.figure.figure import show_figure
from pages.shared.jobs.job_progress import is_on_its_way, job_progress, submit
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["overestimation"]

_SNAPSHOTS = 24
_ROWS = 1_000
_EPISODES = 1_500


def overestimation(study: Study) -> None:
    """Draw the part."""
    st.caption(
        _(
            "At the start of an episode the agent predicts the return max Q(s₀, a). Is that what it gets? Targets "
            "take the maximum of uncertain estimates, so DQN tends to overestimate (van Hasselt et al. 2016)."
        )
    )
    _returns(study)
    left, right = st.columns(2, gap="medium")
    with left:
        _td_errors(study)
    with right:
        _epsilon(study)


# ---------------------------------------------------------------------------------------------------- returns


@fragment
def _returns(study: Study) -> None:
    """A fragment: a measurement on its way redraws this part alone."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="overestimation-controls"):
        episodes = st.select_slider(
            _("Episodes per snapshot"),
            [1, 2, 3, 5, 10, 20],
            5,
            key=f"{study.run_id}:overestimation-episodes",
            width=260,
        )
        order = overestimation_order(get_manager(), study.run_id, episodes=int(episodes), snapshots=_SNAPSHOTS)
        st.button(
            _("Measure"),
            icon=":material/play_circle:",
            type="primary",
            key=f"{study.run_id}:overestimation-measure",
            disabled=is_on_its_way(order),
            on_click=submit,
            args=(order,),
            help=_("Plays greedy episodes with the snapshots of the run, on the same seeds, in a separate process."),
        )
    job_progress(f"{study.run_id}:overestimation-job", order)
    measured = read_estimates(study.folder.path)
    if measured:
        _show(study, measured)
    elif not is_on_its_way(order):
        st.info(
            _("Not measured yet. It takes a few seconds for CartPole, and minutes for long episodes."),
            icon=":material/speed:",
        )


def _show(study: Study, measured: Sequence[ValueEstimate]) -> None:
    labels = {
        "x": _("env steps"),
        "y": _("discounted return"),
        "predicted": _("predicted: max Q(s₀, a)"),
        "got": _("actual return"),
        "single": _("single episodes"),
        "seed": _("seed"),
        "length": _("steps"),
    }
    last = [each for each in measured if each.env_step == measured[-1].env_step]
    predicted, got = (float(np.mean([getattr(each, name) for each in last])) for name in ("predicted", "got"))
    verdict = _("In the end it predicted {predicted} and got {got}: {share} too high.")
    if predicted < got:
        verdict = _("In the end it predicted {predicted} and got {got}: {share} too low.")
    share = abs(predicted - got) / abs(got) if got else float("inf")
    text = verdict.format(predicted=f"{predicted:.1f}", got=f"{got:.1f}", share=f"{share:.0%}")
    show_figure(
        charts.estimates_figure(measured, labels),
        "overestimation",
        title=_("Predicted and actual return over the training"),
        hint=text + " " + _("Hollow dots: cut off at the step limit; the episode would have gone on."),
        summary=text,
        file_stem=study.run_id,
        height=340,
    )


# ---------------------------------------------------------------------------------------- errors and epsilon


def _td_errors(study: Study) -> None:
    replay, agents = study.checkpoint.replay, study.agents(_SNAPSHOTS)
    if len(replay) == 0:
        return
    rows = study.rows(_ROWS)
    levels = study.kept(
        ("td-errors", len(agents)), lambda: quantiles(td_errors(agents, replay, rows)), 8 * 5 * len(agents)
    )
    labels = {
        "x": _("env steps"),
        "value": _("TD error δ = y - Q(s, a)"),
        "median": _("median"),
        "half": _("middle half"),
        "most": _("90 % of all"),
    }
    show_figure(
        charts.bands_figure([agent.env_step for agent in agents], levels, labels),
        "td-errors",
        title=_("TD errors over the training"),
        hint=_("All snapshots, on the same transitions: those in memory now ({count}).").format(
            count=number_text(len(rows))
        ),
        file_stem=study.run_id,
        height=300,
    )


def _epsilon(study: Study) -> None:
    env_steps, epsilons = study.episode_columns("env_step", "epsilon", most=_EPISODES)
    if len(env_steps) == 0:
        return
    labels = {"x": _("env steps"), "epsilon": _("epsilon")}
    show_figure(
        charts.epsilon_figure(env_steps, epsilons, labels),
        "epsilon",
        title=_("Share of random actions"),
        hint=_("Q is learned for the greedy policy; while epsilon is high, the agent itself gets less."),
        file_stem=study.run_id,
        height=300,
    )
