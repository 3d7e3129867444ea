"""The files of wording: a fault names its file and place, and what is shipped is complete."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from langcodes import Language

from bot.rasa_client import NoticePayload
from bot.replies import FOLDER, ReplyFileError, Wording, read_contacts, read_wording, read_yaml
from bot.replies.compose import DECLINED
from bot.replies.helplines import read_helplines
from knowledge.language import LanguageGate
from knowledge.settings import ROOT

EN: dict[str, Any] = yaml.safe_load((FOLDER / "en.yml").read_text(encoding="utf-8"))
DOMAIN: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
TITLE_CHARACTERS = 20


def write(tmp_path: Path, content: dict[str, Any]) -> Path:
    file = tmp_path / "en.yml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return file


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "en.yml"
    file.write_text('locale: en\ndir: ltr\ndisclaimer: "never closed\n')
    with pytest.raises(ReplyFileError) as caught:
        read_yaml(file, Wording)
    assert re.fullmatch(r"en\.yml is broken YAML line [34]", str(caught.value))


def test_a_tab_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "en.yml"
    file.write_text("locale: en\ndir: ltr\n\tdisclaimer: x\n")
    with pytest.raises(ReplyFileError, match=r"^en\.yml is broken YAML line 3$"):
        read_yaml(file, Wording)


def test_a_missing_language_is_named() -> None:
    with pytest.raises(ReplyFileError, match=r"^xx\.yml cannot be read: No such file"):
        read_wording("xx")


@pytest.mark.parametrize("field", sorted(EN))
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    content = {name: value for name, value in EN.items() if name != field}
    with pytest.raises(ReplyFileError, match=rf"^en\.yml: {field}: "):
        read_yaml(write(tmp_path, content), Wording)


def test_an_unknown_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReplyFileError, match=r"^en\.yml: greeting: "):
        read_yaml(write(tmp_path, {**EN, "greeting": "hi"}), Wording)


def test_a_wrong_type_is_named_with_its_place(tmp_path: Path) -> None:
    broken = {**EN, "emergency": {**EN["emergency"], "self_harm": {"text": "x", "steps": "one"}}}
    with pytest.raises(ReplyFileError, match=r"^en\.yml: emergency\.self_harm\.steps: "):
        read_yaml(write(tmp_path, broken), Wording)


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "en.yml"
    file.write_text("- one\n- two\n")
    with pytest.raises(ReplyFileError, match=r"^en\.yml: "):
        read_yaml(file, Wording)


def test_norway_without_quotes_is_refused_and_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "en.yml"
    text = (FOLDER / "en.yml").read_text(encoding="utf-8")
    for line, field in (('"NO": Norway', "countries"), ('"NO": [norge]', "country_words")):
        assert text.count(line) == 1
        file.write_text(text.replace(line, line.replace('"', "")), encoding="utf-8")
        with pytest.raises(ReplyFileError, match=rf"en\.yml: {field}"):
            read_yaml(file, Wording)


def test_norway_is_a_country_in_both_files() -> None:
    assert read_wording().countries["NO"] == "Norway"
    assert "NO" in read_helplines().countries


def test_every_country_with_helplines_has_a_name() -> None:
    assert set(read_wording().countries) == set(read_helplines().countries)


def test_the_menu_names_topics_of_the_corpus() -> None:
    slugs = {file.stem for file in (ROOT / "knowledge" / "corpus").glob("*.yml")}
    assert set(read_wording().menu) <= slugs


def test_every_language_that_is_met_in_its_own_words_is_a_language() -> None:
    wording = read_wording().other_language
    assert all(len(code) == 2 and Language.get(code).is_valid() for code in wording.texts)
    assert set(wording.links) <= set(wording.texts)
    assert read_wording().locale not in wording.texts


@pytest.mark.parametrize("language", sorted(read_wording().other_language.texts))
def test_a_language_is_written_as_it_says(language: str) -> None:
    gate = LanguageGate(["en"], lambda word: False)
    assert gate.foreign(read_wording().other_language.texts[language]) == language


FILLED_IN = {
    "country_told": {"country", "number"},
    "handover.closed": {"hours"},
    "claim_steps.head": {"number", "all"},
    "call_now_country": {"number"},
    "clarify_topic": {"topic"},
    "review.clinician_reviewed": {"role", "on"},
    "notices.too_long": {"limit"},
    "links.search_cdc": {"words"},
    "links.search_who": {"words"},
}


def texts(value: Any, place: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        inner = [texts(child, f"{place}.{key}".strip(".")) for key, child in value.items()]
        return {name: text for part in inner for name, text in part.items()}
    if isinstance(value, list):
        return {
            n: t for i, child in enumerate(value) for n, t in texts(child, f"{place}.{i}").items()
        }
    return {place: str(value)}


def test_only_known_places_are_filled_in() -> None:
    for place, text in texts(EN).items():
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        if place.startswith("emergency.") and ".steps." in place:
            assert names <= {"call", "poison", "crisis", "violence"}, place
        else:
            assert names == FILLED_IN.get(place, set()), place


NOTICES = {name: part["custom"] for name, parts in DOMAIN["responses"].items() for part in parts}


@pytest.mark.parametrize("name", sorted(NOTICES))
def test_every_response_of_the_domain_is_a_notice(name: str) -> None:
    payload = NoticePayload.model_validate(NOTICES[name])
    assert payload.text
    assert payload.claim is None
    for suggestion in payload.quick_replies:
        assert 0 < len(suggestion.title) <= TITLE_CHARACTERS
        assert suggestion.text


@pytest.mark.parametrize("name", sorted(DOMAIN["responses"]))
def test_a_response_is_one_payload_and_nothing_else(name: str) -> None:
    for part in DOMAIN["responses"][name]:
        assert set(part) == {"custom"}


def test_the_codes_that_the_gateway_acts_on_are_in_the_domain() -> None:
    codes = {notice["code"] for notice in NOTICES.values()}
    assert codes >= DECLINED | {"forget_me", "talk_to_person", "change_language", "greet"}


def test_the_gateways_own_suggestions_fit_their_buttons() -> None:
    suggestions = read_wording().quick_replies
    for name in type(suggestions).model_fields:
        assert len(getattr(suggestions, name).title) <= TITLE_CHARACTERS


def test_it_reads_a_sites_own_contacts(tmp_path: Path) -> None:
    file = tmp_path / "contacts.yml"
    file.write_text(
        "contacts:\n  - {name: Front desk, phone: 020 7946 0018, tel: 'tel:+442079460018'}\n"
    )
    (contact,) = read_contacts(file)
    assert (contact.name, contact.phone, contact.hours) == ("Front desk", "020 7946 0018", None)


@pytest.mark.parametrize("text", ["contacts:\n  - {phone: '1'}\n", "people: []\n", ""])
def test_broken_contacts_name_their_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "contacts.yml"
    file.write_text(text)
    with pytest.raises(ReplyFileError, match=r"^contacts\.yml: "):
        read_contacts(file)
