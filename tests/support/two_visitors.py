"""Runs, experiments, searches and jobs of one visitor, and the pages of another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import open_groups, to_page
from dqn_core.config import TrainingConfig
from dqn_core.events import CheckpointReady, RunState, WeightsReady
from dqn_core.runs.classes.classroom import Announcement, Assignment
from dqn_core.runs.classes.leaderboard import Leaderboard
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from dqn_core.runs.jobs.service import Job
from dqn_core.runs.jobs.tasks import Work
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage import tables
from job_tasks import Wait
from scripted_trainer import wait_for_end, wait_until
from strategies import weights_of
from trainer_runs import recorded

PAGES = Path(pages.__file__).parent
OWNER, OTHER = "somebody else", "another visitor"
SIZES = (4, 32, 32, 2)


class Stage:
    """Runs, an experiment, a search and jobs of somebody else."""

    def __init__(self, manager: RunManager, folder: Path) -> None:
        self.manager, self._folder = manager, folder
        self.before: dict[str, Any] = {}
        """The world as it was when the other visitor came."""

    def tab(self, page: str = "train/page.py", *, drawn_for: str = OWNER, **query: str) -> AppTest:
        """A page as its owner sees it, in the hands of another visitor: nothing is disabled, and all is refused."""
        self.before = self.world()
        app = AppTest.from_file(str(PAGES / "navigation.py"), default_timeout=30)
        app.context = {"locale": "en-US"}
        app.session_state["visitor_id"] = drawn_for
        for name, value in query.items():
            app.query_params[name] = value
        to_page(open_groups(app), page).run()
        app.session_state["visitor_id"] = OTHER
        return app

    def class_tab(self) -> AppTest:
        """A class as an instructor leads it, in the hands of another visitor."""
        opened = self.manager.classes.open("theirs", OWNER)
        self.manager.classes.join(opened.code, "a student", "Mina")
        self.manager.classes.raise_hand(opened.class_id, "a student", up=True)
        run_id = self.manager.start(TrainingConfig(), owner="a student")
        wait_until(lambda: self.manager.snapshot(run_id).record.state is RunState.RUNNING)
        now = datetime.now(UTC)
        self.manager.classes.assign(opened.class_id, Assignment(pushed_at=now, task="theirs"))
        self.manager.classes.announce(opened.class_id, Announcement(made_at=now, message="theirs"))
        self.before = self.world()
        app = AppTest.from_file(str(PAGES / "navigation.py"), default_timeout=30)
        app.context = {"locale": "en-US"}
        app.session_state["visitor_id"], app.session_state["visitor_is_instructor"] = OWNER, True
        to_page(app, "classroom/page.py").run()
        app.session_state["visitor_id"], app.session_state["visitor_is_instructor"] = OTHER, False
        return app

    def script(self, function: Callable[..., None], *arguments: str) -> AppTest:
        """What a handler does when its message comes from the other visitor's browser."""
        self.before = self.world()
        return AppTest.from_function(function, args=arguments, default_timeout=30).run()

    def running(self, **changes: Any) -> str:
        run_id = self.manager.start(TrainingConfig(**changes), owner=OWNER)
        wait_until(lambda: self.manager.snapshot(run_id).record.state is RunState.RUNNING)
        return run_id

    def paused(self) -> str:
        run_id = self.running()
        self.manager.pause(run_id)
        wait_until(lambda: self.manager.snapshot(run_id).record.state is RunState.PAUSED)
        return run_id

    def over(self) -> str:
        """One that could be gone on with, submitted, shown in a video and evaluated."""
        run_id = self.running()
        self.manager.stop(run_id)
        wait_for_end(self.manager, run_id)
        folder = self.manager.open_folder(run_id)
        state = {f"online.{name}": array for name, array in weights_of(0, SIZES).items()}
        folder.write_snapshot(WeightsReady(kind="best", episode=1, env_step=10, eval_return=9.0, state=state))
        values = {"counters": {"episode": 1, "env_step": 10, "finished_episodes": 1}}
        for kind in ("best", "last"):
            folder.write_checkpoint(
                CheckpointReady(kind=kind, episode=1, env_step=10, arrays={"a": np.zeros(3)}, values=values)
            )
        folder.write_recording(recorded(1, actions=(0, 1), episode_return=2.0))
        return run_id

    def submitted(self) -> str:
        run_id = self.over()
        self.submit(run_id)
        return run_id

    def submit(self, run_id: str) -> None:
        """Put a run on the leaderboard; its evaluation has been made."""
        Leaderboard(self.manager, pages.server.process.get_jobs()).submit(run_id, "theirs", OWNER)
        wait_until(lambda: all(job.state.is_over for job in _jobs()))

    def experiment(self, *, is_over: bool = False) -> str:
        experiments = Experiments(self.manager)
        spec = ExperimentSpec.sweep(TrainingConfig(), "gamma", [0.9], range(1))
        experiment_id = experiments.start(spec, "theirs", OWNER)
        wait_until(lambda: experiments.status(experiment_id).states.get(RunState.RUNNING, 0) == 1)
        if is_over:
            experiments.stop(experiment_id)
            wait_until(lambda: not experiments.status(experiment_id).is_active)
        return experiment_id

    def search(self, *, is_over: bool = False) -> str:
        searches = pages.server.process.get_searches()
        spec = SearchSpec(
            base=TrainingConfig(max_env_steps=2_000),
            ranges=(SearchRange(field="gamma", low=0.5, high=0.9),),
            trials=2,
            at_once=1,
        )
        search_id = searches.start(spec, "theirs", OWNER)
        runs = self.manager.runs_of_experiment
        wait_until(lambda: [run.state for run in runs(search_id)] == [RunState.RUNNING])
        if is_over:
            searches.stop(search_id)
            wait_until(lambda: not searches.status(search_id).is_active)
        return search_id

    def job(self, key: str) -> Job:
        """One of theirs, at work for as long as the test lasts."""
        begun = self._folder / "begun"
        task = Wait(begun, self._folder / "end")
        job = pages.server.process.get_jobs().submit(key, lambda: Work(tasks=[task], finish=list), OWNER)
        wait_until(begun.exists)
        return job

    def world(self) -> dict[str, Any]:
        """Everything of anybody's that a handler could change."""
        found: dict[str, Any] = {}
        with self.manager.store.database.read() as connection:
            kept = (tables.experiments, tables.submissions, tables.evaluations, tables.classes, tables.class_members)
            for table in kept:
                found[table.name] = sorted(map(repr, connection.execute(sa.select(table)).all()))
        for run in self.manager.list_runs():
            now = self.manager.snapshot(run.run_id)
            found[run.run_id] = (now.record.state, now.wanted_config, now.pace, now.queue_position, run.name, run.tags)
        found["files"] = sorted((str(path), path.stat().st_mtime_ns) for path in self._folder.rglob("*.safetensors"))
        found["jobs"] = [(job.job_id, job.state.is_over, job.is_unwanted) for job in _jobs()]
        return found


def _jobs() -> list[Job]:
    return [*pages.server.process.get_jobs()._jobs.values()]
