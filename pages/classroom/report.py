"""What came of a class, as one page of HTML to print: it needs no network and holds no script."""

from __future__ import annotations

import functools
import html
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from string import Template

from dqn_core.errors import mark
from dqn_core.lessons.catalog import LESSONS
from dqn_core.runs.classes.results import ClassResults, MemberRun, otherwise
from pages.shared.texts.fields import label_of
from pages.shared.texts.i18n import translate
from pages.shared.texts.lesson_choices import choice_text
from pages.shared.texts.numbers import duration_text, number_text
from pages.shared.texts.value_text import changes_text, value_text
from pages.shared.texts.words import REASON_LABELS, STATE_LABELS

__all__ = ["prediction_lines", "report"]

Say = Callable[[str], str]

_PAGE = Template("""<!doctype html>
<html lang="$language">
<head><meta charset="utf-8"><title>$title</title>
<style>
@page { size: A4; margin: 1.5cm; }
body { font: 14px/1.45 sans-serif; color: #1b2a2b; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin: 1.6rem 0 0.3rem; break-after: avoid; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #cfdad7; padding: 0.25rem 0.5rem; text-align: start; vertical-align: top;
  overflow-wrap: anywhere; }
td.number, th.number { text-align: end; font-variant-numeric: tabular-nums; }
tr { break-inside: avoid; }
thead { display: table-header-group; }
small { color: #4a5a59; }
bdi { unicode-bidi: isolate; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } }
</style></head>
<body><h1><bdi>$title</bdi></h1><p><small>$made</small></p>
$parts
</body></html>
""")


def report(results: ClassResults, language: str) -> str:
    """The page."""
    say = functools.partial(translate, language)
    classroom = results.classroom
    made = say(mark("{day} · members: {members} · runs: {runs}. Made with DQN Lab on {today}.")).format(
        day=f"{classroom.created_at:%Y-%m-%d}",
        members=len(results.members),
        runs=len(results.runs),
        today=f"{datetime.now(UTC):%Y-%m-%d}",
    )
    return _PAGE.substitute(
        language=language,
        title=html.escape(classroom.title or say(mark("Class"))),
        made=html.escape(made),
        parts="\n".join(_parts(results, say)),
    )


def _parts(results: ClassResults, say: Say) -> Iterator[str]:
    task = "" if results.classroom.assignment is None else results.classroom.assignment.task
    if task:
        yield f"<h2>{html.escape(say(mark('Assignment')))}</h2><p>{html.escape(task)}</p>"
    yield _heading(say(mark("Results of each member"))) + _members(results, say)
    for env_id in results.env_ids:
        yield _heading(say(mark("Runs in {env}")).format(env=env_id)) + _runs(results.of(env_id), say)
        best = best_of(results.of(env_id))
        if best is not None:
            yield f"<p>{html.escape(best_text(best, results.of(env_id), say))}</p>"
    lines = list(prediction_lines(results, say))
    if lines:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        yield _heading(say(mark("Predictions of the lessons"))) + f"<ul>{items}</ul>"


def best_of(runs: Sequence[MemberRun]) -> MemberRun | None:
    """The run with the highest best evaluation; None where nothing was evaluated."""
    measured = [each for each in runs if math.isfinite(each.score)]
    return max(measured, key=lambda each: each.score, default=None)


def best_text(best: MemberRun, runs: Sequence[MemberRun], say: Say) -> str:
    """Whose run was the best, and in which settings it was another than most."""
    head = say(mark("Best run: {name}, evaluation {score}.")).format(
        name=best.member.nickname, score=_number(best.score)
    )
    differing = [
        say(mark("{setting} {value} (most often {usual})")).format(
            setting=label_of(name, say), value=value_text(name, own, say), usual=value_text(name, usual, say)
        )
        for name, own, usual in otherwise(best, runs)
    ]
    if not differing:
        return f"{head} {say(mark('Its settings are those that most runs had.'))}"
    return f"{head} {say(mark('Done otherwise: {settings}.')).format(settings='; '.join(differing))}"


def prediction_lines(results: ClassResults, say: Say) -> Iterator[str]:
    """For each lesson that anybody answered: how many said what, the most frequent first."""
    for name, counts in results.predictions().items():
        lesson = LESSONS.get(name)
        if lesson is None:  # of an earlier version
            continue
        total = counts.total()
        said = [
            say(mark("{count} of {total} said “{choice}”")).format(
                count=count, total=total, choice=choice_text(lesson, choice, say)
            )
            for choice, count in counts.most_common()
            if choice < len(lesson.labels)
        ]
        yield f"{say(lesson.title)}: {', '.join(said)}"


def _members(results: ClassResults, say: Say) -> str:
    head = [say(mark("Nickname")), say(mark("Runs")), say(mark("Best evaluation")), say(mark("Training time"))]
    rows = []
    for member in results.members:
        own = [each for each in results.runs if each.member.visitor_id == member.visitor_id]
        best = best_of(own)
        trained = math.fsum(each.run.wall_time_s for each in own)
        score = "–" if best is None else f"{_number(best.score)} ({best.run.config.env_id})"
        rows.append([member.nickname, str(len(own)), score, duration_text(trained) if own else "–"])
    return _table(head, rows, numbers={1, 3})


def _runs(runs: Sequence[MemberRun], say: Say) -> str:
    head = [
        say(mark("Nickname")),
        say(mark("State")),
        say(mark("Best evaluation")),
        say(mark("Episodes")),
        say(mark("Env steps")),
        say(mark("Settings that differ")),
        say(mark("Changed while training")),
    ]
    by_score = sorted(runs, key=lambda each: -each.score if math.isfinite(each.score) else math.inf)
    usual = {each.run.run_id: otherwise(each, runs) for each in runs}
    rows = [
        [
            each.member.nickname,
            say(STATE_LABELS[each.run.state] if each.run.reason is None else REASON_LABELS[each.run.reason]),
            _number(each.score),
            f"{each.run.episodes:,}",
            f"{each.run.env_steps:,}",
            "; ".join(f"{label_of(name, say)} {value_text(name, own, say)}" for name, own, _ in usual[each.run.run_id]),
            "; ".join(changes_text(event, say) for event in each.changes),
        ]
        for each in by_score
    ]
    return _table(head, rows, numbers={2, 3, 4})


def _number(value: float) -> str:
    return number_text(round(value, 1)) if math.isfinite(value) else "–"


def _heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: set[int]) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=number' if place in numbers else ''}><bdi>{html.escape(text)}</bdi></{tag}>"
            for place, text in enumerate(row)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', head)}</tr></thead><tbody>{lines}</tbody></table>"
