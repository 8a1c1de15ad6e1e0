"""The page "Inside the agent" opened without a browser, and what it shows."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import to_page
from browser_sources import data_of
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from scripted_trainer import wait_for_end
from trainer_runs import short_config

NAVIGATION = Path(pages.__file__).with_name("navigation.py")
PARTS = ("environment", "network", "update", "landscape", "memory", "overestimation", "checks")


def finished(lab: RunManager, **settings: Any) -> str:
    """A short run with ``settings`` that is over."""
    run_id = lab.start(short_config(**settings))
    wait_for_end(lab, run_id)
    assert lab.snapshot(run_id).record.state is RunState.FINISHED
    return run_id


def opened(locale: str = "en-US", **query: str) -> AppTest:
    app = AppTest.from_file(str(NAVIGATION), default_timeout=60)
    app.context = {"locale": locale}
    for name, value in query.items():
        app.query_params[name] = value
    to_page(app, "inside/page.py").run()
    assert not app.exception
    return app


def figures(app: AppTest) -> dict[str, dict[str, Any]]:
    """What the page handed to its figures, by name."""
    found = [data_of(each.proto) for each in app.get("bidi_component") if "figure" in each.proto.component_name]
    return {each["id"]: each for each in found}


def numbers(values: Any) -> np.ndarray:
    """An array as plotly packs it."""
    if isinstance(values, list):
        return np.array(values)
    array = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return array.reshape([int(each) for each in values["shape"].split(",")]) if "shape" in values else array


def formulas(app: AppTest) -> str:
    """Text of all formulas, less their colours."""
    texts = " ".join(each.value for each in app.get("latex") or [] if hasattr(each, "value"))
    texts += " ".join(each.value for each in app.markdown)
    return re.sub(r"\\textcolor\{#\w+\}\{([^{}]*)\}", r"\1", texts)
