from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from dqn_core.errors import SettingError
from pages.server.settings import VARIABLES, Settings, read_settings, settings


def test_without_a_word_everything_is_as_for_one_person() -> None:
    assert read_settings({}, {}) == Settings()
    assert read_settings({"DQN_LAB_DATA": "", "DQN_LAB_MAX_ACTIVE_RUNS": "", "OTHER": "x"}, {}) == Settings()


def test_every_setting_can_come_from_either_place() -> None:
    expected = Settings(
        data=Path("/srv/lab"),
        database="postgresql://lab:chalk@db/lab",
        executor="ray",
        ray_address="10.0.0.5:6379",
        resume_lost_runs=False,
        preload=("my_games", "my_games.more"),
        checkpoint_mb=64,
        max_active_runs=4,
        max_runs_per_visitor=2,
        pause_unwatched_after_s=600.0,
        instructor_code="chalk-and-sponge",
        frame_ancestors=("https://moodle.example.edu", "https://*.example.org:8443"),
    )
    environment = {
        "DQN_LAB_DATA": "/srv/lab",
        "DQN_LAB_DATABASE": "postgresql://lab:chalk@db/lab",
        "DQN_LAB_EXECUTOR": "ray",
        "DQN_LAB_RAY_ADDRESS": " 10.0.0.5:6379",
        "DQN_LAB_RESUME_LOST_RUNS": "false",
        "DQN_LAB_PRELOAD": "my_games, my_games.more,",
        "DQN_LAB_CHECKPOINT_MB": "64",
        "DQN_LAB_MAX_ACTIVE_RUNS": "4",
        "DQN_LAB_MAX_RUNS_PER_VISITOR": "2",
        "DQN_LAB_PAUSE_UNWATCHED_AFTER_S": "600",
        "DQN_LAB_INSTRUCTOR_CODE": " chalk-and-sponge ",
        "DQN_LAB_FRAME_ANCESTORS": "https://moodle.example.edu/, https://*.example.org:8443,",
    }
    secrets = {
        "data": "/srv/lab",
        "database": "postgresql://lab:chalk@db/lab",
        "executor": "ray",
        "ray_address": "10.0.0.5:6379",
        "resume_lost_runs": False,
        "preload": ["my_games", "my_games.more"],
        "checkpoint_mb": 64,
        "max_active_runs": 4,
        "max_runs_per_visitor": 2,
        "pause_unwatched_after_s": 600,
        "instructor_code": "chalk-and-sponge",
        "frame_ancestors": ["https://moodle.example.edu", "https://*.example.org:8443"],
    }
    assert read_settings(environment, {}) == expected
    assert read_settings({}, secrets) == expected


def test_the_variable_wins() -> None:
    assert read_settings({"DQN_LAB_MAX_ACTIVE_RUNS": "1"}, {"max_active_runs": 9}).max_active_runs == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("checkpoint_mb", ["0", "-5", "all"]),
        ("max_active_runs", ["0", "-1", "1.5", "many", "True"]),
        ("max_runs_per_visitor", ["0", "x"]),
        ("pause_unwatched_after_s", ["0", "-3", "nan", "inf", "soon"]),
        ("executor", ["gpu", "Thread"]),
        ("ray_address", ["10.0.0.5", "head:0", "ray://head:10001", "head:port"]),
        ("resume_lost_runs", ["perhaps"]),
        ("preload", ["my games", "../games", "a.b-c"]),
        ("frame_ancestors", ["moodle.example.edu", "https://a.example; script-src *", "https://a.example/course"]),
    ],
)
def test_a_setting_that_is_not_valid_is_named_with_its_value(name: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(SettingError) as caught:
            read_settings({f"DQN_LAB_{name.upper()}": value}, {})
        assert f"DQN_LAB_{name.upper()} is '{value}', but must" in str(caught.value)
        with pytest.raises(SettingError, match=f"{name} in secrets.toml is"):
            read_settings({}, {name: value})


def test_a_code_that_is_guessed_at_once_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingError, match="at least 6 characters") as caught:
        read_settings({"DQN_LAB_INSTRUCTOR_CODE": "sesam"}, {})
    assert "sesam" not in str(caught.value)


def test_a_limit_that_is_misspelt_is_not_passed_over() -> None:
    with pytest.raises(SettingError, match=r"no setting max_runs: .* may contain data, database, examples,"):
        read_settings({}, {"max_runs": 3})


def test_the_documentation_names_every_setting() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "deployment.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("| `")]
    assert {row[1]: row[2] for row in rows} == {f"`{variable}`": f"`{name}`" for name, variable in VARIABLES.items()}


@pytest.fixture
def secrets_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "secrets.toml"
    monkeypatch.delenv("DQN_LAB_INSTRUCTOR_CODE", raising=False)
    before = st.get_option("secrets.files")
    st.config.set_option("secrets.files", [str(path)])
    st.secrets._reset()
    settings.cache_clear()
    yield path
    st.config.set_option("secrets.files", before)
    st.secrets._reset()
    settings.cache_clear()


def test_a_server_without_secrets_has_none(secrets_file: Path) -> None:
    assert settings().instructor_code == ""


def test_the_section_is_read_from_the_file(secrets_file: Path) -> None:
    secrets_file.write_text('[dqn_lab]\ninstructor_code = "chalk-and-sponge"\n')
    assert settings().instructor_code == "chalk-and-sponge"


@pytest.mark.parametrize(
    "text", ["[dqn_lab\ninstructor_code", 'dqn_lab = "chalk"', '[dqn_lab]\ninstructor_cod = "chalk"']
)
def test_a_file_that_cannot_be_read_opens_no_door(secrets_file: Path, text: str) -> None:
    secrets_file.write_text(text)
    with pytest.raises(SettingError):
        settings()


def test_an_address_of_a_database_that_is_none_is_refused_and_its_password_not_repeated() -> None:
    for place in ({"DQN_LAB_DATABASE": "mysql://lab:chalk@db/lab"}, {}):
        with pytest.raises(SettingError, match=r"must be the address.*user:password@host") as caught:
            read_settings(place, {} if place else {"database": "mysql://lab:chalk@db/lab"})
        assert "chalk" not in f"{caught.value} {caught.value.parameters}"
