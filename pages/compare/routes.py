"""The routes below ``/live/compare``: what is drawn, and the same as files.

Their queries are alike: ``runs=ID,ID&x=env_step&y=episode_return&window=20&groups=1&singles=0&beyond=0&lang=en``;
a CSV file also takes ``decimal=comma``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from dqn_core.export.spreadsheet import XLSX_TYPE
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.run_reader import RunReader
from dqn_core.runs.storage.store import RunStore
from pages.compare import exports, wire
from pages.compare.query import query_of
from pages.compare.subject import Subject
from pages.server.process import get_manager
from pages.server.turns import HEAVY_TURNS
from pages.shared.error_answers import json_errors

__all__ = ["compare_routes"]

_CSV = "text/csv; charset=utf-8"
_PARQUET = "application/vnd.apache.parquet"

Writer = Callable[[Subject, RunStore], Response]


def compare_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The routes; ``manager`` gives the manager whose runs they compare."""
    reader = functools.lru_cache(maxsize=1)(RunReader)  # of the one store that the server has

    def route(name: str, write: Writer) -> Route:
        async def answer(request: Request) -> Response:
            query = query_of(request)

            def work() -> Response:
                own = manager()
                return write(Subject(query, own, reader(own.store)), own.store)

            return await HEAVY_TURNS.take(work)

        return Route(f"/live/compare/{name}", json_errors(answer), methods=["GET"])

    return [route(name, write) for name, write in _WRITERS.items()]


def _figure_json(subject: Subject, _store: RunStore) -> Response:
    return Response(wire.answer(subject), headers={"Cache-Control": "no-store"}, media_type="application/json")


def _figure_csv(subject: Subject, _store: RunStore) -> Response:
    return _file("figure.csv", "".join(exports.csv_lines([exports.figure_frame(subject)], subject.query.style)), _CSV)


def _figure_parquet(subject: Subject, _store: RunStore) -> Response:
    return _file("figure.parquet", b"".join(exports.parquet(iter([exports.figure_frame(subject)]))), _PARQUET)


def _figure_xlsx(subject: Subject, _store: RunStore) -> Response:
    return _file("figure.xlsx", exports.xlsx("figure", exports.figure_frame(subject)), XLSX_TYPE)


def _figure_html(subject: Subject, _store: RunStore) -> Response:
    return _file("figure.html", exports.page(subject), "text/html; charset=utf-8")


def _metrics_csv(subject: Subject, _store: RunStore) -> Response:
    return _file("metrics.csv", "".join(exports.csv_lines([exports.metrics_frame(subject)], subject.query.style)), _CSV)


def _metrics_xlsx(subject: Subject, _store: RunStore) -> Response:
    return _file("metrics.xlsx", exports.xlsx("metrics", exports.metrics_frame(subject)), XLSX_TYPE)


def _episodes_csv(subject: Subject, store: RunStore) -> Response:
    lines = HEAVY_TURNS.portions(exports.csv_lines(exports.episode_frames(subject, store), subject.query.style))
    return StreamingResponse(lines, headers=_headers("episodes.csv"), media_type=_CSV)


def _episodes_parquet(subject: Subject, store: RunStore) -> Response:
    portions = HEAVY_TURNS.portions(exports.parquet(exports.episode_frames(subject, store)))
    return StreamingResponse(portions, headers=_headers("episodes.parquet"), media_type=_PARQUET)


_WRITERS: dict[str, Writer] = {
    "figure.json": _figure_json,
    "figure.csv": _figure_csv,
    "figure.xlsx": _figure_xlsx,
    "figure.parquet": _figure_parquet,
    "figure.html": _figure_html,
    "metrics.csv": _metrics_csv,
    "metrics.xlsx": _metrics_xlsx,
    "episodes.csv": _episodes_csv,
    "episodes.parquet": _episodes_parquet,
}


def _file(name: str, content: str | bytes, media_type: str) -> Response:
    return Response(content, headers=_headers(name), media_type=media_type)


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="compare-{name}"', "Cache-Control": "no-store"}
