"""Where students reach the server: the address that is set, the teacher's own, or the machine's in its network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import streamlit as st

from pages.server.settings import settings
from pages.shared.links import pages_address

__all__ = ["ClassAddress", "class_address", "lead_address", "network_address"]

_ELSEWHERE = ("192.0.2.1", "10.255.255.255", "172.31.255.255", "192.168.255.255")
"""Addresses that no packet is sent to: the system says which of its own it would use."""
_PORT_OF_DISCARD = 9


@dataclass(frozen=True)
class ClassAddress:
    """An address to join a class at."""

    page: str
    """Where the code is asked for: what people type."""
    url: str
    """With the code: what cameras read."""
    is_reachable: bool = True
    """Whether other machines may reach it at all."""


def class_address(code: str) -> ClassAddress:
    """The address at which the class with ``code`` is joined."""
    server, is_reachable = _server(settings().address, pages_address())
    return ClassAddress(f"{server}/class", f"{server}/class?code={quote(code)}", is_reachable)


def lead_address(ticket: str) -> str:
    """The link with which a teacher leads a class in a further browser."""
    server, _is_reachable = _server(settings().address, pages_address())
    return f"{server}/class?lead={quote(ticket)}"


def _server(given: str, here: str) -> tuple[str, bool]:
    """The address of the pages for others than ``here``, where the teacher has them; and whether they may reach it."""
    parts = urlsplit(here)
    if given:
        return (given if urlsplit(given).path else f"{given}{parts.path}"), True
    host = parts.hostname or "localhost"
    if not _is_own(host):
        return here, True
    found = network_address()
    port = f":{parts.port}" if parts.port else ""
    is_open = not _is_own(str(st.get_option("server.address") or "0.0.0.0"))  # noqa: S104  Streamlit's own default
    if found is None or not is_open:
        return f"{parts.scheme or 'http'}://{host}{port}{parts.path}", False
    return f"{parts.scheme or 'http'}://{found}{port}{parts.path}", True


def _is_own(host: str) -> bool:
    """Whether ``host`` is a machine's name for itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def network_address() -> str | None:
    """This machine's address in its network, found without the Internet; None where it is in none."""
    found = [each for each in _own_addresses() if not each.is_loopback and not each.is_unspecified]
    best = min(found, key=lambda each: (each.is_link_local, not each.is_private), default=None)
    return None if best is None else str(best)


def _own_addresses() -> Iterator[ipaddress.IPv4Address]:
    for other in _ELSEWHERE:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((other, _PORT_OF_DISCARD))
            except OSError:
                continue
            yield ipaddress.IPv4Address(probe.getsockname()[0])
    try:
        named = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except OSError:
        return
    yield from (ipaddress.IPv4Address(str(each[4][0])) for each in named)
