"""The pages without a browser: Streamlit's AppTest over the navigation, with trainers that do what they are told."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ElementList

import pages.server.process
from app_pages import open_groups, to_page
from dqn_core.runs.manager import RunManager
from scripted_trainer import following, obedient

NAVIGATION = Path(pages.__file__).with_name("navigation.py")


@pytest.fixture(scope="session", autouse=True)
def _packages_read_once() -> Iterator[None]:
    """Streamlit looks through all installed packages for components, for each AppTest anew: three quarters of its time.

    No test installs one.
    """
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(scope="session", autouse=True)
def _widgets_by_name() -> Iterator[None]:
    """``app.slider(key="new:gamma")`` is the widget of that name, also a replaced one (pages.shared.held_values)."""

    def widget(elements: ElementList[Any], key: str) -> Any:
        for each in elements:
            if str(getattr(each, "key", None)).partition("#")[0] == key:
                return each
        raise KeyError(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ElementList, "__call__", widget)
        yield


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    """The process's manager, whose runs stand still after three episodes and obey."""
    pages.server.process.close_manager()
    own = RunManager(tmp_path, trainer_factory=following(obedient()), max_active_runs=3)
    pages.server.process._managers.append(own)
    yield own
    pages.server.process.close_manager()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunManager]:
    """The process's manager, with real trainers in threads."""
    pages.server.process.close_manager()
    own = RunManager(tmp_path_factory.mktemp("lab"), executor="thread")
    pages.server.process._managers.append(own)
    yield own
    pages.server.process.close_manager()


@pytest.fixture
def open_app(manager: RunManager) -> Callable[..., AppTest]:
    """Open the app in a new tab: ``open_app(run="...", lang="ko", locale="ko-KR", page="replay/page.py")``.

    All groups of the form are open, unless ``groups_open`` is False.
    """

    def opened(
        locale: str = "en-US", page: str = "train/page.py", *, groups_open: bool = True, **query: str
    ) -> AppTest:
        app = AppTest.from_file(str(NAVIGATION), default_timeout=30)
        app.context = {"locale": locale}
        for name, value in query.items():
            app.query_params[name] = value
        if groups_open:
            open_groups(app)
        to_page(app, page)
        app.run()
        assert not app.exception
        return app

    return opened


@pytest.fixture
def app(open_app: Callable[..., AppTest]) -> AppTest:
    """The app as somebody sees it who opens it for the first time."""
    return open_app()
