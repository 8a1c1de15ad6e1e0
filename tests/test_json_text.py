from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import pytest
from safetensors import safe_open

import fake_environments as fake
from dqn_core.cli.main import main
from dqn_core.errors import DivergenceError
from dqn_core.json_text import json_text, nan_if_none
from dqn_core.training.run_folder import RunFolder
from pages.server.answers import JsonAnswer
from strict_json import strictly_read

ROOT = Path(__file__).resolve().parents[1]
INFINITE = float("inf")


@pytest.mark.parametrize("options", [{}, {"indent": 2}, {"is_compact": True}, {"is_ascii": False}])
def test_what_is_not_finite_is_null_wherever_it_stands(options: dict[str, object]) -> None:
    value = {"a": math.nan, "b": [1.5, -INFINITE, (INFINITE, "NaN")], "c": {"d": math.nan, "e": True, "f": None}}
    text = json_text(value, **options)
    assert strictly_read(text) == {
        "a": None,
        "b": [1.5, None, [None, "NaN"]],
        "c": {"d": None, "e": True, "f": None},
    }


def test_infinity_comes_back_where_it_is_kept() -> None:
    value = {"loss": INFINITE, "text": 'no "NaN", no Infinity\\', "low": [-INFINITE, math.nan]}
    text = json_text(value, is_infinity_kept=True)
    assert strictly_read(text) == value | {"low": [-INFINITE, None]}


def test_what_is_finite_is_what_json_makes_of_it() -> None:
    value = {"한": [0.1, 1e300, 2**70, "é\n"]}
    assert json_text(value, indent=1) == json.dumps(value, indent=1)
    assert json_text(value, is_compact=True) == json.dumps(value, separators=(",", ":"))
    assert math.isnan(nan_if_none(strictly_read(json_text(math.nan))))


def test_a_route_answers_strict_json() -> None:
    assert bytes(JsonAnswer({"best": -INFINITE, "rate": math.nan, "name": "환경"}).body) == (
        '{"best":null,"rate":null,"name":"환경"}'.encode()
    )


def test_the_parameters_of_a_message_are_words_where_no_number_says_it() -> None:
    error = DivergenceError("The loss became {loss}", loss=math.nan)
    assert strictly_read(json_text(error.parameters)) == {"loss": "nan"}
    assert str(error) == "The loss became nan"


def test_json_is_written_in_one_place_alone() -> None:
    """The config's own text excepted, whose numbers are checked to be finite."""
    elsewhere = []
    for path in (each for folder in ("dqn_core", "pages") for each in (ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        calls = (node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
        written = {
            ast.unparse(each) for each in calls if ast.unparse(each) in {"json.dumps", "json.dump", "JSONResponse"}
        }
        if written and name not in {"dqn_core/json_text.py", "dqn_core/config.py"}:
            elsewhere.append((name, written))
    assert not elsewhere


@pytest.mark.parametrize(
    ("env_id", "fields"),
    [
        (fake.CORRIDOR, ["--evaluate-every", "0"]),
        (fake.EXPLODING, ["--evaluate-every", "0", "--max-episodes", "1000", "--target-update", "soft"]),
    ],
    ids=["no evaluation", "diverged"],
)
def test_everything_that_a_run_writes_and_says_is_strict_json(
    env_id: str, fields: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.register()
    out = tmp_path / "run"
    main(["train", "--env", env_id, "--out", str(out), "--compute", "torch-cpu", "--quiet", *fields, *_SHORT])
    main(["evaluate", str(out), "--episodes", "2", "--weights", "last"])
    main(["record", str(out), "--weights", "last", "--quiet"])
    said = [strictly_read(line) for line in capsys.readouterr().out.splitlines()]
    assert len(said) == 3
    assert said[0]["best_eval"] is None
    read = [strictly_read(path.read_text()) for path in out.rglob("*.json")]
    for path in out.rglob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            read += [strictly_read(text) for text in (file.metadata() or {}).values()]
    assert len(read) >= 4


def test_a_run_without_an_evaluation_comes_back_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    quick = ["--out", str(out), "--compute", "torch-cpu", "--evaluate-every", "0", "--goal-score", "None", "--quiet"]
    main(["train", *quick, *_SHORT])
    assert math.isnan(RunFolder.open(out).checkpoint().values["best_eval"])
    assert main(["train", "--resume", str(out), "--max-episodes", "4", "--evaluate-every", "1", "--quiet"]) == 0
    assert strictly_read(capsys.readouterr().out.splitlines()[-1])["best_eval"] > 0


_SHORT = ["--max-episodes", "3", "--warmup-steps", "30", "--batch-size", "16", "--hidden-sizes", "8"]
