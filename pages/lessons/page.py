"""Guided experiments: an idea, a question, a prediction, and only then the result.

The lesson is the one in the address; what a visitor predicted and has looked at is kept on the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from dqn_core.errors import DqnLabError, mark
from dqn_core.lessons.catalog import FORMER_NAMES, LESSONS
from dqn_core.lessons.lesson import Lesson, Level
from dqn_core.lessons.shipped import ShippedResult, read_shipped
from dqn_core.runs.experiments.service import ExperimentStatus
from dqn_core.runs.storage.predictions import Prediction, PredictionStore
from pages.lessons.ideas import idea
from pages.lessons.lesson_result import lesson_answer, lesson_figures
from pages.lessons.lesson_runs import latest_experiment, lesson_runs, start_lesson
from pages.lessons.pictures import PICTURES
from pages.lessons.predictions import class_predictions
from pages.server.process import get_manager
from pages.shared.errors import fragment, show_errors
from pages.shared.held_values import hold, unless_stale
from pages.shared.links import COMPARE_PAGE, LESSONS_PAGE, page_query
from pages.shared.page_header import page_header
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.lesson_choices import NO_DIFFERENCE, choice_text, choices
from pages.shared.visitor.identity import visitor

_COLUMNS = 3
_ERROR = "lessons:error"
_LEVELS: dict[Level, str] = {
    "beginner": mark("Beginner"),
    "intermediate": mark("Intermediate"),
    "advanced": mark("Advanced"),
}


def lessons_page() -> None:
    """Draw the list of lessons, or the one in the address."""
    name = st.query_params.get("lesson", "")
    if name in FORMER_NAMES:
        name = st.query_params["lesson"] = FORMER_NAMES[name]
    lesson = LESSONS.get(name)
    if lesson is None:
        page_header(LESSONS_PAGE, _("Learn"))
        _overview(_predictions())
    else:
        page_header(LESSONS_PAGE, _(lesson.title), links=_all_lessons)
        _lesson(lesson, _predictions())


def _all_lessons() -> None:
    st.page_link(LESSONS_PAGE, label=_("All lessons"), icon=":material/apps:", query_params=page_query())


# -------------------------------------------------------------------------------------------------- the list of lessons


def _overview(predictions: Mapping[str, Prediction]) -> None:
    text = _(
        "Each lesson explains one idea, asks for your prediction, and then shows what came of it: in runs over several "
        "seeds, not in one lucky run."
    )
    st.markdown(text)
    _progress(predictions)
    with st.container(key="lesson-cards"):
        for first in range(0, len(LESSONS), _COLUMNS):
            columns = st.columns(_COLUMNS)
            for place, lesson in enumerate(list(LESSONS.values())[first : first + _COLUMNS]):
                with columns[place], st.container(border=True, height="stretch", gap="small"):
                    _card(first + place + 1, lesson, is_done=_is_done(predictions.get(lesson.name)))


def _card(number: int, lesson: Lesson, *, is_done: bool) -> None:
    st.html(PICTURES[lesson.name])
    st.header(f"{number} · {_(lesson.title)}", anchor=False)
    st.caption(_facts(lesson))
    st.markdown(_(lesson.question))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            LESSONS_PAGE,
            label=_("Open"),
            icon=":material/arrow_forward:",
            query_params={"lesson": lesson.name, **page_query()},
        )
        if is_done:
            st.badge(_("done"), icon=":material/check:", color="green")


def _facts(lesson: Lesson) -> str:
    return f"{_(_LEVELS[lesson.level])} · {_('{count} min').format(count=lesson.minutes)}"


def _is_done(prediction: Prediction | None) -> bool:
    return prediction is not None and prediction.is_revealed


def _progress(predictions: Mapping[str, Prediction]) -> None:
    done = sum(_is_done(predictions.get(name)) for name in LESSONS)
    text = _("{done} of {total} lessons done").format(done=done, total=len(LESSONS))
    st.progress(done / len(LESSONS), text=text)


# ----------------------------------------------------------------------------------------------------------- one lesson


def _lesson(lesson: Lesson, predictions: Mapping[str, Prediction]) -> None:
    number = list(LESSONS).index(lesson.name) + 1
    place = _("Lesson {number} of {total}").format(number=number, total=len(LESSONS))
    facts = f"{place} · {_facts(lesson)}"
    done = " ".join("●" if _is_done(predictions.get(name)) else "○" for name in LESSONS)
    count = sum(_is_done(predictions.get(name)) for name in LESSONS)
    st.caption(f"{facts} · {done}", help=_("{done} of {total} lessons done").format(done=count, total=len(LESSONS)))
    with st.container(border=True):
        idea(lesson)
    kept = predictions.get(lesson.name)
    is_revealed = _is_done(kept)
    status = latest_experiment(lesson)
    with st.container(key="lesson"):
        words, figures = st.columns([5, 7], gap="large")
    with words:
        _question(lesson, kept)
        with st.container():  # there from the first, so that nothing below it moves when it is filled
            if kept is not None:
                class_predictions(lesson, _store())
        _buttons(lesson, has_predicted=kept is not None, is_revealed=is_revealed)
        error = st.session_state.pop(_ERROR, None)
        if error is not None:
            st.error(translate_error(error), icon=":material/error:")
    with figures:
        if status is not None and status.is_active:
            _training(lesson)
        if not is_revealed:
            _hidden(status, has_predicted=kept is not None)
    if is_revealed and kept is not None:
        _result(lesson, status, kept, words, figures)


def _question(lesson: Lesson, kept: Prediction | None) -> None:
    st.header(_(lesson.question), anchor=False)
    st.markdown(_(lesson.setup))
    spec = lesson.spec
    text = _("For each answer: {seeds} runs of {env_steps} env steps, with the same seeds and number of updates.")
    st.caption(text.format(env_steps=f"{spec.base.max_env_steps:,}", seeds=len(spec.seeds)))
    key = hold(f"lesson:{lesson.name}:prediction", None if kept is None else kept.choice)
    st.radio(
        _("Your prediction"),
        choices(lesson),
        index=None,
        format_func=lambda place: choice_text(lesson, place),
        key=key,
        persist_state="page",
        disabled=_is_done(kept),
        help=_("You cannot change it once you have seen the result."),
        on_change=unless_stale(key, _predict),
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
            help=_training_help(lesson),
        )


def _training_help(lesson: Lesson) -> str:
    text = _("Trains the same runs on this server, as an experiment. You can leave the page meanwhile.")
    shipped = read_shipped(lesson)
    if shipped is None:
        return text
    time = _("With one core it takes about {count} min.").format(count=max(1, round(shipped.cpu_s / 60)))
    return f"{text} {time}"


def _hidden(status: ExperimentStatus | None, *, has_predicted: bool) -> None:
    """What stands in the figure's place until the result is looked at."""
    predicted, unpredicted = _("The result is hidden until you show it."), _("Predict first: the result is shown here.")
    with st.container(border=True, height=220, horizontal_alignment="center", vertical_alignment="center"):
        st.markdown(f":material/visibility_off: {predicted if has_predicted else unpredicted}", width="content")
        if status is not None and not status.is_active:
            st.caption(_("This lesson was trained on this server too."))


@fragment(run_every="2s")
def _training(lesson: Lesson) -> None:
    """How far this server's runs are."""
    status = latest_experiment(lesson)
    if status is None or not status.is_active:
        st.rerun()
    else:
        text = _("Training on this server: {done} of {total} runs done")
        st.progress(status.fraction, text=text.format(done=status.done, total=status.total))


def _result(
    lesson: Lesson,
    status: ExperimentStatus | None,
    kept: Prediction,
    words: st.delta_generator.DeltaGenerator,
    figures: st.delta_generator.DeltaGenerator,
) -> None:
    predicted = None if kept.choice == NO_DIFFERENCE else kept.choice
    shipped = read_shipped(lesson)
    with words:
        answer = st.container()
        with st.container(key="lesson-explanation"):
            st.header(_("Why?"), anchor=False)
            if lesson.is_surprise:
                st.badge(_("a surprise"), icon=":material/priority_high:", color="orange")
            st.markdown(_(lesson.explanation))
            st.caption(_("Further reading: {source}").format(source=_(lesson.source)))
            _next(lesson)
    with figures:
        if shipped is not None:
            with answer:
                lesson_answer(lesson, shipped.runs, predicted)
        _shipped(lesson, shipped)
        if status is not None:
            _trained_here(lesson, status, predicted)


def _shipped(lesson: Lesson, result: ShippedResult | None) -> None:
    if result is None:
        st.info(_("There is no stored result for this lesson: train it here."), icon=":material/info:")
        return
    lesson_figures(lesson, result.runs, source="shipped")
    text = _("Trained in advance: {count} runs ({machine}), by `{command}`.")
    st.caption(text.format(count=len(result.runs), machine=result.machine, command=result.command))
    if not result.is_current:
        st.warning(_("The settings of this lesson have changed since then; train it here for a current result."))


def _trained_here(lesson: Lesson, status: ExperimentStatus, predicted: int | None) -> None:
    st.header(_("Trained on this server"), anchor=False)
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
        lesson_answer(lesson, runs, predicted)
        lesson_figures(lesson, runs, source="server")
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


# --------------------------------------------------------------------------------------------------- what visitors said


def _predictions() -> dict[str, Prediction]:
    """The visitor's predictions by lesson; those that a lesson of today has."""
    found = _store().of_visitor(visitor().visitor_id)
    return {name: each for name, each in found.items() if name in LESSONS and each.choice in choices(LESSONS[name])}


def _store() -> PredictionStore:
    return PredictionStore(get_manager().store.database)


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


show_errors(lessons_page)
