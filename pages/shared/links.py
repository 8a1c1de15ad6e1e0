"""Links within the app: an address is a page, what it shows, and a language.

Addresses that a browser gets are relative, such as ``train?run=...`` and ``live/runs/...``: all pages lie in one
folder, whatever the server and the proxies before it call that folder. Only a browser knows its whole path.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import streamlit as st

from dqn_core.config import Arguments
from dqn_core.errors import UnknownRunError
from dqn_core.runs.storage.records import is_run_id
from pages.server.process import get_manager
from pages.shared.texts.i18n import LANGUAGES, current_language

__all__ = [
    "CLASS_PAGE",
    "COMPARE_PAGE",
    "EXPERIMENTS_PAGE",
    "INSIDE_PAGE",
    "LEADERBOARD_PAGE",
    "LESSONS_PAGE",
    "MOST_COMPARED",
    "PLAY_PAGE",
    "REPLAY_PAGE",
    "RUNS_PAGE",
    "SEARCH_PAGE",
    "START_PAGE",
    "TRAIN_PAGE",
    "base_path",
    "compare_query",
    "keep_address",
    "language_switch",
    "last_run",
    "new_run_query",
    "open_run",
    "page_address",
    "page_query",
    "pages_address",
    "replay_address",
    "replay_query",
    "train_address",
    "train_page_address",
    "train_run",
]

START_PAGE = "start/page.py"
TRAIN_PAGE = "train/page.py"
COMPARE_PAGE = "compare/page.py"
EXPERIMENTS_PAGE = "experiments/page.py"
LESSONS_PAGE = "lessons/page.py"
REPLAY_PAGE = "replay/page.py"
RUNS_PAGE = "runs/page.py"
LEADERBOARD_PAGE = "leaderboard/page.py"
CLASS_PAGE = "classroom/page.py"
INSIDE_PAGE = "inside/page.py"
PLAY_PAGE = "play/page.py"
SEARCH_PAGE = "search/page.py"
MOST_COMPARED = 100
"""Runs in one comparison."""
_LAST_RUN_KEY = "last_run"
_LEFT_KEY = "left_run"
_LANGUAGE_KEY = "chosen_language"
_OPENED_KEY = "opened_run"
_UNTOLD_S = 3.0
"""A browser has learned of a run that was opened for it after this time; what it sends before may name another."""


@dataclass(frozen=True)
class _Opened:
    """A run that was opened by a press of a button, until the browser names it."""

    run_id: str
    shown: str | None
    """The run in the address before."""
    until: float
    is_new: bool
    """Whether the script run that opened it still goes on."""


def base_path() -> str:
    """What this server itself puts before the addresses it answers at: empty, or a path such as ``/lab``.

    A proxy may put more before it, or take it away: it is no part of an address that a browser gets.
    """
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def replay_address(
    run_id: str, snapshot: str, seed: int = 1, epsilon: float = 0.0, env_kwargs: Arguments | None = None
) -> str:
    """Where the numbers of an episode of a snapshot are, or what is wrong with it in the reader's language."""
    values = {"checkpoint": snapshot, "seed": seed, "epsilon": epsilon, "lang": current_language()}
    query = urlencode(values | ({"with": str(env_kwargs)} if env_kwargs else {}))
    return f"live/runs/{quote(run_id)}/replay?{query}"


def page_query(*, run: str | None = None, lang: str | None = None) -> dict[str, str]:
    """Query parameters of a link to ``run``; the language is kept where the address names one."""
    language = lang or st.query_params.get("lang")
    return {name: value for name, value in (("run", run), ("lang", language)) if value}


def new_run_query() -> dict[str, str]:
    """Query parameters of a link to the form of a new run; without them, the Train page shows the run shown last."""
    return page_query() | {"run": ""}


def replay_query(run: str, checkpoint: str, seed: int, epsilon: float = 0.0, env_kwargs: str = "") -> dict[str, str]:
    """Query parameters of a link to the replay of one episode; ``env_kwargs`` as their text."""
    others = {"epsilon": repr(epsilon)} if epsilon else {}
    others |= {"with": env_kwargs} if env_kwargs else {}
    return page_query(run=run) | {"checkpoint": checkpoint, "seed": str(seed)} | others


def compare_query(run_ids: Iterable[str]) -> dict[str, str]:
    """Query parameters of a link to the comparison of several runs."""
    return page_query() | {"runs": ",".join(run_ids)}


def last_run() -> str | None:
    """The run that this tab showed last, for a page whose address names none; None where there is none (any more)."""
    run_id: str | None = st.session_state.get(_LAST_RUN_KEY)
    try:
        return get_manager().snapshot(run_id).record.run_id if run_id else None
    except UnknownRunError:
        return None


def train_run() -> str | None:
    """The run that the Train page shows where its address names none; None for the form of a new run.

    The menu of pages leaves the address's run behind: the way back leads to it all the same, unless the tab left that
    run for a new one.
    """
    run_id = last_run()
    return None if run_id == st.session_state.get(_LEFT_KEY) else run_id


def keep_address() -> None:
    """Let the browser's address say what this script run shows.

    A link to the page one is on changes the parameters, but Streamlit leaves the browser's address as it was, so that
    a reload would go back. Said again, they reach the browser, which does nothing where they agree.

    A click that was on its way when a run was opened brings the old address along: the run's is kept.
    """
    opened = st.session_state.pop(_OPENED_KEY, None)
    if opened is not None and time.monotonic() < opened.until and _is_before(opened):
        st.query_params["run"] = opened.run_id
        st.session_state[_OPENED_KEY] = replace(opened, is_new=False)
    _keep_language()
    _keep_run()
    st.query_params.from_dict(st.query_params.to_dict())


def _keep_run() -> None:
    """The run in the address is the one shown last; with a blank one (:func:`new_run_query`), it is left.

    The blank one stays in the address: the browser's ways back and forth find the form again, and so does a reload.
    """
    run_id = st.query_params.get("run")
    if run_id and is_run_id(run_id):
        st.session_state[_LAST_RUN_KEY] = run_id
        st.session_state.pop(_LEFT_KEY, None)
    elif run_id == "":
        st.session_state[_LEFT_KEY] = st.session_state.get(_LAST_RUN_KEY)


def _keep_language() -> None:
    """The menu of pages leaves the parameters behind: a language that was chosen stays chosen."""
    if st.query_params.get("lang"):
        st.session_state[_LANGUAGE_KEY] = st.query_params["lang"]
    elif _LANGUAGE_KEY in st.session_state:
        st.query_params["lang"] = st.session_state[_LANGUAGE_KEY]


def open_run(run_id: str) -> None:
    """Show ``run_id`` from here on."""
    shown = st.query_params.get("run")
    st.session_state[_OPENED_KEY] = _Opened(run_id, shown, until=time.monotonic() + _UNTOLD_S, is_new=True)
    st.query_params["run"] = run_id


def _is_before(opened: _Opened) -> bool:
    """Whether the browser may not know yet of the run that was opened for it."""
    return opened.is_new or st.query_params.get("run") == opened.shown


def train_address(run_id: str) -> str:
    """The address of a run's Train view, for HTML of our own; it keeps the language."""
    return f"train?{urlencode({'run': run_id, 'lang': current_language()})}"


def page_address(page: str, parameters: Mapping[str, str], language: str) -> str:
    """The address of a page by its own part of it (``train``), for HTML of our own."""
    return f"./{page}?{urlencode(dict(parameters) | {'lang': language})}"


def pages_address() -> str:
    """The whole address of the folder of pages, as the browser has it: behind whatever name, proxy and path.

    Called from a page that has a name of its own in the address, the last part of it.
    """
    here = str(st.context.url or f"{base_path()}/train").rstrip("/")
    return here.rpartition("/")[0]


def train_page_address() -> str:
    """The Train page's whole address, as the browser has it."""
    return f"{pages_address()}/train"


def language_switch(page: str) -> None:
    """A link to the same page in each other language, in that language's own name; the rest of the address stays."""
    for language, name in LANGUAGES.items():
        if language != current_language():
            st.page_link(
                page,
                label=name,
                icon=":material/translate:",
                query_params=st.query_params.to_dict() | {"lang": language},
            )
