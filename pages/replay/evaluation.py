"""How good an agent is over many episodes: asked for here, kept with the run, the best and the worst one click away."""

from __future__ import annotations

import contextlib
import math
from html import escape

import streamlit as st

from dqn_core.config import Arguments
from dqn_core.episodes.episode import LARGEST_SEED
from dqn_core.errors import DqnLabError, RunFolderError, mark, mark_plural
from dqn_core.runs.jobs.orders import MOST_EPISODES, Order, evaluation_order
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.training.snapshots import snapshot_path
from pages.replay.return_histogram import return_histogram_html
from pages.server.process import get_manager
from pages.shared.errors import fragment
from pages.shared.jobs.job_progress import is_on_its_way, job_progress, submit
from pages.shared.links import REPLAY_PAGE, replay_query
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.numbers import number_text
from pages.shared.texts.times import time_text
from pages.shared.texts.words import WEIGHTS_LABELS

__all__ = ["evaluation"]

_EPISODES = 20
"""As many as in the lab."""
_SEED = 10_000
"""As the command line's evaluate begins with."""
_WIDTH, _WIDE = 150, 480
_SHAPED = mark("Mean sum of the rewards that the run's reward formula gives in place of the environment's own.")


@fragment
def evaluation(run_id: str, checkpoint: str, env_kwargs: Arguments | None) -> None:
    """Ask for an evaluation of a run's snapshot, played with ``env_kwargs``, and look at those that there are."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="evaluation-choice"):
        st.number_input(
            _("Episodes"),
            1,
            MOST_EPISODES,
            _EPISODES,
            key="evaluation-episodes",
            width=_WIDTH,
            help=_("All actions are greedy."),
        )
        st.number_input(
            _("First episode's seed"),
            0,
            LARGEST_SEED - MOST_EPISODES,
            _SEED,
            key="evaluation-seed",
            width=_WIDTH,
            help=_("The others count up by one. The same seeds give every agent the same starts."),
        )

        def order_now() -> Order:
            """Of the fields as they are, at the press too: it is what leaves the field that was typed in last."""
            first, count = st.session_state["evaluation-seed"], st.session_state["evaluation-episodes"]
            return evaluation_order(get_manager(), run_id, checkpoint, count, first, env_kwargs=env_kwargs)

        def evaluate() -> None:
            with contextlib.suppress(DqnLabError):  # said below, where the order is made again
                submit(order_now())

        try:
            order = order_now()
        except DqnLabError as error:
            st.error(translate_error(error), icon=":material/error:")
            return
        st.button(
            _("Evaluate"),
            icon=":material/checklist:",
            type="primary",
            key="evaluation-make",
            disabled=is_on_its_way(order),
            on_click=evaluate,
        )
    job_progress("evaluation-job", order)
    _results(run_id)


def _results(run_id: str) -> None:
    found = EvaluationStore(get_manager().store.database).latest(run_id)
    if not found:
        st.caption(
            _("A single episode may be luck. Twenty with different seeds show how good the agent is, and how reliable.")
        )
        return
    position = st.selectbox(
        _("Result"),
        list(found),
        format_func=lambda each: _title(found[each]),
        key=f"evaluation-shown-{max(found)}",
        width=_WIDE,
    )
    _result(run_id, position, found[position])


def _title(record: EvaluationRecord) -> str:
    title = _(
        mark_plural(
            "{when} · {weights} · {count} episode with seed {seed}",
            "{when} · {weights} · {count} episodes from seed {seed}",
            len(record.seeds),
        )
    ).format(
        when=time_text(record.made_at),
        weights=_(WEIGHTS_LABELS[record.weights]) if record.weights in WEIGHTS_LABELS else record.weights,
        count=f"{len(record.seeds):,}",
        seed=record.seeds[0],
    )
    return f"{title} · {record.env_kwargs}" if record.env_kwargs else title


def _result(run_id: str, position: int, record: EvaluationRecord) -> None:
    with st.container(key="evaluation-result"):
        left, right = st.columns([3, 4], vertical_alignment="center", gap="medium")
    low, high = record.interval
    with left:
        with st.container(horizontal=True, gap="large"):
            st.metric(_("Mean return"), _score(record.mean), width="content")
            st.metric(_("Standard deviation"), _score(record.std), width="content")
            if record.shaped_returns:
                shaped = math.fsum(record.shaped_returns) / len(record.shaped_returns)
                st.metric(_("Mean shaped return"), _score(shaped), width="content", help=_(_SHAPED))
        if math.isfinite(low):
            st.caption(_("95 % interval of the mean: {low} to {high}").format(low=_score(low), high=_score(high)))
        _episode_link(run_id, record, record.best, _("Best: return {score}, seed {seed}"), ":material/trending_up:")
        _episode_link(run_id, record, record.worst, _("Worst: return {score}, seed {seed}"), ":material/trending_down:")
        address = escape(f"live/runs/{run_id}/evaluations/{position}.csv")
        choices = (
            (address, _("Every episode (CSV)")),
            (f"{address}?decimal=comma", _("CSV with a decimal comma (0,5)")),
        )
        name = f"{escape(run_id)}-evaluation-{position}.csv"
        links = (f'<a href="{each}" download="{name}">{escape(text)}</a>' for each, text in choices)
        st.html("<br>".join(links))
        if _has_changed(run_id, record):
            st.caption(_("The run has saved other weights under this name since: the replay shows those."))
    with right:
        text = _("Histogram of returns, from {low} to {high}").format(
            low=_score(min(record.returns)), high=_score(max(record.returns))
        )
        histogram = return_histogram_html(
            record.returns,
            record.mean,
            record.interval,
            x_title=_("return"),
            y_title=_("episodes"),
            spoken=text,
        )
        st.html(histogram)


def _has_changed(run_id: str, record: EvaluationRecord) -> bool:
    """Whether the weights that played are not those of that name any more."""
    try:
        changed_at = snapshot_path(get_manager().run_folder(run_id), record.weights).stat().st_mtime
    except (OSError, RunFolderError):
        return True
    return changed_at > record.made_at.timestamp()


def _episode_link(run_id: str, record: EvaluationRecord, place: int, label: str, icon: str) -> None:
    """A link to the replay of one of the episodes."""
    seed = record.seeds[place]
    st.page_link(
        REPLAY_PAGE,
        label=label.format(score=_score(record.returns[place]), seed=seed),
        icon=icon,
        query_params=replay_query(run_id, record.weights, seed, env_kwargs=str(record.env_kwargs)),
    )


def _score(value: float) -> str:
    return number_text(round(value, 1))
