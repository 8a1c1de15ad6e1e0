from __future__ import annotations

from pathlib import Path

import pytest

from dqn_core.runs.storage.predictions import Prediction, PredictionStore
from dqn_core.runs.storage.store import RunStore

pytestmark = pytest.mark.each_database


def test_predictions_are_kept_by_visitor_and_stay_once_the_result_is_shown(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    predictions = PredictionStore(store.database)
    predictions.reveal("me", "gamma")  # without a prediction there is nothing to look at
    assert predictions.of_visitor("me") == {}
    predictions.predict("me", "gamma", 0)
    predictions.predict("me", "gamma", -1)
    predictions.predict("you", "gamma", 2)
    assert predictions.of_visitor("me") == {"gamma": Prediction(-1, is_revealed=False)}
    predictions.reveal("me", "gamma")
    predictions.predict("me", "gamma", 1)
    store.close()
    again = RunStore(tmp_path / "runs.sqlite")
    assert PredictionStore(again.database).of_visitor("me") == {"gamma": Prediction(-1, is_revealed=True)}
    assert PredictionStore(again.database).of_visitor("you") == {"gamma": Prediction(2, is_revealed=False)}
    again.close()


def test_the_class_s_predictions_are_counted_by_choice(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    predictions = PredictionStore(store.database)
    assert predictions.counts("discount-factor") == {}
    for visitor, choice in (("a", 0), ("b", 2), ("c", 2), ("a", 2), ("d", -1)):
        predictions.predict(visitor, "discount-factor", choice)
    predictions.predict("a", "learning-rate", 1)
    assert predictions.counts("discount-factor") == {2: 3, -1: 1}
    store.close()
