"""One seed is one run, whatever the CPU: kernels compiled for other CPUs give the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import pytest

REPOSITORY = Path(__file__).parents[2]
CPUS = ("haswell", "skylake-avx512", "znver4", "sapphirerapids")


def features(cpu: str) -> str:
    """Instructions to compile with for ``cpu``: those of this machine, as it must run them; Haswell has no AVX-512."""
    own = llvmlite.binding.get_host_cpu_features()
    if cpu == "haswell":
        for name in own:
            own[name] = own[name] and not name.startswith(("avx512", "avx10", "amx"))
    flat: str = own.flatten()
    return flat


def digests(cpu: str | None) -> dict[str, str]:
    """What :mod:`cpu_probe` prints where numba compiles for ``cpu``; None: for this machine as it finds it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CPU")}
    if cpu is not None:
        environment |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features(cpu)}
    environment["PYTHONPATH"] = str(REPOSITORY)
    probe = REPOSITORY / "tests" / "support" / "cpu_probe.py"
    done = subprocess.run(
        [sys.executable, str(probe)], env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def haswell() -> dict[str, str]:
    return digests("haswell")


def others() -> list[str | None]:
    """The other CPUs, and this machine's own (None) where it is of none of these kinds."""
    own = llvmlite.binding.get_host_cpu_name()
    return [*CPUS[1:], *([] if own in CPUS else [None])]


@pytest.mark.timeout(900)  # each kind of CPU has its own kernels to be compiled, half a minute of work
@pytest.mark.parametrize("cpu", others())
def test_every_preset_and_variant_trains_to_the_same_bytes_on_every_cpu(
    haswell: dict[str, str], cpu: str | None
) -> None:
    assert digests(cpu) == haswell
