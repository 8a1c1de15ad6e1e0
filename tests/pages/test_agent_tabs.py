from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from browser_sources import data_of, module_text
from dqn_core.algorithm.networks import initial_weights
from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from dqn_core.runs.jobs.orders import MOST_EPISODES
from dqn_core.runs.jobs.tasks import Work
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.training.run_folder import RunFolder
from pages.replay.learning_gallery import chosen_recordings
from pages.replay.return_histogram import histogram_bins, return_histogram_html
from pages.shared.jobs.labels import gallery_labels, video_labels
from scripted_trainer import wait_until
from trainer_runs import recorded, snapshot_of

Opened = Callable[..., AppTest]


@pytest.fixture
def run_id(manager: RunManager) -> str:
    """A run that has kept a network and some recordings."""
    run_id = manager.start(TrainingConfig())
    folder = RunFolder.open(manager.run_folder(run_id))
    folder.write_snapshot(snapshot_of(initial_weights(np.random.default_rng(0), (4, 32, 32, 2))))
    for episode in range(1, 10):
        folder.write_recording(recorded(episode, actions=(0, 1), episode_return=2.0))
    folder.write_recording(recorded(9, kind="best", eval_return=30.0, actions=(0, 1), episode_return=2.0))
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    return run_id


@pytest.fixture
def app(open_app: Opened, run_id: str) -> AppTest:
    return open_app(page="replay/page.py", run=run_id, checkpoint="best", seed="3")


def shown(app: AppTest, name: str) -> list[dict[str, Any]]:
    """What the page handed to its components of that name."""
    protos = [each.proto for each in app.get("bidi_component")]
    return [data_of(proto) for proto in protos if proto.component_name == name]


def wait_for_jobs() -> None:
    jobs = pages.server.process.get_jobs()
    wait_until(lambda: all(job.state.is_over for job in jobs._jobs.values()))


@contextlib.contextmanager
def every_job_waits() -> Iterator[None]:
    """What is asked for meanwhile waits for its turn, however fast the machine is."""
    is_done = threading.Event()

    def plan() -> Work:
        is_done.wait()
        return Work(tasks=(), finish=lambda _results: None)

    pages.server.process.get_jobs().submit("before all others", plan)
    try:
        yield
    finally:
        is_done.set()


def test_a_video_is_asked_for_made_and_offered(app: AppTest) -> None:
    assert shown(app, "dqn_lab_job") == []
    app.toggle(key="video-overlay").set_value(False).run()
    app.button(key="video-make").click().run()
    (panel,) = shown(app, "dqn_lab_job")
    assert panel["job_id"]
    wait_for_jobs()
    app.run()
    (panel,) = shown(app, "dqn_lab_job")
    assert panel["video"]["url"].startswith(f"live/runs/{app.query_params['run']}/videos/")
    assert "CartPole-v1-seed3-return" in panel["video"]["name"]
    assert app.button(key="video-make").disabled
    app.toggle(key="video-overlay").set_value(True).run()
    assert shown(app, "dqn_lab_job") == []
    assert not app.button(key="video-make").disabled
    assert not app.exception


@pytest.mark.parametrize("has_font", [True, False])
def test_a_video_is_in_the_visitors_language_or_the_page_says_why_it_is_not(
    has_font: bool, open_app: Opened, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dqn_core.episodes.overlay._hangul_font", lambda _size: object() if has_font else None)
    where = {"page": "replay/page.py", "run": run_id, "checkpoint": "best", "seed": "3"}
    open_app(**where).button(key="video-make").click().run()
    wait_for_jobs()
    korean = open_app(**where, lang="ko")
    captions = [each.value for each in korean.caption]
    assert any("한글 글꼴이 없어" in each for each in captions) is not has_font
    assert korean.button(key="video-make").disabled is not has_font  # the English one will do, or is another video
    assert not any("font" in each.value for each in open_app(**where).caption)
    korean.toggle(key="video-overlay").set_value(False).run()
    assert not korean.button(key="video-make").disabled
    assert not korean.exception


def test_two_agents_side_by_side_become_one_video_or_the_first_alone(open_app: Opened, run_id: str) -> None:
    app = open_app(page="replay/page.py", run=run_id, checkpoint="best", seed="3", double="1", other_checkpoint="best")
    assert app.toggle(key="video-both").value
    app.button(key="video-make").click().run()
    wait_for_jobs()
    app.run()
    (panel,) = shown(app, "dqn_lab_job")
    assert "-and-" in panel["video"]["name"]
    app.toggle(key="video-both").set_value(False).run()
    assert shown(app, "dqn_lab_job") == []
    app.button(key="video-make").click().run()
    wait_for_jobs()
    app.run()
    (panel,) = shown(app, "dqn_lab_job")
    assert "-and-" not in panel["video"]["name"]
    assert not app.exception


def test_an_evaluation_is_asked_for_and_its_ends_are_one_click_away(app: AppTest, manager: RunManager) -> None:
    run_id = app.query_params["run"]
    app.number_input(key="evaluation-episodes").set_value(4).run()
    with every_job_waits():
        app.button(key="evaluation-make").click().run()
        assert app.button(key="evaluation-make").disabled
        assert len(shown(app, "dqn_lab_job")) == 1
    wait_for_jobs()
    app.run()
    (record,) = EvaluationStore(manager.store.database).latest(run_id).values()
    assert record.seeds == (10_000, 10_001, 10_002, 10_003)
    assert [each.label for each in app.metric] == ["Mean return", "Standard deviation"]
    assert float(app.metric[0].value) == pytest.approx(record.mean, abs=0.06)
    links = [each.proto.query_string for each in app.get("page_link")]
    for place in (record.best, record.worst):
        assert any(f"run={run_id}" in link and f"seed={record.seeds[place]}" in link for link in links)
    assert any("95 % interval of the mean" in each.value for each in app.caption)
    assert shown(app, "dqn_lab_job") == []


def test_earlier_evaluations_are_there_to_look_at(open_app: Opened, manager: RunManager, run_id: str) -> None:
    for number in range(3):
        record = EvaluationRecord(
            made_at=datetime(2026, 4, 1, 14, number, tzinfo=UTC),
            weights="best",
            epsilon=0.0,
            seeds=(number,),
            returns=(10.0 * number,),
            lengths=(10,),
        )
        EvaluationStore(manager.store.database).add(run_id, record)
    app = open_app(page="replay/page.py", run=run_id)
    assert app.metric[0].value == "20"
    app.selectbox(key="evaluation-shown-2").set_value(0).run()
    assert app.metric[0].value == "0"
    assert not any("95 %" in each.value for each in app.caption)  # one episode has no spread


def test_an_evaluation_of_weights_that_changed_since_says_so(
    open_app: Opened, manager: RunManager, run_id: str
) -> None:
    record = EvaluationRecord(
        made_at=datetime.now(UTC), weights="best", epsilon=0.0, seeds=(1,), returns=(10.0,), lengths=(10,)
    )
    EvaluationStore(manager.store.database).add(run_id, record)
    said = "other weights under this name since"
    assert not any(said in each.value for each in open_app(page="replay/page.py", run=run_id).caption)
    weights = initial_weights(np.random.default_rng(1), (4, 32, 32, 2))
    RunFolder.open(manager.run_folder(run_id)).write_snapshot(snapshot_of(weights))
    assert any(said in each.value for each in open_app(page="replay/page.py", run=run_id).caption)


def test_the_gallery_shows_some_episodes_or_all(app: AppTest) -> None:
    (gallery,) = shown(app, "dqn_lab_gallery")
    assert [(each["kind"], each["episode"]) for each in gallery["episodes"]] == [
        ("training", 1),
        ("training", 3),
        ("training", 5),
        ("training", 7),
        ("training", 9),
        ("best", 9),
    ]
    app.toggle(key="gallery-all").set_value(True).run()
    assert len(shown(app, "dqn_lab_gallery")[0]["episodes"]) == 10
    assert any("of at most 64 MB" in each.value for each in app.caption)


def test_a_run_without_recordings_says_when_there_are_some(open_app: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig())
    weights = initial_weights(np.random.default_rng(0), (4, 32, 32, 2))
    RunFolder.open(manager.run_folder(run_id)).write_snapshot(snapshot_of(weights))
    app = open_app(page="replay/page.py", run=run_id)
    assert any("Episodes appear here as the run trains" in each.value for each in app.caption)


def test_a_server_with_too_much_to_do_says_so(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.server.process.get_jobs(), "_most_waiting", 0)
    app.button(key="video-make").click().run()
    assert any("at its limit" in each.value for each in app.error)


def test_numbers_out_of_range_cannot_be_given(app: AppTest) -> None:
    assert app.number_input(key="evaluation-episodes").max == MOST_EPISODES
    assert app.number_input(key="evaluation-seed").min == 0


# ----------------------------------------------------------------------------------------------- parts of the page


def test_the_chosen_recordings_go_from_the_first_to_the_last_with_the_best() -> None:
    training = [recorded(number) for number in range(1, 61)]
    bests = [recorded(number, kind="best", eval_return=score) for number, score in ((10, 9.0), (40, 80.0), (50, 70.0))]
    chosen = chosen_recordings([*training, *bests])
    assert [each.episode for each in chosen if each.kind == "training"] == [1, 16, 31, 45, 60]
    assert [each.episode for each in chosen if each.kind == "best"] == [40]
    assert [each.episode for each in chosen] == sorted(each.episode for each in chosen)
    assert chosen_recordings(training[:2]) == training[:2]
    assert chosen_recordings(bests[:1]) == bests[:1]
    assert chosen_recordings([]) == []


def test_the_histogram_counts_every_episode() -> None:
    returns = [1.0, 2.0, 2.0, 9.0, 10.0]
    counts, edges = histogram_bins(returns)
    assert sum(counts) == 5
    assert len(edges) == len(counts) + 1
    assert (edges[0], edges[-1]) == (1.0, 10.0)
    assert histogram_bins([500.0] * 20) == ([20], [499.5, 500.5])


@pytest.mark.parametrize("returns", [[3.0], [500.0] * 20, [-600.5, 250.25, 10.0]])
def test_the_histogram_is_a_drawing_of_finite_numbers(returns: list[float]) -> None:
    mean = float(np.mean(returns))
    ends = (mean - 1, mean + 1) if len(returns) > 1 else (float("nan"), float("nan"))
    drawn = return_histogram_html(returns, mean, ends, x_title="<return>", y_title="episodes", spoken='"Returns"')
    assert "nan" not in drawn
    assert "&lt;return&gt;" in drawn
    assert 'aria-label="&quot;Returns&quot;"' in drawn
    assert drawn.count('class="bar"') == len(histogram_bins(returns)[0])
    assert all(0 <= float(share) <= 100 for share in re.findall(r"(?:left|width|height): ([-.\d]+)%", drawn))


@pytest.mark.parametrize(("module", "labels"), [("job_panel", video_labels), ("gallery", gallery_labels)])
def test_the_scripts_know_their_labels(module: str, labels: Callable[[], dict[str, str]], open_app: Opened) -> None:
    asked = set(re.findall(r"\blabels\.(\w+)", module_text(f"shared/jobs/{module}.js")))
    assert asked
    assert asked <= set(labels())
