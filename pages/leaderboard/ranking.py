"""Tables of the leaderboard: ranks, medals, names, and one's own row told from the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import streamlit as st

from dqn_core.runs.classes.leaderboard import Entry, Standings
from pages.shared.links import train_address
from pages.shared.texts.i18n import _, translate_parts
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.numbers import number_text
from pages.shared.visitor.identity import visitor

__all__ = ["score_ranking", "speed_ranking", "unmeasured"]

_MEDALS = {1: "gold", 2: "silver", 3: "bronze"}


def score_ranking(standings: Standings) -> None:
    """Who gets the most."""
    head = (_("Rank"), _("Name"), _("Mean of 100 episodes"), _("95 % interval"))
    rows = [(entry, (_score(entry), _interval(entry))) for entry in standings.by_score]
    _table(_("Best evaluation"), head, rows, _("Evaluations are in progress."), "ranking-score")


def speed_ranking(standings: Standings) -> None:
    """Who got there first."""
    if standings.goal is None:
        return
    title = _("Fewest env steps to the goal of {goal}").format(goal=number_text(standings.goal))
    head = (_("Rank"), _("Name"), _("Env steps"), _("Mean of 100 episodes"))
    rows = [(entry, (f"{entry.submission.env_steps:,}", _score(entry))) for entry in standings.by_speed]
    _table(title, head, rows, _("No submitted run has reached it yet."), "ranking-speed")


def unmeasured(standings: Standings) -> None:
    """What waits for its evaluation, and what could not be evaluated."""
    for entry in standings.unmeasured:
        name = escape(entry.submission.name)
        if entry.error is None:
            st.progress(
                entry.share, text=_("{name} is being evaluated").format(name=escape_markdown(entry.submission.name))
            )
        else:
            error = translate_parts(entry.error.template, entry.error.parameters)
            st.html(f"<p>{name}: {escape(error)}</p>")


def _table(title: str, head: Sequence[str], rows: Sequence[tuple[Entry, Sequence[str]]], empty: str, key: str) -> None:
    """A table of our own making: every text in it is escaped, names above all."""
    with st.container(border=True, key=key):
        st.header(title, anchor=False)
        if not rows:
            st.caption(empty)
            return
        lines = "".join(_row(entry, cells) for entry, cells in rows)
        heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
        st.html(f'<table class="ranking"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>')


def _row(entry: Entry, cells: Iterable[str]) -> str:
    submission = entry.submission
    is_own = bool(submission.owner) and submission.owner == visitor().visitor_id
    address = escape(train_address(submission.run_id))
    own = f" <small>({escape(_('you'))})</small>" if is_own else ""
    name = f'<a href="{address}" target="_self">{escape(submission.name)}</a>{own}'
    medal = f' class="medal {_MEDALS[entry.rank]}"' if entry.rank in _MEDALS else ""
    rank = f"<span{medal}>{entry.rank}</span>"
    values = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    row = ' class="own"' if is_own else ""
    return f'<tr{row}><td>{rank}</td><th scope="row">{name}</th>{values}</tr>'


def _score(entry: Entry) -> str:
    return number_text(round(entry.score, 1))


def _interval(entry: Entry) -> str:
    if entry.evaluation is None:
        return ""
    low, high = (number_text(round(end, 1)) for end in entry.evaluation.interval)
    return f"[{low}, {high}]"
