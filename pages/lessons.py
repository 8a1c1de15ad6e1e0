"""Guided experiments: a question, a prediction, and only then the result."""

from __future__ import annotations

import streamlit as st

from dqn_core.errors import DqnLabError
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.shipped import read_shipped
from pages.components.errors import show_errors
from pages.components.lesson_result import lesson_result
from pages.components.lesson_runs import latest_experiment, lesson_runs, start_lesson
from pages.components.links import COMPARE_PAGE, LESSONS_PAGE, language_switch, page_query
from pages.i18n import _, translate_error

_NO_DIFFERENCE = -1
_COLUMNS = 3
_ERROR = "lessons:error"


def lessons_page() -> None:
    """Draw the list of lessons, or the one in the address."""
    lesson = LESSONS.get(st.query_params.get("lesson", ""))
    left, right = st.columns([3, 1], vertical_alignment="center")
    with left:
        st.title(_(lesson.title) if lesson else _("Guided experiments"), anchor=False)
    with right, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="links"):
        if lesson is not None:
            st.page_link(LESSONS_PAGE, label=_("All lessons"), icon=":material/apps:", query_params=page_query())
        language_switch(LESSONS_PAGE)
    if lesson is None:
        _overview()
    else:
        _lesson(lesson)


def _overview() -> None:
    st.caption(
        _("Predict first, then look: each question is answered by runs over several seeds, not by one lucky one.")
    )
    for first in range(0, len(LESSONS), _COLUMNS):
        columns = st.columns(_COLUMNS)
        for place, lesson in enumerate(list(LESSONS.values())[first : first + _COLUMNS]):
            with columns[place], st.container(border=True, height="stretch"):
                st.markdown(f"##### {first + place + 1} · {_(lesson.title)}")
                st.markdown(_(lesson.question))
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.page_link(
                        LESSONS_PAGE,
                        label=_("Open"),
                        icon=":material/arrow_forward:",
                        query_params={"lesson": lesson.name, **page_query()},
                    )
                    if _is_revealed(lesson):
                        st.badge(_("seen"), icon=":material/check:", color="green")


def _lesson(lesson: Lesson) -> None:
    st.markdown(f"#### {_(lesson.question)}")
    st.markdown(_(lesson.setup))
    prediction = _prediction(lesson)
    _buttons(lesson, can_look=prediction is not None)
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        st.error(translate_error(error), icon=":material/error:")
    if prediction is None:
        return
    predicted = None if prediction == _NO_DIFFERENCE else prediction
    if _is_revealed(lesson):
        _shipped(lesson, predicted)
    _own(lesson, predicted)
    if _is_revealed(lesson):
        st.subheader(_("Why?"), anchor=False)
        st.markdown(_(lesson.explanation))
        st.caption(_("Read on: {source}").format(source=_(lesson.source)))
        _next(lesson)


def _prediction(lesson: Lesson) -> int | None:
    choices = [*range(len(lesson.labels)), _NO_DIFFERENCE]
    return st.radio(
        _("Your prediction"),
        choices,
        index=None,
        format_func=lambda place: _("no clear difference") if place == _NO_DIFFERENCE else _(lesson.labels[place]),
        horizontal=True,
        key=f"lesson:{lesson.name}:prediction",
        disabled=_is_revealed(lesson),
        help=_("It stays as it is once you have seen the result."),
    )


def _buttons(lesson: Lesson, *, can_look: bool) -> None:
    with st.container(horizontal=True):
        st.button(
            _("Show the result"),
            type="primary",
            icon=":material/visibility:",
            disabled=not can_look or _is_revealed(lesson),
            on_click=_reveal,
            args=(lesson,),
            help=None if can_look else _("Predict first."),
        )
        st.button(
            _("Train it here ({count} runs)").format(count=len(lesson.spec.cells)),
            icon=":material/play_arrow:",
            disabled=not can_look,
            on_click=_train,
            args=(lesson,),
            help=_("The same runs on this server, as an experiment; the page may be left meanwhile."),
        )


def _is_revealed(lesson: Lesson) -> bool:
    return bool(st.session_state.get(f"revealed:{lesson.name}"))


def _reveal(lesson: Lesson) -> None:
    key = f"lesson:{lesson.name}:prediction"
    st.session_state[f"revealed:{lesson.name}"] = True
    st.session_state[key] = st.session_state[key]  # kept though the page is left


def _train(lesson: Lesson) -> None:
    try:
        start_lesson(lesson)
    except DqnLabError as error:
        st.session_state[_ERROR] = error


def _shipped(lesson: Lesson, predicted: int | None) -> None:
    result = read_shipped(lesson)
    if result is None:
        st.info(_("No result comes with this lesson: train it here."), icon=":material/info:")
        return
    lesson_result(lesson, result.runs, predicted, source="shipped")
    text = _("Trained beforehand, {count} runs ({machine}), by `{command}`.")
    st.caption(text.format(count=len(result.runs), machine=result.machine, command=result.command))
    if not result.is_current:
        st.warning(_("The lesson's settings have changed since; train it here for a result of today."))


@st.fragment(run_every="2s")
def _progress(lesson: Lesson) -> None:
    status = latest_experiment(lesson)
    if status is None or not status.is_active:
        st.rerun()
    else:
        text = _("{done} of {total} runs done").format(done=status.done, total=status.total)
        st.progress(status.fraction, text=text)


def _own(lesson: Lesson, predicted: int | None) -> None:
    """What was trained on this server."""
    status = latest_experiment(lesson)
    if status is None:
        return
    st.subheader(_("Trained on this server"), anchor=False)
    runs = lesson_runs(lesson, status)
    st.page_link(
        COMPARE_PAGE,
        label=_("Look at these runs in Compare"),
        icon=":material/stacked_line_chart:",
        query_params={"runs": ",".join(run.run_id for run in status.runs), **page_query()},
    )
    if status.is_active:
        _progress(lesson)
    elif len({run.variant for run in runs}) == len(lesson.labels):
        lesson_result(lesson, runs, predicted, source="server")
    else:
        st.info(_("Some of its runs were stopped: train it here again to go on."), icon=":material/info:")


def _next(lesson: Lesson) -> None:
    names = list(LESSONS)
    following = names[(names.index(lesson.name) + 1) % len(names)]
    st.page_link(
        LESSONS_PAGE,
        label=_("Next: {title}").format(title=_(LESSONS[following].title)),
        icon=":material/arrow_forward:",
        query_params={"lesson": following, **page_query()},
    )


show_errors(lessons_page)
