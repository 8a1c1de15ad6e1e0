from __future__ import annotations

import functools
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dqn_core.config import TrainingConfig
from dqn_core.environments.names import observation_names
from dqn_core.errors import ConfigError, DqnLabError, mark_plural
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from pages.shared.texts import i18n
from pages.shared.texts.i18n import catalog, message_text, name_text, translate, translate_error
from pages.shared.texts.markdown import escape_markdown
from scripts import extract_messages

IS_HANGUL = frozenset(chr(code) for code in range(0xAC00, 0xD7A4))
SAME_IN_KOREAN = {
    "DQN Lab",
    "CartPole",
    "LunarLander",
    "Gymnasium id",
    "Huber",
    "Acrobot",
    "MountainCar",
    "FrozenLake",
    "Taxi",
    "CliffWalking",
    "Blackjack",
    *(f"{game} (MinAtar)" for game in ("Asterix", "Breakout", "Freeway", "Space Invaders")),
    "Breakout (Atari)",
    "Pong (Atari)",
    "Double DQN",
    "NoisyNets",
    "CPU (PyTorch)",
    "GPU (PyTorch)",
}


def placeholders(text: str) -> list[tuple[str, str]]:
    parsed = string.Formatter().parse(text)
    return sorted((name, conversion or "") for _, name, _, conversion in parsed if name is not None)


@pytest.fixture
def korean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "current_language", lambda: "ko")


def test_catalogs_hold_exactly_what_the_sources_say() -> None:
    stale = [path.name for path, text in extract_messages.outputs().items() if path.read_bytes() != text]
    assert stale == [], "run python scripts/extract_messages.py"


def test_texts_within_f_strings_are_collected_too(tmp_path: Path) -> None:
    source = tmp_path / "page.py"
    source.write_text(
        """a = f"{_('one')} {mark('two').format(n=1)}"\nb = _("three" " and four")\n_(a)\nother("five")\n"""
    )
    assert extract_messages._messages(source) == ["one", "two", "three and four"]


def test_a_singular_and_its_plural_are_one_message(tmp_path: Path) -> None:
    source = tmp_path / "page.py"
    source.write_text("""a = _(mark_plural("one run", "{n} " "runs", n))\nb = mark_plural(a, "{n} seeds", n)\n""")
    assert extract_messages._messages(source) == [("one run", "{n} runs")]


@pytest.mark.parametrize(("n", "english"), [(0, "0 episodes"), (1, "1 episode"), (1.0, "1 episode"), (2, "2 episodes")])
def test_a_plural_follows_the_number_in_each_language(n: float, english: str) -> None:
    template = mark_plural("{count} episode", "{count} episodes", n)
    assert translate("en", template).format(count=round(n)) == english
    assert translate("ko", template).format(count=round(n)) == f"에피소드 {round(n)}개"


@pytest.mark.parametrize("language", extract_messages.LANGUAGES)
def test_every_message_has_a_text_in_each_language(language: str) -> None:
    assert extract_messages.untranslated(language) == []


@pytest.mark.parametrize("language", extract_messages.LANGUAGES)
def test_translations_keep_the_placeholders(language: str) -> None:
    known = catalog(language)
    singular = {message.id[0]: message.id[1] for message in extract_messages.template_catalog() if message.pluralizable}
    wrong = {
        one for one, other in known.items() if placeholders(singular.get(one, one)) != placeholders(other)
    }  # a singular may leave the number out: "the last frame"
    assert wrong == set()
    assert {one for one, other in singular.items() if not set(placeholders(one)) <= set(placeholders(other))} == set()


def test_korean_texts_are_korean() -> None:
    same = {one for one, other in catalog("ko").items() if not IS_HANGUL & set(other)}
    assert same <= SAME_IN_KOREAN


def test_a_text_without_translation_is_shown_in_english() -> None:
    assert translate("ko", "Nobody has said this yet.") == "Nobody has said this yet."


@pytest.mark.parametrize(
    ("locale", "query", "title"),
    [
        ("en-US", {}, "Train an agent"),
        ("ko-KR", {}, "에이전트 학습"),
        ("ko", {}, "에이전트 학습"),
        ("fr-FR", {}, "Train an agent"),
        ("en-US", {"lang": "ko"}, "에이전트 학습"),
        ("ko-KR", {"lang": "en"}, "Train an agent"),
        ("ko-KR", {"lang": "xx"}, "에이전트 학습"),
    ],
)
def test_the_page_speaks_the_addresss_language_else_the_browsers(
    open_app: Callable[..., AppTest], locale: str, query: dict[str, str], title: str
) -> None:
    assert open_app(locale=locale, **query).title[0].value == title


def test_the_switch_offers_the_other_language_and_keeps_the_run(
    open_app: Callable[..., AppTest], manager: RunManager
) -> None:
    run_id = manager.start(TrainingConfig())
    links = {link.label: link.proto.query_string for link in open_app(run=run_id).get("page_link")}
    assert "한국어" in links
    assert "English" not in links
    assert set(links["한국어"].split("&")) == {f"run={run_id}", "lang=ko"}


@pytest.mark.usefixtures("korean")
class TestErrorsInKorean:
    def test_a_bad_config_names_each_field_by_its_label(self) -> None:
        with pytest.raises(ConfigError) as caught:
            TrainingConfig(batch_size=128, buffer_size=100, warmup_steps=0, epsilon_start=0.1, epsilon_end=0.2)
        batch, epsilon = translate_error(caught.value).splitlines()
        assert batch.startswith("- **배치 크기** (128): ‘리플레이 메모리 크기’ 값인 100 이하여야 합니다.")
        assert batch.endswith("‘배치 크기’ 값을 낮추거나 ‘리플레이 메모리 크기’ 값을 높이세요")
        assert epsilon.startswith("- **최종 엡실론** (0.2): ‘초기 엡실론’ 값인 0.1 이하여야 합니다.")

    def test_a_state_is_said_in_words(self) -> None:
        error = DqnLabError("The run is over ({state}): start a new run.", state=RunState.STOPPED)
        assert translate_error(error) == "이미 끝난 실행입니다(정지됨). 새 실행을 시작하세요."

    def test_a_refused_change_names_the_field(self) -> None:
        with pytest.raises(DqnLabError) as caught:
            TrainingConfig().changed_live("hidden_sizes", (8,))
        assert translate_error(caught.value).startswith("‘은닉층 너비’ 값을 바꾸면")


def test_each_name_of_a_list_is_translated() -> None:
    say = functools.partial(translate, "ko")
    text = message_text(say, "{channels}", {"channels": ("paddle", "ball", "x*y")}, escape_markdown)
    assert text == "패들, 공, x\\*y"


@pytest.mark.parametrize(
    ("env_id", "size", "place", "korean"),
    [
        ("MinAtar/Breakout-v1", 400, -1, "9행 9열의 벽돌"),
        ("Taxi-v4", 500, 499, "택시 4행 4열, 승객 탑승 중, 목적지 B"),
        ("Blackjack-v1", 45, 33, "딜러 카드 에이스"),
        ("highway-v0", 25, 3, "자기 차: x 속도"),
        ("highway-v0", 25, 5, "차량 1: 있음"),
        ("MiniGrid-Empty-5x5-v0", 151, 5, "(0, 0)의 색"),
    ],
)
def test_a_composed_name_is_translated_part_by_part(env_id: str, size: int, place: int, korean: str) -> None:
    names = observation_names(env_id, size)
    assert names is not None
    say = functools.partial(translate, "ko")
    assert name_text(names[place], say) == korean
    assert (
        message_text(say, "{name}, {names}", {"name": names[place], "names": names[place:][:1]})
        == f"{korean}, {korean}"
    )
    assert name_text(names[place], str) == names[place]


def test_a_message_of_two_paragraphs_is_translated_paragraph_by_paragraph() -> None:
    one, other = "Pause", "Nobody has said this yet."
    assert translate("ko", f"{one}\n\n{other}") == f"{translate('ko', one)}\n\n{other}"
    assert translate("ko", one) != one


def test_a_chosen_language_stays_chosen_on_the_other_pages(open_app: Callable[..., AppTest]) -> None:
    app = open_app(page="lessons/page.py", lang="ko")
    korean = app.title[0].value
    del app.query_params["lang"]  # as the menu of pages does
    app.run()
    assert app.title[0].value == korean
    assert app.query_params["lang"] == "ko"
