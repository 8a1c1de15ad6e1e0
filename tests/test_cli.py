from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import fake_environments as fake
from dqn_core.cli.main import main
from dqn_core.events import EPISODE_COLUMNS
from dqn_core.training import budget
from dqn_core.training.run_folder import RunFolder
from videos import read_video

QUICK = ["--compute", "torch-cpu", "--max-episodes", "4", "--warmup-steps", "40", "--quiet"]


def test_train_writes_a_run_and_prints_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    fields = ["--gamma", "0.9", "--hidden-sizes", "8", "4", "--buffer-size", "500"]
    status = main(
        ["train", "--env", "CartPole-v1", "--preset", "lab8", "--seed", "3", "--out", str(out), *fields, *QUICK]
    )
    result = json.loads(capsys.readouterr().out)
    assert status == 0
    assert set(result) >= {"run_id", "env", "seed", "episodes", "env_steps", "updates", "wall_s", "steps_per_s"}
    assert set(result) >= {"best_eval", "solved", "reason"}
    assert (result["env"], result["seed"], result["episodes"], result["reason"]) == (
        "CartPole-v1",
        3,
        4,
        "max_episodes",
    )
    config = RunFolder.open(out).config
    assert (config.gamma, config.hidden_sizes, config.buffer_size, config.seed) == (0.9, (8, 4), 500, 3)
    assert (config.gradient_clip_value, config.goal_score) == (2.0, 450.0)  # the preset's
    table = pd.read_csv(out / "episodes.csv")
    assert tuple(table.columns) == EPISODE_COLUMNS
    assert len(table) == 4


@pytest.mark.parametrize("steps", ["90", "20000"])
def test_train_says_that_its_limits_come_before_epsilon_has_decayed(
    steps: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = ["--epsilon-schedule", "linear_steps", "--epsilon-decay-steps", steps]
    assert main(["train", "--out", str(tmp_path / "run"), *fields, *QUICK]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["episodes"] == 4
    told = [line for line in said.err.splitlines() if "before epsilon has decayed" in line]
    assert len(told) == (0 if steps == "90" else 1)
    assert all("raise max_episodes" in line for line in told)


def test_evaluate_prints_mean_std_and_returns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    main(["train", "--out", str(out), *QUICK])
    capsys.readouterr()
    assert main(["evaluate", str(out), "--episodes", "3", "--seed", "10000"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["returns"]) == 3
    assert report["mean"] == pytest.approx(sum(report["returns"]) / 3)
    assert report["std"] >= 0
    assert min(report["returns"]) <= report["interval_95"][0] <= report["mean"] <= report["interval_95"][1]
    assert main(["evaluate", str(out), "--episodes", "1", "--weights", "episode-00000002"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (len(report["returns"]), report["interval_95"], report["weights"]) == (1, None, "episode-00000002")


@pytest.mark.parametrize("command", ["evaluate", "record", "export"])
def test_a_run_that_was_never_evaluated_is_taken_by_its_last_weights(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    main(["train", "--out", str(run), "--evaluate-every", "0", "--goal-score", "None", *QUICK])
    capsys.readouterr()
    options = {"evaluate": ["--episodes", "1"], "record": ["--quiet"], "export": ["--format", "safetensors"]}[command]
    assert main([command, str(run), *options]) == 0
    said = capsys.readouterr()
    assert "its last ones are taken" in said.err
    if command == "export":
        assert "-last.safetensors" in json.loads(said.out)["out"]
    else:
        assert json.loads(said.out)["weights"] == "last"
    assert main([command, str(run), *options, "--weights", "best"]) != 0
    assert "--weights last" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [".mp4", ".gif"])
def test_a_recorded_episode_is_the_one_that_evaluate_plays(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / f"video{kind}"
    main(["train", "--out", str(run), *QUICK])
    main(["evaluate", str(run), "--episodes", "1", "--seed", "77", "--weights", "last"])
    (evaluated,) = json.loads(capsys.readouterr().out.splitlines()[-1])["returns"]
    assert main(["record", str(run), "--seed", "77", "--weights", "last", "--out", str(out), "--quiet"]) == 0
    report = json.loads(capsys.readouterr().out)
    video = read_video(out)
    assert report["return"] == evaluated
    assert report["frames"] == report["steps"] + 1 == len(video.frames)
    assert video.seconds == pytest.approx(report["frames"] / report["frames_per_s"], abs=0.011)
    assert f"CartPole-v1, seed 77, return {evaluated:g}" in video.text
    assert "run run, last snapshot, greedy" in video.text


def test_record_names_the_video_by_its_return(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    main(["train", "--out", str(run), *QUICK])
    capsys.readouterr()
    arguments = ["record", str(run), "--seed", "5", "--epsilon", "1", "--overlay", "--weights", "last", "--quiet"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["out"] == str(run / f"CartPole-v1-seed5-return{report['return']:g}.mp4")
    assert "epsilon 1" in read_video(Path(report["out"])).text


def test_info_tells_spaces_network_and_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--env", "LunarLander-v3"]) == 0
    text = capsys.readouterr().out
    for part in ("left leg touches", "fire main engine", "1,476 parameters", "CUDA"):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--env", "CartPol-v1", "--quiet"], "CartPole-v1"),
        (["train", "--env", "Pendulum-v1", "--quiet"], "Discrete"),
        (["train", "--gamma", "7"], "gamma = 7.0"),
        (["train", "--preset", "lab9"], "lab8"),
        (["evaluate", "nowhere"], "not a run folder"),
        (["evaluate", "nowhere", "--episodes", "0"], "1 to 1000000 episodes"),
        (["record", "nowhere"], "not a run folder"),
        (["record", "nowhere", "--out", "video.avi"], ".mp4 or .gif"),
        (["info", "--env", "Pendulum-v1"], "Discrete"),
        (["train", "--resume", "nowhere"], "not a run folder"),
        (["fly"], "usage"),
        ([], "usage"),
    ],
)
def test_bad_input_is_named_without_a_traceback(
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) != 0
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seed", "-1"], "whole number from 0"),
        (["--epsilon", "2"], "probability"),
        (["--weights", "best"], "no weights"),
        (["--weights", "../best"], "no snapshot's name"),
        (["--out", "nowhere/video.mp4"], "No such file"),
    ],
)
def test_a_video_that_cannot_be_made_is_named_and_leaves_nothing(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["train", "--out", "run", "--evaluate-every", "0", "--goal-score", "None", *QUICK])
    before = sorted(tmp_path.rglob("*"))
    options = [] if "--weights" in arguments else ["--weights", "last"]
    assert main(["record", "run", "--quiet", *arguments, *options]) != 0
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_begins_with_the_weights_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--out", str(tmp_path / "first"), *QUICK]) == 0
    best = RunFolder.open(tmp_path / "first").weights("best")
    for number, given in enumerate((tmp_path / "first", tmp_path / "first" / "best.safetensors")):
        out = tmp_path / f"second-{number}"
        assert main(["train", "--out", str(out), "--init-weights", str(given), "--seed", "5", *QUICK]) == 0
        first = RunFolder.open(out).snapshot_weights("episode-00000000")
        assert all((first[name] == array).all() for name, array in best.items())
    capsys.readouterr()


@pytest.mark.parametrize(
    ("given", "more", "message"),
    [
        ("nothing.safetensors", [], "cannot be read"),
        ("notes.txt", [], "not a safetensors file"),
        ("", [], "not a run folder"),
        ("run", ["--hidden-sizes", "16"], "layers.0.weight"),
        ("run", ["--env", "LunarLander-v3"], "layers.0.weight"),
        ("run", ["--resume", "RUN"], "leave out --init-weights"),
    ],
)
def test_weights_that_cannot_be_begun_with_are_refused_before_a_folder_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, more: list[str], message: str
) -> None:
    main(["train", "--out", str(tmp_path / "run"), *QUICK])
    (tmp_path / "notes.txt").write_text("dear diary")
    options = [str(tmp_path / "run") if each == "RUN" else each for each in more]
    capsys.readouterr()
    assert (
        main(["train", "--out", str(tmp_path / "new"), "--init-weights", str(tmp_path / given), *options, *QUICK]) == 2
    )
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_run_that_fails_says_which_checkpoint_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake.register()
    out = tmp_path / "run"
    fields = ["--env", fake.RAISING, "--warmup-steps", "10", "--hidden-sizes", "8", "--compute", "torch-cpu"]
    assert main(["train", "--out", str(out), *fields, "--quiet"]) == 1
    said = capsys.readouterr()
    assert "the motor is on fire" in said.err
    assert "checkpoint is of episode 0, env step 10: press Resume to continue from it" in said.err
    assert "env step 10" in json.loads((out / "summary.json").read_text())["message"]
    assert main(["train", "--resume", str(out), "--quiet"]) == 1  # its environment has not been mended


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command line, only to be read."""
    out = tmp_path_factory.mktemp("runs") / "run"
    main(["train", "--out", str(out), *QUICK])
    return out


@pytest.mark.parametrize("name", ["safetensors", "onnx", "csv", "parquet", "tensorboard"])
def test_a_run_is_exported_in_every_format(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["export", str(trained), "--format", name, "--out", str(tmp_path), "--weights", "last"]) == 0
    report = json.loads(capsys.readouterr().out)
    (path,) = tmp_path.iterdir()
    assert report == {"run_id": "run", "format": name, "out": str(path), "bytes": path.stat().st_size}
    if name != "tensorboard":
        given = tmp_path / "deeper" / "mine.dat"
        assert main(["export", str(trained), "--format", name, "--out", str(given), "--weights", "last"]) == 0
        assert given.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "onnx", "--weights", "episode-00000099"], "no weights at"),
        (["--format", "onnx", "--weights", "../x"], "no snapshot's name"),
        (["--format", "csv", "--out", "FILE/x.csv"], "cannot be written"),
        (["--format", "csv", "FOLDER"], "not a run folder"),
    ],
)
def test_an_export_that_cannot_be_made_is_refused_in_words(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    (tmp_path / "file").write_text("")
    folder = str(tmp_path if "FOLDER" in options else trained)
    rest = [each.replace("FILE", str(tmp_path / "file")) for each in options if each != "FOLDER"]
    assert main(["export", folder, *rest]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_format_that_is_not_known_is_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", str(trained), "--format", "pickle"])
    assert "pickle" in capsys.readouterr().err


# --------------------------------------------------------------------------------- more than the machine has


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "memory_for_runs", lambda: 2**30)


@pytest.mark.usefixtures("small_machine")
def test_train_refuses_what_cannot_fit_before_a_folder_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", "--out", str(out), "--quiet", "--buffer-size", "10000000"]) == 2
    said = capsys.readouterr().err
    assert "buffer_size = 10000000" in said
    assert "at most" in said
    assert not out.exists()


@pytest.mark.usefixtures("small_machine")
def test_resume_refuses_what_cannot_fit_and_leaves_the_run_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", "--out", str(out), *QUICK]) == 0
    before = (out / "config.json").read_text("utf-8")
    capsys.readouterr()
    assert main(["train", "--resume", str(out), "--max-episodes", "8", "--buffer-size", "10000000"]) == 2
    assert "buffer_size" in capsys.readouterr().err
    assert (out / "config.json").read_text("utf-8") == before


def test_evaluate_refuses_what_would_take_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["train", "--out", str(out), *QUICK, "--max-episode-steps", "1000000"]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(out), "--episodes", "100000"]) == 2
    assert "at most 1000 episodes" in capsys.readouterr().err
