from __future__ import annotations

import pytest

import fake_environments


@pytest.fixture(autouse=True)
def _fake_environments() -> None:
    fake_environments.register()
