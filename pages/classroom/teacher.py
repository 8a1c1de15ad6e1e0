"""What a teacher sees: how to join, who is there, what is assigned, and commands for all."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from html import escape

import streamlit as st

from dqn_core.errors import ClassError, mark
from dqn_core.runs.classes.classroom import MESSAGE_LENGTH, NICKNAME_LENGTH, Announcement, Classroom
from dqn_core.runs.classes.runs import ClassRuns
from dqn_core.runs.storage.records import is_run_id
from pages.classroom.address import class_address, lead_address
from pages.classroom.assignment_form import assignment_form
from pages.classroom.join import attempt, show_refusal
from pages.classroom.places import LESSON, PLACES, place_of, place_text
from pages.classroom.results import class_collection, class_experiment
from pages.classroom.topic import roster
from pages.classroom.wall import class_wall
from pages.server.process import get_manager, get_run_list
from pages.server.settings import settings
from pages.shared.browser.component import Component, component_value
from pages.shared.errors import fragment
from pages.shared.links import last_run
from pages.shared.share.share import qr_code
from pages.shared.texts.i18n import _, current_language
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.times import time_text
from pages.shared.visitor.identity import member_mark, require_teacher, signer

__all__ = ["COMPONENT_NAME", "past_classes", "teacher_view"]

COMPONENT_NAME = "dqn_lab_roster"
_STYLES = ("shared/browser/base.css", "shared/browser/buttons.css", "classroom/roster.css")
_MESSAGE, _LOOK, _RUN, _OPENS = "class:message", "class:look", "class:look-run", "class:look-opens"
_NOWHERE = "-"
_DONE = "class:done"

_draw_roster = Component(COMPONENT_NAME, "classroom/roster.js", _STYLES)


def teacher_view(classroom: Classroom) -> None:
    """Draw the class as its teacher sees it."""
    _way_in(classroom)
    with st.container(border=True, key="class-members"):
        st.header(_("Members"), anchor=False)
        _members(classroom.class_id)
    with st.container(border=True, key="class-wall"):
        st.header(_("The class, live"), anchor=False)
        class_wall(classroom.class_id)
    with st.container(border=True, key="class-runs"):
        st.header(_("All runs of the class"), anchor=False)
        _runs(classroom.class_id)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, key="class-assign"):
        st.header(_("Assignment"), anchor=False)
        assignment_form(classroom)
    with right, st.container(border=True, key="class-announce"):
        st.header(_("Message to all"), anchor=False)
        _announce(classroom)
    with st.expander(_("The class as one experiment"), icon=":material/scatter_plot:"):
        class_experiment(classroom.class_id)
    with st.expander(_("Collect"), icon=":material/download:"):
        class_collection(classroom.class_id)
    if not settings().instructor_code:  # with one, whoever types it leads
        with st.expander(_("Lead from another browser"), icon=":material/devices:"):
            _lead_elsewhere(classroom.class_id)
    with st.expander(_("End the class"), icon=":material/inventory_2:"):
        _end(classroom)


# ----------------------------------------------------------------------------------------------------------- the way in


def _way_in(classroom: Classroom) -> None:
    """The code, the address and its QR code, large enough for the back row."""
    address = class_address(classroom.code)
    title = escape(classroom.title or _("Class"))
    texts = {
        "join": escape(_("Join the class at")),
        "code": escape(_("Code")),
        "picture": escape(_("QR code of the address to join at")),
    }
    st.html(
        f'<div class="class-way-in"><div><h2>{title}</h2><p>{texts["join"]}</p>'
        f'<p class="class-address">{escape(address.page)}</p>'
        f'<p>{texts["code"]} <strong class="class-code" data-testid="class-code">{escape(classroom.code)}</strong></p>'
        f'</div><img src="{qr_code(address.url)}" alt="{texts["picture"]}"></div>'
    )
    if not address.is_reachable:
        text = _(
            "Other machines may not reach this address: the server listens on this machine only, or no network was "
            "found. Start it with `--server.address=0.0.0.0`, or set `DQN_LAB_ADDRESS` to its address."
        )
        with st.container(key="class-unreachable"):
            st.warning(text, icon=":material/wifi_off:")


def _lead_elsewhere(class_id: str) -> None:
    """The link that makes another browser the class's teacher: this one is known by a cookie, which may be lost."""
    st.markdown(
        _(
            "Open this link in another browser, or in this one if its cookies have been cleared, to lead the class "
            "there. Anyone who has the link can do that, so keep it to yourself."
        )
    )
    st.code(lead_address(signer().lead_ticket(class_id)), language=None, wrap_lines=True)


# ------------------------------------------------------------------------------------------------------------- members


@fragment
def _members(class_id: str) -> None:
    """Who is there, and what can be done with each."""
    data = {
        "ticket": signer().class_ticket(class_id),
        "members": roster(get_manager().classes, class_id),
        "longest": NICKNAME_LENGTH,
        "locale": current_language(),
    }
    labels = {
        "title": _("Members of the class"),
        "summary": _("{count} in the class"),
        "summary_hands": _("{count} in the class, {hands} with a hand up"),
        "lower": _("Lower hand"),
        "rename": _("Rename"),
        "remove": _("Remove"),
        "removed": _("removed"),
        "let_in": _("Let in again"),
        "nickname": _("Nickname"),
        "save": _("Save"),
        "cancel": _("Cancel"),
    }
    act = functools.partial(act_on_member, class_id)
    _draw_roster(key=f"roster-{class_id}", data=data, constants={"labels": labels}, on_action_change=act)
    show_refusal("members")


def act_on_member(class_id: str) -> None:
    """Do what a button of the list of members asks for."""
    asked = component_value(f"roster-{class_id}", "action") or {}

    def act() -> None:
        require_teacher(class_id)
        classes = get_manager().classes
        wanted, action = str(asked.get("member")), asked.get("action")
        members = classes.members(class_id, former=True)
        found = [each.visitor_id for each in members if member_mark(class_id, each.visitor_id) == wanted]
        if not found:
            raise ClassError(mark("There is no such member of this class."))
        if action == "rename":
            classes.rename(class_id, found[0], str(asked.get("nickname") or ""))
        elif action == "lower":
            classes.raise_hand(class_id, found[0], up=False)
        elif action == "remove":
            classes.remove(class_id, found[0])
        elif action == "let_in":
            classes.let_in(class_id, found[0])

    attempt("members", act)


# ---------------------------------------------------------------------------------------------------------------- runs


@fragment
def _runs(class_id: str) -> None:
    commands = (
        ("pause", _("Pause all"), ":material/pause:"),
        ("resume", _("Resume all"), ":material/resume:"),
        ("stop", _("Stop all"), ":material/stop:"),
    )
    with st.container(horizontal=True, gap="small"):
        for name, label, icon in commands:
            st.button(label, icon=icon, key=f"class:{name}-all", on_click=command_all, args=(class_id, name))
    done = st.session_state.pop(_DONE, None)
    if done is not None:
        st.caption(_("Runs: {count}").format(count=done))
    show_refusal("runs")


def command_all(class_id: str, name: str) -> None:
    """Pause, resume or stop every run of the class."""

    def do() -> None:
        require_teacher(class_id)
        runs = ClassRuns(get_manager())
        commands: dict[str, Callable[[str], int]] = {"pause": runs.pause, "resume": runs.resume, "stop": runs.stop}
        st.session_state[_DONE] = commands[name](class_id)

    attempt("runs", do)


# ------------------------------------------------------------------------------------------------------------ messages


def _announce(classroom: Classroom) -> None:
    said = classroom.announcement
    if said is not None:
        place = f" → {place_text(said.place)}" if said.place else ""
        st.info(escape_markdown(f"{said.message}{place}"), icon=":material/campaign:")
    st.text_input(_("Message"), key=_MESSAGE, max_chars=MESSAGE_LENGTH, autocomplete="off")
    st.selectbox(
        _("Everyone look here"),
        [_NOWHERE, *(page for page in PLACES if page != LESSON)],
        format_func=lambda page: "–" if page == _NOWHERE else _(PLACES[page][1]),
        key=_LOOK,
    )
    if st.session_state.get(_LOOK) in {"train", "replay", "play"}:
        st.text_input(
            _("Run to show"), last_run() or "", key=_RUN, placeholder="20260401-143501-x7k2", autocomplete="off"
        )
    if st.session_state.get(_LOOK, _NOWHERE) != _NOWHERE:
        st.toggle(_("Open it for all"), key=_OPENS, help=_("Every page of the class goes there at once."))
    with st.container(horizontal=True, gap="small"):
        st.button(
            _("Show to all"),
            icon=":material/campaign:",
            key="class:announce",
            on_click=announce,
            args=(classroom.class_id,),
        )
        st.button(
            _("Remove the message"),
            key="class:unannounce",
            disabled=said is None,
            on_click=take_away,
            args=(classroom.class_id,),
        )
    show_refusal("announce")


def announce(class_id: str) -> None:
    """Say to the class what was typed, and lead it to the page that was chosen."""
    message = str(st.session_state.get(_MESSAGE) or "")
    page, run = st.session_state.get(_LOOK, _NOWHERE), str(st.session_state.get(_RUN) or "").strip()

    def do() -> None:
        require_teacher(class_id)
        if run and page != _NOWHERE and not is_run_id(run):
            raise ClassError(mark("{run} is no run: copy the run's id from its page."), run=run)
        place = None if page == _NOWHERE else place_of(page, run=run)
        if not message.strip() and place is None:
            raise ClassError(mark("Type a message, or choose a page to look at."))
        opens = place is not None and bool(st.session_state.get(_OPENS))
        announcement = Announcement(made_at=datetime.now(UTC), message=message, place=place, opens=opens)
        get_manager().classes.announce(class_id, announcement)

    attempt("announce", do)


def take_away(class_id: str) -> None:
    """Say nothing to the class any more."""

    def do() -> None:
        require_teacher(class_id)
        get_manager().classes.announce(class_id, None)

    attempt("announce", do)


# ------------------------------------------------------------------------------------------------------------- the end


def _end(classroom: Classroom) -> None:
    st.markdown(
        _(
            "Archive it: nobody can join it any more and its assignment no longer holds, but members, runs and results "
            "stay. Delete it: all of that is gone, with every run that its members started in it."
        )
    )
    with st.container(horizontal=True, gap="small"):
        st.button(
            _("Archive"),
            icon=":material/inventory_2:",
            key="class:archive",
            on_click=archive,
            args=(classroom.class_id,),
        )
        _delete_button(classroom.class_id)
    show_refusal("end")


def _delete_button(class_id: str) -> None:
    with st.popover(_("Delete"), icon=":material/delete:", key=f"class-end-{class_id}"):
        st.markdown(_("Delete the class, its members and all of their runs in it? This cannot be undone."))
        st.button(
            _("Delete everything"),
            type="primary",
            key=f"class-delete-{class_id}",
            on_click=delete,
            args=(class_id,),
        )


def archive(class_id: str) -> None:
    """Close the class, and keep what is its own."""

    def do() -> None:
        require_teacher(class_id)
        get_manager().classes.archive(class_id)

    attempt("end", do)


def delete(class_id: str) -> None:
    """Delete the class with all that is its own."""

    def do() -> None:
        require_teacher(class_id)
        ClassRuns(get_manager()).delete(class_id)

    attempt("end", do)


def past_classes(archived: Iterable[Classroom]) -> None:
    """Classes that were archived: who was there, and how many runs they have."""
    listed = list(archived)
    if not listed:
        return
    runs = Counter(line.class_id for line in get_run_list().lines())
    with st.expander(_("Past classes"), icon=":material/history:"):
        for each in listed:
            members = get_manager().classes.members(each.class_id, former=True)
            st.markdown(f"**{escape_markdown(each.title or _('Class'))}**")
            facts = _("{time} · members: {members} · runs: {runs}")
            values = {"time": time_text(each.created_at), "members": len(members), "runs": runs[each.class_id]}
            st.caption(facts.format(**values))
            if members:
                st.caption(escape_markdown(", ".join(each.nickname for each in members)))
            _delete_button(each.class_id)
        show_refusal("end")
