"""The page that an episode is saved in: whole in itself, in the reader's language."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from dqn_core.config import Arguments
from dqn_core.presets import preset_config
from pages.replay.episode_file import DATA_PLACE, MOST_BYTES, TITLE_PLACE, episode_facts, page_template
from pages.replay.panel import STYLES


class Addresses(HTMLParser):
    """Every attribute of a page that a browser fetches something for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("src", "href", "srcset", "poster", "action", "data")
        self.found += [value or "" for name, value in attrs if name in names]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_names_no_other_address(language: str) -> None:
    page = page_template(language, STYLES)
    assert Addresses(page).found == ["data:,"]
    styles = page[page.index("<style>") : page.index("</style>")]
    assert re.findall(r"url\(|@import|@font-face", styles) == []
    named = set(re.findall(r"\w+://[^\s\"'`)]+", page))
    assert named == {"http://www.w3.org/2000/svg"}  # the name of a kind of element, not an address
    assert "default-src 'none'" in page
    assert f'<html lang="{language}" ' in page


def test_the_page_has_a_place_for_its_title_and_for_its_episode() -> None:
    page = page_template("en", STYLES)
    assert page.index(TITLE_PLACE) < page.index(DATA_PLACE) < page.index("<script>")
    assert len(page.encode()) < MOST_BYTES / 100


def test_it_has_the_colours_of_the_pages_in_the_light_and_in_the_dark() -> None:
    page = page_template("en", STYLES)
    light, dark = re.findall(r"--st-background-color: (#\w+);", page)[:2]
    assert light != dark
    assert "(prefers-color-scheme: dark)" in page


def test_it_says_what_is_played_and_how_its_agent_was_trained() -> None:
    config = preset_config("LunarLander-v3", "fast").replace(seed=3, gamma=0.9)
    facts = dict(episode_facts(config, "20260101-000000-abcd", 12, 0.25, Arguments({"gravity": -3.5})))
    assert facts == {
        "Environment": "LunarLander-v3 gravity=-3.5",
        "Episode seed": "12",
        "Actions": "random 25%",
        "Run": "20260101-000000-abcd",
        "Preset": "Fast",
        "Other than the preset": "Seed 3, Discount factor γ 0.9",
        "Command line": "python -m dqn_core train --env LunarLander-v3 --preset fast --seed 3 --gamma 0.9",
    }
