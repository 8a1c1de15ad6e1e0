"""Texts in the reader's language, with gettext's semantics: an English template looks up its translation.

The catalogs are gettext ``.po`` files, read once with Babel; a template without a translation is shown in English.
The language is the browser's unless the URL says otherwise (``?lang=ko``), so a link or a reload keeps it.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import streamlit as st
from babel.messages.pofile import read_po
from starlette.requests import HTTPConnection

from dqn_core.errors import ComposedName, ConfigError, DqnLabError, FieldProblem, mark
from pages.server.paths import without_folders
from pages.shared.texts.fields import label_of
from pages.shared.texts.former_texts import FORMER_TEXTS
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.numbers import number_text
from pages.shared.texts.words import STATE_LABELS, WEIGHTS_LABELS

__all__ = [
    "DOMAIN",
    "LANGUAGES",
    "LOCALE_DIR",
    "_",
    "catalog",
    "current_language",
    "error_text",
    "field_label",
    "language_of",
    "message_text",
    "name_text",
    "one_language",
    "problem_text",
    "translate",
    "translate_error",
    "translate_parts",
    "translate_to_markdown",
]

LANGUAGES = {"en": "English", "ko": "한국어"}
"""Languages shipped, each by its own name."""
DOMAIN = "dqn_lab"
LOCALE_DIR = Path(__file__).parents[2] / "locale"
_FALLBACK = "en"
_LONGEST_VALUE = 200
"""Characters of a bad value that a message repeats."""
_PLACEHOLDER = re.compile(r"\{(\w+)(!r)?\}")
_FIELD_PARAMETERS = frozenset({"field", "name", "limit_name"})
_YES, _NO = mark("on"), mark("off")
_WORDS: Mapping[str, Mapping[Any, str]] = {"state": STATE_LABELS, "kind": WEIGHTS_LABELS}
"""Parameters whose values have words of their own, by the parameter's name."""


_spoken: ContextVar[str | None] = ContextVar("language", default=None)


def _(template: str) -> str:
    """``template`` in the language of the session whose script runs."""
    return translate(current_language(), template)


def current_language() -> str:
    """The URL's language if it is shipped, else the browser's, else English."""
    return _spoken.get() or _wished_language()


@contextlib.contextmanager
def one_language() -> Iterator[None]:
    """What is drawn within is in the language that is the session's now: it is not sought again for each text."""
    token = _spoken.set(current_language())
    try:
        yield
    finally:
        _spoken.reset(token)


def _wished_language() -> str:
    wished = (st.query_params.get("lang"), st.context.locale)
    return next((language for tag in wished if (language := _shipped(tag))), _FALLBACK)


def translate(language: str, template: str) -> str:
    """``template`` in ``language``, paragraph by paragraph; as it is where the catalog has nothing for it."""
    known = catalog(language)
    paragraphs = (FORMER_TEXTS.get(each, each) for each in template.split("\n\n"))
    return "\n\n".join(known.get(each, each) for each in paragraphs)


def message_text(
    say: Callable[[str], str],
    template: str,
    parameters: Mapping[str, object],
    escape: Callable[[str], str] = str,
) -> str:
    """A message that travels as a template and its parameters, in the language of ``say``.

    A parameter that names a config field is shown by that field's label, numbers as people write them; what people
    typed, or other people's code said, goes through ``escape``. An empty template stays empty, and a parameter that is
    not given (an earlier version wrote the message) is left as it stands.
    """
    texts = {name: _parameter_text(say, name, value, escape) for name, value in parameters.items()}

    def fill(found: re.Match[str]) -> str:
        text = texts.get(found[1], found[0])
        return repr(text) if found[2] and found[1] in texts else text

    return _PLACEHOLDER.sub(fill, say(template)) if template else ""


def name_text(name: object, say: Callable[[str], str] = _) -> str:
    """What a number of an observation is called, in the language of ``say``; what it is composed of as well."""
    if not isinstance(name, ComposedName):
        return say(str(name))
    return say(name.template).format(**{key: name_text(part, say) for key, part in name.parts.items()})


def error_text(language: str, error: DqnLabError) -> str:
    """What ``error`` says, in ``language``, as plain text: for what has no session, such as a route."""
    return message_text(functools.partial(translate, language), error.template, error.parameters)


def translate_parts(template: str, parameters: Mapping[str, object]) -> str:
    """:func:`message_text` in the session's language, as plain text."""
    return message_text(_, template, parameters)


def translate_to_markdown(template: str, parameters: Mapping[str, object]) -> str:
    """The same for where Markdown is read: what people typed, or other people's code said, is shown as it stands."""
    return message_text(_, template, parameters, escape_markdown)


def translate_error(error: DqnLabError) -> str:
    """What ``error`` says, in the session's language, in Markdown; a config's problems as one list entry each."""
    if isinstance(error, ConfigError):
        return "\n".join(f"- {problem_text(problem)}" for problem in error.problems)
    return translate_to_markdown(error.template, error.parameters)


def problem_text(problem: FieldProblem) -> str:
    """One bad field by its label, its value, and what would be right, in Markdown."""
    reason = translate_to_markdown(problem.template, problem.parameters)
    value = _parameter_text(_, "value", problem.value, lambda text: escape_markdown(_shortened(text)))
    return f"**{escape_markdown(field_label(problem.field))}** ({value}): {reason}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def field_label(name: str) -> str:
    """The form's label of a config field; the name itself where there is no such field."""
    return _label(_, name)


def _label(say: Callable[[str], str], name: str) -> str:
    return label_of(name, say)


def _parameter_text(say: Callable[[str], str], name: str, value: object, escape: Callable[[str], str]) -> str:
    if isinstance(value, ComposedName):
        return escape(name_text(value, say))
    if name in _FIELD_PARAMETERS and isinstance(value, str):
        return _label(say, value)
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return ", ".join(escape(name_text(each, say)) for each in value)
    if value in _WORDS.get(name, ()):
        return say(_WORDS[name][value])
    if isinstance(value, bool):
        return say(_YES if value else _NO)
    if isinstance(value, (int, float)):
        return number_text(value)
    return escape(without_folders(str(value)))


def language_of(request: HTTPConnection) -> str:
    """The same for a request to a route: its address's language (``?lang=``) if it is shipped, else its browser's."""
    accepted = request.headers.get("accept-language", "").split(",")
    wished = (request.query_params.get("lang"), *(tag.partition(";")[0].strip() for tag in accepted))
    return next((language for tag in wished if (language := _shipped(tag))), _FALLBACK)


def _shipped(tag: str | None) -> str | None:
    language = (tag or "").replace("_", "-").split("-")[0].lower()
    return language if language in LANGUAGES else None


@functools.cache
def catalog(language: str) -> dict[str, str]:
    """Translations by their English text; none for English, which the texts are written in.

    A message with a plural is found by each of its English forms: so a language may have one form, or the same two.
    """
    if language == _FALLBACK:
        return {}
    with (LOCALE_DIR / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        messages = read_po(file, locale=language)
    known = [(each.id, each.string) for each in messages if each.id and each.string and not each.fuzzy]
    return {text: said for one, other in known for text, said in zip(_forms(one), itertools.cycle(_forms(other)))}


def _forms(message: str | Sequence[str]) -> Sequence[str]:
    return (message,) if isinstance(message, str) else message
