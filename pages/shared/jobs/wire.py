"""What goes over the wire of a job, of a video and of an evaluation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dqn_core.runs.jobs.service import Job
from dqn_core.runs.storage.evaluations import EvaluationRecord
from dqn_core.training.csv_log import DECIMAL_POINT, CsvStyle, csv_text
from pages.shared.texts.i18n import error_text

__all__ = ["evaluation_csv", "job_facts", "video_place"]

_COLUMNS = ("episode", "seed", "return", "length", "weights", "epsilon", "made_at", "env_kwargs", "shaped_return")


def job_facts(job: Job, jobs_ahead: int, language: str) -> dict[str, Any]:
    """How far ``job`` is, as JSON values; why it failed in ``language``."""
    return {
        "state": str(job.state),
        "share": job.share,
        "jobs_ahead": jobs_ahead,
        "error": None if job.error is None else error_text(language, job.error),
        "video": video_place(job.result) if isinstance(job.result, Path) else None,
    }


def video_place(path: Path) -> dict[str, Any]:
    """Where the video at ``path``, in a run's folder, is to be had."""
    key, run_id = path.parent.name, path.parent.parent.parent.name
    return {
        "url": f"live/runs/{quote(run_id)}/videos/{key}/{quote(path.name)}",
        "name": path.name,
        "bytes": path.stat().st_size if path.exists() else 0,
    }


def evaluation_csv(record: EvaluationRecord, style: CsvStyle = DECIMAL_POINT) -> str:
    """A row an episode."""
    shared = (record.weights, record.epsilon, record.made_at.isoformat(timespec="seconds"), str(record.env_kwargs))
    shaped = record.shaped_returns or (math.nan,) * len(record.seeds)
    episodes = zip(record.seeds, record.returns, record.lengths, strict=True)
    rows = zip(episodes, shaped, strict=True)
    lines = ([number, *each, *shared, last] for number, (each, last) in enumerate(rows, start=1))
    return style.beginning + csv_text([_COLUMNS, *lines], style)
