"""Real proxies before a real server: nginx with the lines of docs/deployment.md, and jupyter-server-proxy."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from live_server import ROOT
from scripts.find_nginx import NOT_FOUND, find_nginx

_START_TIMEOUT_S = 60.0
_PASSED = "        proxy_pass http://127.0.0.1:8501/;  # this last slash takes /lab away\n"


def documented_nginx() -> str:
    """The lines for nginx that the documentation shows."""
    (lines,) = (each for each in _nginx_blocks() if "server {" in each)
    return lines


def documented_balancer() -> str:
    """The same before two dashboards."""
    upstream, location = (each for each in _nginx_blocks() if "server {" not in each)
    return upstream + changed(documented_nginx(), (_PASSED, location))


def _nginx_blocks() -> list[str]:
    return re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "deployment.md").read_text("utf-8"), re.DOTALL)


def changed(text: str, *changes: tuple[str, str]) -> str:
    """``text`` with each change made, which must be there to make."""
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


@dataclass(frozen=True)
class Certificate:
    """A certificate that signs itself, for localhost."""

    path: Path
    key: Path
    spki_digest: str
    """SHA-256 of its public key, as base64: what Chromium's ``--ignore-certificate-errors-spki-list`` takes."""


def write_certificate(folder: Path) -> Certificate:
    """Write a new certificate and its key into ``folder``."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("There is no openssl to make a certificate with: apt-get install openssl")
    certificate, key = folder / "lab.pem", folder / "lab.key"
    subject = ["-subj", "/CN=localhost", "-days", "2", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    kind = ["-newkey", "rsa:2048", "-nodes"]
    command = [openssl, "req", "-x509", *kind, *subject, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    command = [openssl, "x509", "-in", str(certificate), "-noout", "-pubkey"]
    pem = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    public_key = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))
    return Certificate(certificate, key, base64.b64encode(hashlib.sha256(public_key).digest()).decode())


@contextlib.contextmanager
def nginx(folder: Path, servers: Sequence[str], ports: Sequence[int]) -> Iterator[None]:
    """A running nginx with ``servers``, lines of its http block, which listen on ``ports``."""
    program = find_nginx()
    if program is None:
        pytest.skip(NOT_FOUND)
    folders = "\n".join(
        f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    text = f"""
daemon off; pid {folder / "nginx.pid"}; error_log stderr; {user}
events {{ worker_connections 256; }}
http {{
access_log off;
{folders}
{"".join(servers)}
}}
"""
    path = folder / "nginx.conf"
    path.write_text(text, "utf-8")
    command = [str(program), "-p", str(folder), "-c", str(path)]
    with _running(command, folder / "nginx.log", [f"http://127.0.0.1:{port}/" for port in ports]):
        yield


@contextlib.contextmanager
def jupyter(folder: Path, port: int) -> Iterator[None]:
    """A running Jupyter server with jupyter-server-proxy, without a login."""
    pytest.importorskip("jupyter_server_proxy")
    options = [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.open_browser=False",
        "--ServerApp.allow_root=True",
        f"--ServerApp.root_dir={folder}",
        "--IdentityProvider.token=",
    ]
    own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "jupyter_server", *options]
    with _running(command, folder / "jupyter.log", [f"http://127.0.0.1:{port}/api"], own):
        yield


@contextlib.contextmanager
def _running(
    command: Sequence[str], log_path: Path, addresses: Sequence[str], environment: dict[str, str] | None = None
) -> Iterator[None]:
    """The program, until the end of the block, once something answers at each of the addresses."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
    try:
        for address in addresses:
            _wait_for(address, process, log_path)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(address: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
    until = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            httpx.get(address, trust_env=False)
        except httpx.TransportError:
            assert process.poll() is None, log_path.read_text("utf-8")
            assert time.monotonic() < until, f"Nothing answers at {address}:\n{log_path.read_text('utf-8')}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        else:
            return
