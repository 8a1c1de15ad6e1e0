"""Links within the app: an address is a run and a language, nothing else."""

from __future__ import annotations

import streamlit as st

from pages.i18n import LANGUAGES, current_language

__all__ = ["TRAIN_PAGE", "base_path", "keep_address", "language_switch", "page_query"]

TRAIN_PAGE = "train.py"


def base_path() -> str:
    """What stands before every address of this server: empty, or a path such as ``/lab``."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def page_query(*, run: str | None = None, lang: str | None = None) -> dict[str, str]:
    """Query parameters of a link to ``run``; the language is kept where the address names one."""
    language = lang or st.query_params.get("lang")
    return {name: value for name, value in (("run", run), ("lang", language)) if value}


def keep_address() -> None:
    """Let the browser's address say what this script run shows.

    A link to the page one is on changes the parameters, but Streamlit leaves the browser's address as it was, so that
    a reload would go back. Said again, they reach the browser, which does nothing where they agree.
    """
    st.query_params.from_dict(st.query_params.to_dict())


def language_switch() -> None:
    """A link to the same page in each other language, in that language's own name."""
    for language, name in LANGUAGES.items():
        if language != current_language():
            st.page_link(
                TRAIN_PAGE,
                label=name,
                icon=":material/translate:",
                query_params=page_query(run=st.query_params.get("run"), lang=language),
            )
