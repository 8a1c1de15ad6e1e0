"""What came of a class as files, for its teachers: ``GET /live/class/{name}?ticket=...&lang=en``.

class.csv      the table, with decimal commas where ``decimal=comma``
class.xlsx     the same as a workbook
report.html    a page to print
class.zip      all of these, and of each run its settings and its log
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from dqn_core.errors import AccessError, mark
from dqn_core.export.spreadsheet import XLSX_TYPE, workbook
from dqn_core.json_text import json_text
from dqn_core.runs.classes.results import ClassResults, class_results, table_rows
from dqn_core.runs.manager import RunManager
from dqn_core.training.csv_log import BYTE_ORDER_MARK, CsvStyle, csv_text
from pages.classroom.report import report
from pages.server.answers import error_answer, query_choice
from pages.server.process import get_manager
from pages.server.turns import HEAVY_TURNS
from pages.shared.error_answers import json_errors
from pages.shared.export.csv_export import csv_style, episodes_csv
from pages.shared.export.zip_portions import zip_portions
from pages.shared.texts.i18n import LANGUAGES
from pages.shared.visitor.identity import signer

__all__ = ["class_routes"]

_NOT_IN_FILE_NAMES = re.compile(r"[^\w-]+")


def class_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The route; ``manager`` gives the manager of the runs."""

    async def answer(request: Request) -> Response:
        class_id = signer().collected(request.query_params.get("ticket", ""))
        if class_id is None:
            raise AccessError(mark("Only a teacher of this class can download this: open it from the class's page."))
        name, style = str(request.path_params["name"]), csv_style(request)
        language = query_choice(request, "lang", tuple(LANGUAGES))
        return await HEAVY_TURNS.take(functools.partial(_answer, manager, class_id, name, style, language))

    return [Route("/live/class/{name}", json_errors(answer), methods=["GET"])]


def _answer(manager: Callable[[], RunManager], class_id: str, name: str, style: CsvStyle, language: str) -> Response:
    own = manager()
    results = class_results(own, class_id)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    match name:
        case "class.csv":
            return Response(_csv(results, style), headers=headers, media_type="text/csv; charset=utf-8")
        case "class.xlsx":
            return Response(_xlsx(results), headers=headers, media_type=XLSX_TYPE)
        case "report.html":
            headers["Content-Disposition"] = 'inline; filename="report.html"'
            return Response(report(results, language), headers=headers, media_type="text/html; charset=utf-8")
        case "class.zip":
            portions = HEAVY_TURNS.portions(zip_portions(_files(own, results, style, language)))
            return StreamingResponse(portions, headers=headers, media_type="application/zip")
    return error_answer(404, f"There is no {name[:40]!r}: choose class.csv, class.xlsx, report.html or class.zip.")


def _csv(results: ClassResults, style: CsvStyle) -> bytes:
    return (BYTE_ORDER_MARK + csv_text(table_rows(results), style)).encode()


def _xlsx(results: ClassResults) -> bytes:
    return workbook({"class": table_rows(results)})


def _files(
    manager: RunManager, results: ClassResults, style: CsvStyle, language: str
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """(name, content in pieces) of each file of the archive."""
    yield "class.csv", [_csv(results, style)]
    yield "class.xlsx", [_xlsx(results)]
    yield "report.html", [report(results, language).encode()]
    for each in results.runs:
        folder = f"runs/{_file_name(each.member.nickname)}-{each.run.run_id}"
        yield f"{folder}/config.json", [(json_text(each.run.initial_config.to_dict(), indent=2) + "\n").encode()]
        yield f"{folder}/episodes.csv", _encoded(episodes_csv(manager.view(each.run.run_id), style))


def _encoded(texts: Iterable[str]) -> Iterator[bytes]:
    return (text.encode() for text in texts)


def _file_name(nickname: str) -> str:
    return _NOT_IN_FILE_NAMES.sub("_", nickname).strip("_") or "student"
