from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from dqn_core import errors
from dqn_core.config import TrainingConfig


def test_errors_survive_pickling_with_text_and_type() -> None:
    error = errors.RunFolderError("{path} is gone: {cause}", path=Path("a/b"), cause=OSError("no disk"))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert type(again) is errors.RunFolderError
    assert str(again) == str(error) == "a/b is gone: no disk"
    assert again.parameters == {"path": "a/b", "cause": "no disk"}


def test_a_config_error_keeps_its_problems_when_pickled() -> None:
    with pytest.raises(errors.ConfigError) as caught:
        TrainingConfig(gamma=2.0)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own bytes
    assert [problem.field for problem in again.problems] == ["gamma"]


def test_the_drawn_hierarchy_names_every_error() -> None:
    for name in errors.__all__:
        if name.endswith("Error"):
            assert name in (errors.__doc__ or "")
