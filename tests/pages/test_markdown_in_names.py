"""What people typed is shown as it stands: no page reads Markdown in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import open_groups, to_page
from dqn_core.algorithm.networks import initial_weights
from dqn_core.config import TrainingConfig
from dqn_core.runs.classes.leaderboard import Leaderboard
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.manager import RunManager
from pages.shared.texts.markdown import escape_markdown
from scripted_trainer import wait_for_end, wait_until
from trainer_runs import snapshot_of

PAGES = Path(pages.__file__).parent
NAME = "![x](http://192.0.2.1/p) :red[y]"
ALIVE = re.compile(r"(?<!\\)\]\(|https?://192|:red(?!\u2060)\[")
"""A name in which Markdown would be read."""
PLAIN = {"selectbox", "text_input", "multiselect", "arrow_data_frame", "bidi_component", "html"}
"""Elements that read no Markdown in what they show; in their labels, no page writes a name."""


@pytest.fixture
def named(manager: RunManager) -> Iterator[str]:
    """A server on which every name is more than a name; a run that is over."""
    pages.server.process._jobs.append(Jobs(most_waiting=0))
    run_id = manager.start(TrainingConfig(), NAME)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    weights = initial_weights(np.random.default_rng(0), (4, 32, 32, 2))
    manager.open_folder(run_id).write_snapshot(snapshot_of(weights))
    manager.tag(run_id, [NAME[:30]])
    Leaderboard(manager, pages.server.process.get_jobs()).submit(run_id, NAME[:24])
    experiments = Experiments(manager)
    experiment_id = experiments.start(ExperimentSpec.sweep(TrainingConfig(), "gamma", [0.9], range(1)), NAME)
    spec = SearchSpec(
        base=TrainingConfig(max_env_steps=2_000), ranges=(SearchRange(field="gamma", low=0.5, high=0.9),), trials=1
    )
    pages.server.process.get_searches().start(spec, NAME)
    wait_until(lambda: len(manager.list_runs()) == 3)
    experiments.stop(experiment_id)
    return run_id


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(PAGES / "navigation.py"), default_timeout=30)
    app.context = {"locale": "en-US"}
    for name, value in query.items():
        app.query_params[name] = value
    return to_page(open_groups(app), page).run()


def markdown_texts(node: Any) -> Iterator[str]:
    """Every text of the page that may be read as Markdown."""
    for child in getattr(node, "children", {}).values():
        yield from markdown_texts(child)
    proto = getattr(node, "proto", None)
    if proto is not None and getattr(node, "type", "") not in PLAIN:
        yield str(proto)


def alive(app: AppTest) -> list[str]:
    assert not app.exception
    return [text for text in markdown_texts(app._tree) if ALIVE.search(text.encode().decode("unicode_escape"))]


@pytest.mark.parametrize("page", sorted(path.relative_to(PAGES).as_posix() for path in PAGES.glob("*/page.py")))
@pytest.mark.parametrize("address", ["of the run", "unknown", "other names"])
def test_no_page_reads_markdown_in_what_people_typed(named: str, page: str, address: str) -> None:
    query = {
        "of the run": {"run": named, "runs": named},
        "unknown": {"run": NAME, "runs": NAME, "lesson": NAME, "part": NAME},
        "other names": {"run": named, "checkpoint": NAME, "other": NAME, "epsilon": NAME, "seed": NAME, "lang": NAME},
    }[address]
    assert alive(opened(page, **query)) == []


def test_an_environment_a_width_and_values_that_are_typed_are_named_as_they_stand(manager: RunManager) -> None:
    app = opened("train/page.py")
    app.text_input(key="new:hidden_sizes").set_value(NAME).run()
    assert app.error
    assert alive(app) == []
    app.selectbox(key="new:environment").set_value("another").run()
    app.text_input(key="new:env_id").set_value(NAME).run()
    assert any("does not begin with the name of a Python module" in each.value for each in app.error)
    assert alive(app) == []
    app = opened("experiments/page.py")
    app.selectbox(key="experiment:field").set_value("gamma").run()
    app.text_input(key="experiment:values:gamma").set_value(NAME).run()
    assert app.error
    assert alive(app) == []


def test_questions_about_runs_show_their_names_and_tags_as_they_stand(named: str) -> None:
    for question in ("runs-delete", "runs-tags", "runs-rename"):
        app = opened("runs/page.py")
        app.session_state["runs-selected"] = (named,)
        app.run().button(key=question).click().run()
        assert alive(app) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CartPole-v1 · seed 7", "CartPole-v1 · seed 7"),
        ("gamma=0.9, 16", "gamma=0.9, 16"),
        ("Far: gamma", "Far: gamma"),
        ("*a* _b_ `c`", r"\*a\* \_b\_ \`c\`"),
        ("# a", r"\# a"),
        ("1. a", r"1\. a"),
        ("a\n\n- b", "a - b"),
        ("http://a", "http:\u2060//a"),
        ("WWW.a", "WWW\u2060.a"),
        ("a@b", "a@\u2060b"),
    ],
)
def test_what_is_escaped(text: str, shown: str) -> None:
    assert escape_markdown(text) == shown
