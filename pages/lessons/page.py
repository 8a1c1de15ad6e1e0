"""Guided experiments: a question, a prediction, and only then the result.

The lesson is the one in the address; what a visitor predicted and has looked at is kept on the server.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dqn_core.errors import DqnLabError
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.shipped import read_shipped
from dqn_core.runs.stores import Prediction, PredictionStore
from pages.lessons.lesson_result import lesson_result
from pages.lessons.lesson_runs import latest_experiment, lesson_runs, start_lesson
from pages.server.process import get_manager
from pages.shared.errors import show_errors
from pages.shared.i18n import _, translate_error
from pages.shared.identity import visitor
from pages.shared.links import COMPARE_PAGE, LESSONS_PAGE, language_switch, page_query

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
    predictions = _predictions()
    st.caption(_("Predict first, then look. Each answer comes from runs over several seeds, not from one lucky run."))
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
                    if lesson.name in predictions and predictions[lesson.name].is_revealed:
                        st.badge(_("seen"), icon=":material/check:", color="green")


def _lesson(lesson: Lesson) -> None:
    st.markdown(f"#### {_(lesson.question)}")
    st.markdown(_(lesson.setup))
    kept = _predictions().get(lesson.name)
    _prediction(lesson, kept)
    is_revealed = kept is not None and kept.is_revealed
    _buttons(lesson, has_predicted=kept is not None, is_revealed=is_revealed)
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        st.error(translate_error(error), icon=":material/error:")
    if kept is None:
        return
    predicted = None if kept.choice == _NO_DIFFERENCE else kept.choice
    if is_revealed:
        _shipped(lesson, predicted)
    _own(lesson, predicted, is_revealed=is_revealed)
    if is_revealed:
        st.subheader(_("Why?"), anchor=False)
        st.markdown(_(lesson.explanation))
        st.caption(_("Further reading: {source}").format(source=_(lesson.source)))
        _next(lesson)


def _predictions() -> dict[str, Prediction]:
    """The visitor's predictions by lesson; those that a lesson of today has."""
    found = _store().of_visitor(visitor().visitor_id)
    return {name: each for name, each in found.items() if name in LESSONS and each.choice in _choices(LESSONS[name])}


def _store() -> PredictionStore:
    return PredictionStore(get_manager().store.database)


def _choices(lesson: Lesson) -> list[int]:
    return [*range(len(lesson.labels)), _NO_DIFFERENCE]


def _prediction(lesson: Lesson, kept: Prediction | None) -> None:
    key = f"lesson:{lesson.name}:prediction"
    choice = None if kept is None else kept.choice
    if st.session_state.get(key) != choice:
        st.session_state[key] = choice
    st.radio(
        _("Your prediction"),
        _choices(lesson),
        index=None,
        format_func=lambda place: _("no clear difference") if place == _NO_DIFFERENCE else _(lesson.labels[place]),
        horizontal=True,
        key=key,
        disabled=kept is not None and kept.is_revealed,
        help=_("You cannot change it once you have seen the result."),
        on_change=_predict,
        args=(lesson, key),
    )


def _buttons(lesson: Lesson, *, has_predicted: bool, is_revealed: bool) -> None:
    with st.container(horizontal=True):
        st.button(
            _("Show the result"),
            type="primary",
            icon=":material/visibility:",
            disabled=not has_predicted or is_revealed,
            on_click=_reveal,
            args=(lesson,),
            help=None if has_predicted else _("Predict first."),
        )
        st.button(
            _("Train it here ({count} runs)").format(count=len(lesson.spec.cells)),
            icon=":material/play_arrow:",
            disabled=not has_predicted,
            on_click=_train,
            args=(lesson,),
            help=_("Trains the same runs on this server, as an experiment. You can leave the page meanwhile."),
        )


def _predict(lesson: Lesson, key: str) -> None:
    choice = st.session_state.get(key)
    if choice is not None:
        _attempt(lambda: _store().predict(visitor().visitor_id, lesson.name, choice))


def _reveal(lesson: Lesson) -> None:
    _attempt(lambda: _store().reveal(visitor().visitor_id, lesson.name))


def _train(lesson: Lesson) -> None:
    _attempt(lambda: start_lesson(lesson))


def _attempt(do: Callable[[], object]) -> None:
    """Do what a widget asked for; what keeps it from being done is said below the buttons."""
    try:
        do()
    except DqnLabError as error:
        st.session_state[_ERROR] = error


def _shipped(lesson: Lesson, predicted: int | None) -> None:
    result = read_shipped(lesson)
    if result is None:
        st.info(_("There is no stored result for this lesson: train it here."), icon=":material/info:")
        return
    lesson_result(lesson, result.runs, predicted, source="shipped")
    text = _("Trained in advance: {count} runs ({machine}), by `{command}`.")
    st.caption(text.format(count=len(result.runs), machine=result.machine, command=result.command))
    if not result.is_current:
        st.warning(_("The settings of this lesson have changed since then; train it here for a current result."))


@st.fragment(run_every="2s")
def _progress(lesson: Lesson) -> None:
    status = latest_experiment(lesson)
    if status is None or not status.is_active:
        st.rerun()
    else:
        text = _("{done} of {total} runs done").format(done=status.done, total=status.total)
        st.progress(status.fraction, text=text)


def _own(lesson: Lesson, predicted: int | None, *, is_revealed: bool) -> None:
    """What was trained on this server: how far it is, and once the result is looked at, what came of it."""
    status = latest_experiment(lesson)
    if status is None:
        return
    st.subheader(_("Trained on this server"), anchor=False)
    if status.is_active:
        _progress(lesson)
    if not is_revealed:
        if not status.is_active:
            st.caption(_("Its runs have ended: show the result to see them too."))
        return
    st.page_link(
        COMPARE_PAGE,
        label=_("Open these runs in Compare"),
        icon=":material/stacked_line_chart:",
        query_params={"runs": ",".join(run.run_id for run in status.runs), **page_query()},
    )
    if status.is_active:
        return
    runs = lesson_runs(lesson, status)
    if len({run.variant for run in runs}) == len(lesson.labels):
        lesson_result(lesson, runs, predicted, source="server")
    else:
        st.info(_("Some of its runs were stopped: train it here again to resume them."), icon=":material/info:")


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
