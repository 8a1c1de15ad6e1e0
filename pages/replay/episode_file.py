"""An episode as one file that plays anywhere: the page around the player, into which a browser puts the episode.

    page_template() ── once a language ──> save_page.js: {head} data {tail} ──> episode.html
                                                                                  └ episode_page.js + replay.js, inlined

The server does nothing for it: the browser that shows an episode has its numbers and pictures already.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from html import escape
from pathlib import Path

import streamlit as st

from dqn_core.cli.lines import command_line
from dqn_core.config import Arguments, TrainingConfig
from dqn_core.errors import mark
from dqn_core.presets import nearest_preset, preset_config
from pages.server.browser_code import BROWSER_CODE
from pages.server.one_script import one_script
from pages.shared.texts.fields import label_of
from pages.shared.texts.i18n import _, current_language, translate
from pages.shared.texts.numbers import number_text
from pages.shared.texts.value_text import value_text
from pages.shared.texts.words import PRESET_LABELS

__all__ = ["MOST_BYTES", "episode_facts", "page_template", "template_address"]

MOST_BYTES = 25_000_000
"""Of a file: as much as most mail takes, and a phone opens."""
_FOLDER = Path(__file__).parents[1]
_THEME = {
    "background-color": "backgroundColor",
    "secondary-background-color": "secondaryBackgroundColor",
    "text-color": "textColor",
    "primary-color": "primaryColor",
    "red-color": "redColor",
    "orange-color": "orangeColor",
    "blue-color": "blueColor",
    "violet-color": "violetColor",
}
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""Nothing is fetched from anywhere, whatever stands in the file."""
_NO_SCRIPT = mark("Turn JavaScript on in this browser to play the episode.")
DATA_PLACE, TITLE_PLACE = "@@EPISODE@@", "@@TITLE@@"


def template_address(styles: Sequence[str]) -> tuple[str, int]:
    """(Where a browser finds the page in the session's language, its bytes); without the server's base path."""
    template = page_template(current_language(), tuple(styles))
    return BROWSER_CODE.keep({"html": template}), len(template.encode())


@functools.cache
def page_template(language: str, styles: tuple[str, ...]) -> str:
    """The page, with :data:`TITLE_PLACE` and :data:`DATA_PLACE` where the episode's are to stand."""
    sheets = "\n".join((_FOLDER / name).read_text("utf-8") for name in (*styles, "replay/episode_page.css"))
    script = one_script(_FOLDER, "replay/episode_page.js")
    no_script = escape(translate(language, _NO_SCRIPT))
    return f"""<!doctype html>
<html lang="{language}" class="dqn-page">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="DQN Lab">
<link rel="icon" href="data:,">
<title>{TITLE_PLACE}</title>
<style>
:root {{ {_colours("light")} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_colours("dark")} }} }}
{sheets}
</style>
</head>
<body>
<main id="episode"></main>
<noscript>{no_script}</noscript>
<script type="application/json" id="data">{DATA_PLACE}</script>
<script>
{script}</script>
</body>
</html>
"""


def _colours(kind: str) -> str:
    """The colours of the app's theme, as its components know them."""
    return " ".join(f"--st-{name}: {st.get_option(f'theme.{kind}.{option}')};" for name, option in _THEME.items())


def episode_facts(
    config: TrainingConfig, run_id: str, seed: int, epsilon: float, env_kwargs: Arguments | None
) -> list[tuple[str, str]]:
    """What the page says of an episode and the run whose agent plays it, line by line."""
    preset = nearest_preset(config)
    changes = [
        f"{label_of(name, _)} {value_text(name, value, _)}"
        for name, value, _other in config.differences(preset_config(config.env_id, preset))
    ]
    return [
        (_("Environment"), f"{config.env_id} {env_kwargs or ''}".strip()),
        (_("Episode seed"), number_text(seed)),
        (_("Actions"), _("random {share}").format(share=f"{epsilon:.0%}") if epsilon else _("greedy")),
        (_("Run"), run_id),
        (_("Preset"), _(PRESET_LABELS[preset]) if preset in PRESET_LABELS else preset),
        (_("Other than the preset"), ", ".join(changes) or "–"),
        (_("Command line"), command_line(config)),
    ]
