"""The page where a person plays, and sees what the agent got from the same start.

The address says against whom: ``?run=...``, or ``?env=CartPole-v1`` for a game without an agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import streamlit as st

from dqn_core.config import EnvironmentChoice
from dqn_core.environments.make import inspect_environment
from dqn_core.presets import PRESETS, find_preset
from dqn_core.runs.storage.records import RunRecord
from pages.play.panel import play_panel
from pages.server.process import get_manager
from pages.shared.address_choices import address_select
from pages.shared.environment_picture import picture_size
from pages.shared.errors import show_errors
from pages.shared.links import (
    PLAY_PAGE,
    last_run,
    page_query,
)
from pages.shared.page_header import lab_header
from pages.shared.run_picker import run_title
from pages.shared.texts.i18n import _

_RUNS = 200


def play_page() -> None:
    """Draw the page of the game in the address."""
    records = {each.run_id: each for each in get_manager().list_runs(_RUNS)}
    texts = {run_id: run_title(each) for run_id, each in records.items()}
    texts |= {env_id: _("{env_id}, without an agent").format(env_id=env_id) for env_id in PRESETS}
    default = next(name for name in (st.query_params.get("run"), last_run(), *texts) if name in texts)
    lab_header(PLAY_PAGE, records.get(default))
    against = address_select(
        "run",
        _("Play against"),
        texts,
        default,
        help=_("The agent's best network plays from the same start."),
        width=420,
    )
    _game(records.get(against), against)


def _game(record: RunRecord | None, against: str) -> None:
    env_id = record.config.env_id if record else against
    choice = record.config.as_evaluated.environment if record else EnvironmentChoice(env_id)
    report, preset = inspect_environment(*choice), find_preset(env_id)
    query = page_query(run=record.run_id if record else None) | {"checkpoint": "best"}
    play_panel(
        env_id,
        run_id=record.run_id if record else None,
        action_names=[_(name) for name in report.action_names],
        picture_size=picture_size(env_id, choice.env_kwargs),
        play_keys=preset.play_keys if preset else {},
        speed=preset.play_speed if preset else 1.0,
        idle_note=_idle_note(preset.idle_actions if preset else (), report.action_names),
        replay_address=f"replay?{urlencode(query)}",
    )


def _idle_note(idle: Sequence[int], action_names: Sequence[str]) -> str:
    if not idle:
        return _("While you press no key, your last action is repeated.")
    if len(idle) == 1:
        action = _(action_names[idle[0]])
        return _("While you press no key: {action}.").format(action=action)
    return _(
        "This environment needs an action at every step: while you press no key, it pushes left and right in turn."
    )


show_errors(play_page)
