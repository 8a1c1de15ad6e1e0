"""The server: Streamlit's pages, the live routes beside them, and one manager of runs for the whole process.

``streamlit run app.py`` and ``uvicorn app:app`` serve the same thing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from dqn_core.errors import DqnLabError
from pages.classroom.routes import class_routes
from pages.classroom.topic import roster_topic
from pages.classroom.wall import wall_topic
from pages.compare.routes import compare_routes
from pages.experiments.topic import experiment_topic
from pages.play.socket import play_routes
from pages.replay.routes import replay_routes
from pages.runs.routes import run_list_routes
from pages.server import shutdown
from pages.server.browser_code import browser_routes
from pages.server.connections import (
    Gate,
    bound_logs,
    guard,
    leave_out_idle_ends,
    leave_out_late_clicks,
    raise_descriptor_limit,
    trusted_proxies,
)
from pages.server.middleware import Frames, Ipv4Clients, OwnOrigins, RelativeRedirects, forbid_lookups
from pages.server.process import close_manager, get_manager
from pages.server.settings import settings
from pages.server.uploads import UploadLimits
from pages.server.visitor_cookies import VisitorCookies, visitor_routes
from pages.shared.browser.live_socket import live_socket_routes
from pages.shared.browser.server_watch import server_topic
from pages.shared.export.export_routes import export_routes
from pages.shared.jobs.routes import job_routes
from pages.shared.jobs.topic import job_topic
from pages.shared.links import base_path
from pages.shared.run_status import active_topic
from pages.shared.run_table.topic import run_list_topic
from pages.shared.visitor.class_strip import class_topic
from pages.shared.visitor.identity import signer
from pages.train.routes import live_routes
from pages.train.stream import run_topic
from pages.warm_up import WarmUp

_SWITCH_INTERVAL_S = 0.001
"""A trainer that waits for the interpreter gets it back this soon, not after Python's 5 ms; so does a page."""
_TOPICS = {
    "server": server_topic(),
    "run": run_topic(),
    "runs": run_list_topic(),
    "active": active_topic(),
    "job": job_topic(),
    "experiments": experiment_topic(),
    "class": class_topic(),
    "roster": roster_topic(),
    "wall": wall_topic(),
}
"""What a tab can follow over its live socket."""
_LOG = logging.getLogger("dqn_lab")


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Runs live from the server's start to its end, whatever pages come and go."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    _open_data()
    shutdown.install()
    bound_logs()
    leave_out_late_clicks()
    leave_out_idle_ends()
    server, descriptors = shutdown.server(), raise_descriptor_limit()
    if server is not None:
        guard(server, Gate.for_descriptors(descriptors, trusted_proxies(server)))
    warm_up = WarmUp()
    warm_up.start()
    try:
        yield
    finally:
        close_manager()
        shutdown.note_stored()
        warm_up.stop()


forbid_lookups()


def _open_data() -> None:
    """Take up the runs; where their folder cannot be used, each page says why, and tries again when asked."""
    try:
        get_manager()
    except DqnLabError as error:
        _LOG.error("%s", error)


def _routes() -> list[BaseRoute]:
    """The live routes, below the path that the pages are served at."""
    prefix = base_path()
    routes = [
        *browser_routes(),
        *live_socket_routes(_TOPICS),
        *live_routes(),
        *export_routes(),
        *replay_routes(),
        *play_routes(),
        *compare_routes(),
        *job_routes(),
        *run_list_routes(),
        *class_routes(),
        *visitor_routes(signer),
    ]
    return [_below(prefix, each) for each in routes] if prefix else routes


def _below(prefix: str, route: BaseRoute) -> BaseRoute:
    """The same route below ``prefix``; a Mount would take all of Streamlit's own addresses there too."""
    if isinstance(route, Route):
        return Route(f"{prefix}{route.path}", route.endpoint, methods=list(route.methods or ()))
    if isinstance(route, WebSocketRoute):
        return WebSocketRoute(f"{prefix}{route.path}", route.endpoint)
    msg = f"A route of another kind cannot be put below {prefix}: {route!r}"
    raise TypeError(msg)


app = st.App(
    Path(__file__).resolve().parent / "pages" / "navigation.py",
    routes=_routes(),
    lifespan=lifespan,
    middleware=[
        Middleware(Ipv4Clients, proxies=lambda: trusted_proxies(shutdown.server())),
        Middleware(RelativeRedirects),
        Middleware(Frames, ancestors=lambda: settings().frame_ancestors),
        Middleware(OwnOrigins),
        Middleware(VisitorCookies, signer=signer, base_path=base_path()),
        Middleware(UploadLimits),
    ],
)
