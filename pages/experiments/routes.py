"""The route of the list of experiments: where some of them stand now."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dqn_core.errors import UnknownExperimentError
from dqn_core.runs.experiments import Experiments
from dqn_core.runs.manager import RunManager
from pages.experiments.wire import card
from pages.server.answers import BadRequestError, JsonAnswer, json_errors, query_choice
from pages.server.process import get_manager
from pages.shared.i18n import LANGUAGES

__all__ = ["MOST_CARDS", "experiment_routes"]

MOST_CARDS = 20
"""Experiments in the list, and in one question about them."""


def experiment_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The routes; ``manager`` gives the manager whose experiments they show."""

    async def answer(request: Request) -> Response:
        ids = [each for each in request.query_params.get("ids", "").split(",") if each]
        language = query_choice(request, "lang", tuple(LANGUAGES))
        if len(ids) > MOST_CARDS:
            message = f"ids must be at most {MOST_CARDS}, not {len(ids)}."
            raise BadRequestError(message)

        def work() -> list[dict[str, object]]:
            experiments, cards = Experiments(manager()), []
            for experiment_id in ids:
                try:
                    cards.append(card(experiments.status(experiment_id), language))
                except UnknownExperimentError:
                    continue  # deleted in another tab: its card goes with the next rendering of the list
            return cards

        headers = {"Cache-Control": "no-store"}
        return JsonAnswer({"experiments": await run_in_threadpool(work)}, headers=headers)

    return [Route("/live/experiments.json", json_errors(answer), methods=["GET"])]
