"""One word for one thing: words that texts and docs do not use any more, and Korean without choices of particles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pages.shared.texts.former_texts import FORMER_TEXTS
from pages.shared.texts.i18n import catalog, translate
from scripts.extract_messages import template_catalog

ROOT = Path(__file__).parents[2]
DOCS = (
    "README.md",
    "ARCHITECTURE.md",
    "docs/deployment.md",
    "docs/environments.md",
    "docs/performance.md",
    "docs/lessons.md",
    "docs/results.md",
    "docs/variants.md",
)

NOT_IN_ENGLISH = (
    r"take (it |them )?home",
    r"taken home",
    r"honest",
    r"promise",
    r"stands? still",
    r"stands? (here|there) yet",
    r"\bfilms?\b",
    r"class(’s|'s)? lab\b",
    r"Watch frames",
    r"\bPace\b",
    r"by itself",
    r"of the disk",
    r"Whoever",
    r"Beyond the shortest",
    r"Share mixed in",
    r"Strength of priorities",
    r"Correction at first",
    r"Steps per return",
    r"Steps between copies",
    r"Learned of the return",
    r"Updates each time",
    r"Earlier runs",
    r"First weights",
    r"without a word",
)
"""What was said before, and what no text book says."""
NOT_IN_CODE = (
    r"film",
    r"honest",
    r"[Ss]tand_?[Ii]n_?[Ll]ine",
    r"queue_?[Pp]lace",
    r"[Gg]iven_?[Ww]eights",
    r"[Ff]irst_?[Ww]eights",
    r"[Tt]ake_?[Hh]ome",
    r"[Ll]ets? ?[Gg]o\b",
    r"\bchances\b",
    r"\bKeeper",
    r"sign of life",
    r"\bMoment\b",
)
"""Names of earlier versions of the code, and comments in their words."""
KEPT_NAMES = ('"films"', "DIR/films/", "/films/", '"honesty.csv"', '"honesty"')
"""Of files and addresses that earlier versions made."""
NOT_IN_KOREAN = (
    "보상 합",
    "목표값",
    "신경망",
    "입실론",
    "epsilon(?!})",
    "탐색",
    "걸음",
    "실험실",
    "레이블",
    "약속",
    "정직",
    "가져가",
    "이전 실행",
    "통합 커널",
    "수업 실습 [(]",
    "가만히 서",
    "Q 값",
    "누적 보상(?![)])",
    "중지",
)
PARTICLES = re.compile(r"\((이|가|을|를|은|는|과|와|으로|로|이나|이라)\)")
"""A particle that depends on how the word before it ends: such a sentence is written in another way."""

NO_NOUN = (
    r"(?!(?:as|changes|comes|contains|counts|divides|does|fails|fits|grows|hangs|has|holds|imports|in|is|its|names|needs"
    r"|observes|of|overflows|registers|shapes|takes|this|varies|was)\b)"
)
COUNTED = re.compile(
    r"\{(?!(?:height|high|largest|least|length|limit|m|most|ms|nodes)\})\w+\}[ -]"
    rf"(?:{NO_NOUN}[a-z-]+ )?{NO_NOUN}[a-z-]+s\b(?!/)"
)
"""A number and the plural that it counts: no limit, no unit, and no verb."""
NEVER_ONE = {
    "{actions} actions": 1,  # the lessons' ideas: as their sliders begin
    "{batch} times": 1,
    "{batch} transitions": 1,
    "{budget} steps": 1,
    "{distance} steps": 1,
    "{fall} steps": 1,
    "{horizon} steps": 1,
    "{plays} plays": 1,
    "{size} transitions": 1,
    "{states} steps": 1,
    "{walk} steps": 1,
    "{closed} closing parentheses": 1,  # two numbers with one noun
    "{count} actions": 2,  # where there is a choice, and where there are too many
    "{count} arguments": 1,
    "{count} classes": 1,
    "{count} comparisons": 1,
    "{count} dimensions": 1,
    "{count} games": 1,
    "{count} members": 1,
    "{count} minibatches": 1,
    "{count} numbers": 1,
    "{count} parameters": 1,
    "{count} paused runs": 1,
    "{count} places": 1,
    "{count} runs": 4,
    "{count} states": 1,
    "{count} steps": 1,
    "{count} suggestions": 1,
    "{count} trials": 1,
    "{count} videos": 1,
    "{count} whole numbers": 1,
    "{env_steps} env steps": 1,
    "{episodes} episodes": 1,
    "{hours} hours": 2,
    "{minutes} minutes": 4,
    "{n} rewards": 1,
    "{n} runs": 3,
    "{n} tags": 1,
    "{n}-step returns": 1,
    "{seconds} seconds": 4,
    "{seeds} runs": 1,
    "{seeds} seeds": 1,
    "{steps} steps": 5,
    "{total} lessons": 1,
    "{total} numbers": 1,
    "{total} runs": 1,
}
"""How many texts say so without a singular, because the number is always larger."""


def said(texts: dict[str, str], words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each word that is not used any more, with the place that uses it."""
    found = re.compile("|".join(words))
    return ((place, match[0]) for place, text in texts.items() if (match := found.search(text)))


def test_english_texts_use_the_words_of_the_field() -> None:
    assert list(said({english: english for english in catalog("ko")}, NOT_IN_ENGLISH)) == []


@pytest.mark.parametrize("name", DOCS)
def test_docs_use_the_words_of_the_field(name: str) -> None:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    assert list(said({f"{name}:{number}": line for number, line in enumerate(lines, start=1)}, NOT_IN_ENGLISH)) == []


@pytest.mark.parametrize("room", ["dqn_core", "pages"])
def test_code_uses_the_words_of_the_field(room: str) -> None:
    texts = {}
    for path in sorted((ROOT / room).rglob("*")):
        if path.suffix in {".py", ".js", ".css"} and path.name != "former_texts.py":
            text = path.read_text("utf-8")
            for name in KEPT_NAMES:
                text = text.replace(name, "")
            texts[path.relative_to(ROOT).as_posix()] = text
    assert texts
    assert list(said(texts, NOT_IN_CODE)) == []


def test_what_can_be_one_has_a_singular() -> None:
    """Where this fails: ``mark_plural``, other words, or one more text in which the number is never 1."""
    texts = [each.id for each in template_catalog() if isinstance(each.id, str)]
    assert Counter(phrase for text in texts for phrase in dict.fromkeys(COUNTED.findall(text))) == NEVER_ONE


def test_korean_texts_use_one_word_for_one_thing() -> None:
    assert list(said(catalog("ko"), NOT_IN_KOREAN)) == []


def test_korean_sentences_need_no_choice_of_a_particle() -> None:
    assert [korean for korean in catalog("ko").values() if PARTICLES.search(korean)] == []


def test_messages_in_databases_of_earlier_versions_are_said_in_todays_words() -> None:
    today = catalog("ko")
    assert set(FORMER_TEXTS.values()) <= set(today)
    assert set(FORMER_TEXTS).isdisjoint(today)
    former = "The server shut down before this run's turn came. Resume begins it."
    assert translate("en", former) == "The server shut down before this run's turn came. Press Resume to start it."
    assert translate("ko", f"{former}\n\n{former}") == "\n\n".join([today[FORMER_TEXTS[former]]] * 2)
