"""No answer says where on the server's disk something lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asgi_client import Client
from dqn_core.errors import DqnLabError, RunFolderError, StoreError
from pages.server import paths
from pages.server.settings import Settings
from pages.shared.error_answers import json_errors
from pages.shared.texts.i18n import error_text, translate_error


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder: with a blank in its name, as on many a laptop."""
    folder = tmp_path / "My Data"
    monkeypatch.setattr(paths, "settings", lambda: Settings(data=folder))
    return folder


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[Errno 2] No such file or directory: '/srv/lab/data/runs/x/config.json'", "'config.json'"),
        ("cannot read /srv/lab/model.safetensors: too short", "cannot read model.safetensors: too short"),
        ("/srv", "srv"),
        (r"C:\Users\mina\lab\data.sqlite is locked", "data.sqlite is locked"),
        ("DqnLabTest/Corridor-v0 and/or CartPole-v1", "DqnLabTest/Corridor-v0 and/or CartPole-v1"),
        ("http://localhost:8501/lab/live", "http://localhost:8501/lab/live"),
        ("1 / 2, and 3/4", "1 / 2, and 3/4"),
    ],
)
def test_folders_are_cut_off_and_nothing_else(text: str, shown: str) -> None:
    assert paths.without_folders(text).endswith(shown)
    if shown == text:
        assert paths.without_folders(text) == text


def _errors(folder: Path) -> list[DqnLabError]:
    run = folder / "runs" / "20260401-143501-x7k2"
    return [
        RunFolderError("{path} cannot be read: {cause}", path=run, cause=FileNotFoundError(2, "No", str(run / "a.b"))),
        StoreError("The database {path} cannot be used ({cause})", path=str(folder / "a.sqlite"), cause="in /etc/x"),
    ]


@pytest.mark.parametrize("number", range(2))
def test_an_error_that_names_a_path_is_answered_without_its_folder(folder: Path, number: int) -> None:
    error = _errors(folder)[number]

    async def fail(_request: Request) -> Response:
        raise error

    answer = Client(Starlette(routes=[Route("/", json_errors(fail))])).get("/")
    assert answer.status_code in {404, 503}
    in_markdown = translate_error(error).replace("\\", "")  # less what keeps it from being read as Markdown
    said = [answer.text, error_text("ko", error), in_markdown]
    for text in said:
        assert "My Data" not in text
        assert "/etc" not in text
        assert str(folder.parent) not in text
        assert "20260401-143501-x7k2" in text or "a.sqlite" in text
