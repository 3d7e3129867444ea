"""The gateway's settings: documented by their table, loud about nonsense, no secret repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import BOT_SETTINGS, BotSettings, read_bot_settings
from knowledge.settings import KNOWLEDGE_SETTINGS, ROOT, SettingError

KEY = "k" * 40


def read(**env: str) -> BotSettings:
    return read_bot_settings({"CITEWELL_SECRET_KEY": KEY, **env})


def test_the_defaults_make_sense() -> None:
    settings = read()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.rasa_url, settings.actions_url) == (
        "http://127.0.0.1:5005",
        "http://127.0.0.1:5055",
    )
    assert settings.tracker_file.name == "rasa-tracker.db"
    assert settings.country is None, "a country is never guessed"
    assert settings.frame_ancestors == ()
    assert settings.contacts_file is None
    assert settings.session_seconds == 12 * 3600
    assert settings.retention_days == 30
    assert settings.trusted_proxies == 0


def test_every_setting_has_a_name_of_its_own_and_a_sentence() -> None:
    rows = [*BOT_SETTINGS, *KNOWLEDGE_SETTINGS]
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.name == "DATABASE_URL" or row.name.startswith("CITEWELL_")
        assert row.help.endswith(".")


def test_every_default_of_the_table_is_accepted_when_written_out() -> None:
    env = {row.name: row.default for row in [*BOT_SETTINGS, *KNOWLEDGE_SETTINGS]}
    assert read_bot_settings({**env, "CITEWELL_SECRET_KEY": KEY}) == read()


def test_values_are_taken_from_the_environment(tmp_path: Path) -> None:
    settings = read(
        CITEWELL_HOST="0.0.0.0",
        CITEWELL_PORT="9000",
        CITEWELL_RASA_PORT="9001",
        CITEWELL_ACTIONS_PORT="9002",
        CITEWELL_DATA_DIR=str(tmp_path),
        CITEWELL_COUNTRY=" no ",
        CITEWELL_FRAME_ANCESTORS="https://a.example  https://b.example:8443",
        CITEWELL_CONTACTS_FILE="contacts.yml",
        CITEWELL_SESSION_HOURS="1",
        CITEWELL_MESSAGE_LIMIT="5/minute",
        CITEWELL_RETENTION_DAYS="7",
        CITEWELL_TRUSTED_PROXIES="1",
    )
    assert (settings.host, settings.port) == ("0.0.0.0", 9000)
    assert settings.rasa_url.endswith(":9001")
    assert settings.actions_url.endswith(":9002")
    assert settings.tracker_file != read().tracker_file
    assert settings.knowledge.database_url == f"sqlite:///{tmp_path / 'citewell.db'}"
    assert settings.country == "NO"
    assert settings.frame_ancestors == ("https://a.example", "https://b.example:8443")
    assert settings.contacts_file == ROOT / "contacts.yml"
    assert (settings.session_seconds, settings.retention_days) == (3600, 7)
    assert (settings.message_limit, settings.trusted_proxies) == ("5/minute", 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CITEWELL_PORT", "0"),
        ("CITEWELL_PORT", "65536"),
        ("CITEWELL_PORT", "eighty"),
        ("CITEWELL_PORT", "-1"),
        ("CITEWELL_PORT", "8000.5"),
        ("CITEWELL_PORT", "８０００"),
        ("CITEWELL_RASA_PORT", "x"),
        ("CITEWELL_ACTIONS_PORT", "70000"),
        ("CITEWELL_COUNTRY", "Norway"),
        ("CITEWELL_COUNTRY", "N1"),
        ("CITEWELL_FRAME_ANCESTORS", "www.example.org"),
        ("CITEWELL_FRAME_ANCESTORS", "https://a.example/path"),
        ("CITEWELL_FRAME_ANCESTORS", "https://a.example; script-src *"),
        ("CITEWELL_FRAME_ANCESTORS", "https://a.example https://b.example,"),
        ("CITEWELL_FRAME_ANCESTORS", "*"),
        ("CITEWELL_SESSION_HOURS", "0"),
        ("CITEWELL_MESSAGE_LIMIT", "many"),
        ("CITEWELL_MESSAGE_LIMIT", "20/fortnight"),
        ("CITEWELL_SESSION_LIMIT", "60"),
        ("CITEWELL_CONTENT_API_LIMIT", "often"),
        ("CITEWELL_RETENTION_DAYS", "0"),
        ("CITEWELL_RETENTION_DAYS", "9999"),
        ("CITEWELL_TRUSTED_PROXIES", "6"),
        ("CITEWELL_LOG_LEVEL", "LOUD"),
    ],
)
def test_nonsense_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        read(**{name: value})


@pytest.mark.parametrize("key", ["short", "k" * 31, " " * 50])
def test_a_short_key_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingError, match="CITEWELL_SECRET_KEY") as caught:
        read_bot_settings({"CITEWELL_SECRET_KEY": key, "CITEWELL_DATA_DIR": str(tmp_path)})
    assert key.strip() == "" or key not in str(caught.value)


def test_without_a_key_there_is_no_default_one(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="CITEWELL_SECRET_KEY"):
        read_bot_settings({"CITEWELL_DATA_DIR": str(tmp_path)})


def test_the_key_may_come_from_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("f" * 40 + "\n")
    assert read_bot_settings({"CITEWELL_DATA_DIR": str(tmp_path)}).secret_key == "f" * 40


def test_the_key_may_come_from_a_file_of_secrets(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("f" * 40)
    file = tmp_path / "mounted"
    file.write_text("m" * 40 + "\n")
    env = {"CITEWELL_DATA_DIR": str(tmp_path), "CITEWELL_SECRET_KEY_FILE": str(file)}
    assert read_bot_settings(env).secret_key == "m" * 40
    with pytest.raises(SettingError, match="CITEWELL_SECRET_KEY_FILE"):
        read_bot_settings({**env, "CITEWELL_SECRET_KEY_FILE": str(tmp_path / "missing")})


def test_running_conversations_stay_in_memory_where_that_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.settings.MEMORY", tmp_path)
    assert read().tracker_file.parent.parent == tmp_path
    monkeypatch.setattr("bot.settings.MEMORY", tmp_path / "none")
    assert read().tracker_file == ROOT / "var" / "rasa-tracker.db"
    assert read(CITEWELL_TRACKER_DIR=str(tmp_path)).tracker_file.parent == tmp_path
