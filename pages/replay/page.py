"""The page where a trained agent's episode is looked at, state by state; or two of them side by side.

The address says which: ``?run=...&checkpoint=best&seed=1``, and ``epsilon``, ``other``, ``other_checkpoint`` and
``with`` (arguments of the environment) where they are wanted. The episode itself goes from the server to the browser
without this script.
"""

from __future__ import annotations

import math
import random

import streamlit as st

from dqn_core.config import Arguments, TrainingConfig
from dqn_core.environments.make import inspect_environment, registered
from dqn_core.environments.physics import environment_arguments, takes_more
from dqn_core.environments.settings import check_environment
from dqn_core.episodes.episode import LARGEST_SEED
from dqn_core.errors import DqnLabError
from dqn_core.runs.storage.records import RunRecord
from pages.replay.agent_tabs import agent_tabs
from pages.replay.episode_file import episode_facts
from pages.replay.panel import ReplaySide, replay_panel
from pages.replay.snapshot_picker import ChosenPolicy, snapshot_picker, snapshot_text
from pages.replay.wire import MOST_NUMBERS
from pages.server.process import get_manager
from pages.shared.address_choices import AddressFlag, AddressNumber, AddressText, address_select
from pages.shared.environment_picture import picture_size
from pages.shared.errors import show_errors
from pages.shared.links import REPLAY_PAGE, TRAIN_PAGE, last_run, page_query
from pages.shared.page_header import lab_header
from pages.shared.texts.i18n import _, name_text, translate_error
from pages.shared.texts.numbers import number_text
from pages.shared.texts.run_names import run_name

_RUNS = 200
_SEED = AddressNumber("seed", 1, 0, LARGEST_SEED)
_IS_DOUBLE = AddressFlag("double")
_WITH = AddressText("with")
_NEW_SEEDS = 10_000
_WIDTH = 150
_EPSILONS = ("0.0", "0.05", "0.1", "0.25", "0.5", "1.0")


def replay_page() -> None:
    """Draw the page of the episode in the address."""
    runs = get_manager().list_runs(_RUNS)
    run_id = st.query_params.get("run") or last_run() or (runs[0].run_id if runs else None)
    record = get_manager().snapshot(run_id).record if run_id else None
    lab_header(REPLAY_PAGE, record)
    if record is None:
        _nothing_yet()
        return
    run_id = st.query_params["run"] = record.run_id
    if run_id not in {each.run_id for each in runs}:
        runs = [record, *runs]  # an old one
    with st.container(border=True, key="replay-choice", gap="small"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            chosen = snapshot_picker(runs, run_id, names=("run", "checkpoint"), labels=(_("Run"), _("Snapshot")))
            seed, epsilon, is_double = _episode()
            env_kwargs = _other_arguments(chosen.record.config) if chosen else None
        other = _other(runs, chosen) if is_double and chosen else None
    if chosen is None:
        _no_network(record)
        return
    _replay([chosen, *([other] if other else [])], seed, epsilon, env_kwargs)
    beside = (other.record.run_id, other.snapshot.name) if other else None
    agent_tabs(chosen.record.run_id, chosen.snapshot.name, seed, epsilon, env_kwargs, beside=beside)


def _no_network(record: RunRecord) -> None:
    if record.state.is_active:
        st.info(_("This run has saved no network yet: wait for its first evaluation."), icon=":material/hourglass:")
        return
    st.info(_("This run ended before it saved a network: resume it, or choose another run."), icon=":material/info:")
    st.page_link(
        TRAIN_PAGE,
        label=_("Open the run"),
        icon=":material/model_training:",
        query_params=page_query(run=record.run_id),
    )


def _nothing_yet() -> None:
    with st.container(border=True, key="welcome"):
        st.header(_("No agent to watch yet"), anchor=False)
        st.markdown(_("Train one first: a minute is enough for CartPole. Then you can watch all of its episodes here."))
        st.page_link(TRAIN_PAGE, label=_("Train an agent"), icon=":material/model_training:", query_params=page_query())


def _episode() -> tuple[int, float, bool]:
    """The widgets of the seed, the share of random actions, and the second side."""
    st.number_input(
        _("Episode seed"),
        _SEED.low,
        _SEED.high,
        key=_SEED.hold(),
        persist_state="page",
        on_change=_SEED.take,
        help=_("The start of the episode: the same seed gives the same start to every agent."),
        width=_WIDTH,
    )
    st.button("", icon=":material/casino:", on_click=_draw_seed, help=_("Another start"), key="another-start")
    epsilon = _epsilon()
    st.toggle(
        _("Side by side"),
        key=_IS_DOUBLE.hold(),
        persist_state="page",
        on_change=_IS_DOUBLE.take,
        help=_("Two agents, or one early and late in its training, on the same start."),
    )
    return _SEED.value, epsilon, _IS_DOUBLE.value


def _other_arguments(config: TrainingConfig) -> Arguments | None:
    """The widget of the environment's arguments; None to play in the environment that the run is evaluated in."""
    spec = registered(config.env_id)
    names = [each.name for each in environment_arguments(spec)]
    if not names and not takes_more(spec):
        return None
    st.text_input(
        _("Environment"),
        key=_WITH.hold(),
        persist_state="page",
        on_change=_WITH.take,
        placeholder=str(config.as_evaluated.env_kwargs) or f"{next(iter(names), 'name')}=…",
        help=_(
            "Other arguments to play with, such as gravity=-3.7; empty: as in the run's evaluations. There are: {names}"
        ).format(names=", ".join(names) or "…"),
        width=_WIDTH,
    )
    found = Arguments.of_text(_WITH.value)
    if not found:
        return None
    try:
        check_environment(config.replace(evaluation_env_kwargs=found))
    except DqnLabError as error:
        st.error(translate_error(error), icon=":material/error:")
        return None
    return found if isinstance(found, Arguments) else None


def _draw_seed() -> None:
    st.query_params["seed"] = str(random.randrange(_NEW_SEEDS))  # noqa: S311  any start will do


def _epsilon() -> float:
    """The share of random actions; one that the address names is a choice too."""
    named = st.query_params.get("epsilon", "")
    known = (*_EPSILONS, named) if _is_share(named) and float(named) not in map(float, _EPSILONS) else _EPSILONS
    texts = {text: _("random {share}").format(share=f"{float(text):.0%}") for text in sorted(known, key=float)}
    texts["0.0"] = _("greedy")
    help_text = _("Greedy takes the action with the highest Q-value; the other choices take some actions at random.")
    return float(address_select("epsilon", _("Actions"), texts, "0.0", help=help_text, width=_WIDTH))


def _is_share(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and 0.0 <= float(text) <= 1.0
    except ValueError:
        return False


def _other(runs: list[RunRecord], chosen: ChosenPolicy) -> ChosenPolicy | None:
    """The agent beside the first one, in the same environment; the same run's earliest network unless chosen."""
    alike = [each for each in runs if each.config.env_id == chosen.record.config.env_id]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        return snapshot_picker(
            alike,
            chosen.record.run_id,
            names=("other", "other_checkpoint"),
            labels=(_("Run to compare with"), _("Snapshot")),
            early=True,
        )


def _replay(chosen: list[ChosenPolicy], seed: int, epsilon: float, env_kwargs: Arguments | None) -> None:
    config = chosen[0].record.config.played_with(env_kwargs)
    report = inspect_environment(*config.environment)
    replay_panel(
        [_side(each, seed, epsilon, env_kwargs) for each in chosen],
        seed=seed,
        epsilon=epsilon,
        env_kwargs=env_kwargs,
        action_names=[_(name) for name in report.action_names],
        observation_names=[
            name_text(name) for name in report.observation_names[: 0 if report.layout else MOST_NUMBERS]
        ],
        layout=report.layout,
        picture_size=picture_size(config.env_id, config.env_kwargs),
        frames_per_s=report.frames_per_s,
    )


def _side(chosen: ChosenPolicy, seed: int, epsilon: float, env_kwargs: Arguments | None) -> ReplaySide:
    record = chosen.record
    return ReplaySide(
        run_id=record.run_id,
        checkpoint=chosen.snapshot.name,
        title=_("{name}, seed {seed}").format(name=run_name(record), seed=number_text(record.initial_config.seed)),
        detail=snapshot_text(chosen.snapshot),
        facts=episode_facts(record.config, record.run_id, seed, epsilon, env_kwargs),
    )


show_errors(replay_page)
