"""Redaction: what identifies a person is masked, and every health fact survives."""

import subprocess
import sys

import pytest

from bot.safety.redaction import MAX_LENGTH, Redaction, Redactor

MUST_MASK = [
    # (message, what must be gone, a kind that must be named)
    ("call me at (415) 555-2671", "555-2671", "phone"),
    ("my number is 415-555-2671 thanks", "2671", "phone"),
    ("+1 212 555 0123", "0123", "phone"),
    ("text 212.736.5000 tonight", "736", "phone"),
    ("555-0199 is my home", "0199", "phone"),
    ("ring me on 07911 123456", "123456", "phone"),
    ("my GP is 020 7946 0018", "0018", "phone"),
    ("+44 7911 123456", "7911", "phone"),
    ("ring 22 59 13 00 i Oslo", "59 13", "phone"),
    ("+47 412 34 567", "34 567", "phone"),
    ("mobil: tel 41234567", "41234567", "phone"),
    ("appelez 01 40 05 48 48", "05 48", "phone"),
    ("06.12.34.56.78 merci", "34.56", "phone"),
    ("+33 6 12 34 56 78", "12 34", "phone"),
    ("llámame al 612 34 56 78", "34 56", "phone"),
    ("+34 915 62 04 20", "62 04", "phone"),
    ("0100 123 4567 in Cairo", "123 4567", "phone"),
    ("+20 100 123 4567", "123", "phone"),
    ("050 123 4567 Riyadh", "123 4567", "phone"),
    ("+966 50 123 4567", "4567", "phone"),
    ("٠٥٠ ١٢٣ ٤٥٦٧", "4567", "phone"),
    ("0171 1234567 Berlin", "1234567", "phone"),
    ("+49 30 901820", "901820", "phone"),
    ("0047 22 59 13 00", "59 13", "phone"),
    ("call me on 4 1 5 5 5 5 2 6 7 1", "5 5 5", "phone"),
    ("write to jane.doe+flu@example.co.uk", "jane.doe", "email"),
    ("o'neil_99@mail.example.org please", "neil_99", "email"),
    ("it is jane at example dot com", "jane at", "email"),
    ("my ssn is 536-90-4399", "4399", "id"),
    ("SSN: 536904399", "536904399", "id"),
    ("536 90 4399", "4399", "id"),
    ("NI number AB 12 34 56 C", "34 56", "id"),
    ("AB123456C", "123456", "id"),
    ("my nhs number is 943 476 5919", "5919", "id"),
    ("fødselsnummer 15108695088", "15108695088", "id"),
    ("151086 95088", "95088", "id"),
    ("NIR 2 95 10 99 126 111 93", "126 111", "id"),
    ("DNI 54362315K", "54362315", "id"),
    ("54362315-K", "54362315", "id"),
    ("X-2482300W", "2482300", "id"),
    ("my passport number is C01X00T47", "C01X00T47", "id"),
    ("29005150101234 is my card", "29005150101234", "id"),
    ("national id: 1058529940", "1058529940", "id"),
    ("CPR 211062-5629", "5629", "id"),
    ("GB82 WEST 1234 5698 7654 32", "5698", "id"),
    ("my ip is 192.168.10.45", "192.168", "id"),
    ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "8a2e", "id"),
    ("00:1A:2B:3C:4D:5E", "2B:3C", "id"),
    ("4111 1111 1111 1111", "1111", "card"),
    ("pay with 5500005555555559", "5500005555555559", "card"),
    ("amex 378282246310005", "378282246310005", "card"),
    ("MRN 00482913", "00482913", "record"),
    ("my medical record number is A-774512", "774512", "record"),
    ("policy no. XK-2291-7", "2291", "record"),
    ("case #448812", "448812", "record"),
    ("Patient ID: 77123", "77123", "record"),
    ("insurance id H1234567", "H1234567", "record"),
    ("born 3 May 1980", "1980", "birth date"),
    ("dob 03/05/80", "03/05", "birth date"),
    ("D.O.B.: 1980-05-03", "1980", "birth date"),
    ("my date of birth is May 3rd, 1980", "1980", "birth date"),
    ("née le 3 mai 1980", "1980", "birth date"),
    ("nacido el 3 de mayo de 1980", "1980", "birth date"),
    ("født 3. mai 1980", "1980", "birth date"),
    ("I live at 1600 Pennsylvania Avenue, Apt 4B", "Pennsylvania", "address"),
    ("221B Baker Street", "Baker", "address"),
    ("12 Oak Dr. near the clinic", "Oak", "address"),
    ("742 evergreen terrace", "evergreen", "address"),
    ("10 rue de Rivoli", "Rivoli", "address"),
    ("Calle Mayor 15, 2º B", "Mayor", "address"),
    ("Hauptstraße 12", "Hauptstra", "address"),
    ("Karl Johans gate 22", "22", "address"),
    ("Storgata 5", "Storgata", "address"),
    ("PO Box 1234", "1234", "address"),
    ("SW1A 1AA", "1AA", "address"),
    ("Springfield, IL 62704", "62704", "address"),
    ("zip code 90210", "90210", "address"),
    ("https://portal.example.com/visit?id=42", "portal", "link"),
    ("www.facebook.com/jane.doe.9", "jane", "link"),
    ("https://www.cdc.gov/flu/?patient=jane", "jane", "link"),
    ("https://who.int.example.com/page", "example", "link"),
    ("my name is Jane Smith", "Jane", "name"),
    ("My name is jane and I cough", "jane", "name"),
    ("I am called Omar", "Omar", "name"),
    ("I'm Dr. Jane Smith", "Jane", "name"),
    ("I’m Jane Smith, 34", "Jane", "name"),
    ("my son's name is Tom", "Tom", "name"),
    ("Dr. Patel told me to rest", "Patel", "name"),
    ("je m'appelle Marie Dupont", "Marie", "name"),
    ("me llamo José García", "José", "name"),
    ("jeg heter Kari Nordmann", "Kari", "name"),
    ("اسمي محمد", "محمد", "name"),
    ("find me @jane_doe99", "jane_doe", "name"),
]

MUST_STAY = [
    "I am pregnant",
    "I am Asthmatic",
    "I'm Diabetic and 45",
    "I am Pregnant And Tired",
    "I'm South African, which vaccine?",
    "my name is on the list",
    "my name is not on the card",
    "call me crazy, but does it help?",
    "COVID-19",
    "COVID-19 vaccine 2023-2024",
    "H5N1 and H1N1",
    "vitamin B12 and D3",
    "BA.2.86 and JN.1",
    "my blood pressure is 120/80",
    "it was 118/76 38.5 24/7",
    "fever of 38.5",
    "101.3 F",
    "temperature 38,5 °C",
    "flu season 2023-2024",
    "the 2019-20 season",
    "between 2020 and 2023",
    "2019 2020 2021 2022 were bad",
    "7-10 days",
    "10-14 days after",
    "take 1,000 mg",
    "1000 mg twice a day",
    "500mg every 6 hours",
    "2000 IU",
    "5000 units",
    "200-4000 IU of vitamin D",
    "24/7",
    "call 988",
    "call 911",
    "call 112",
    "call 999 or 111",
    "ring 116 117",
    "ring 116 123",
    "is 024 free",
    "type 2 diabetes",
    "type 1 and type 2",
    "I weigh 82.5 kg",
    "I am 180 cm and 82 kg",
    "my baby is 6 months old",
    "a 2 year old with 39.2",
    "born at 36 weeks",
    "babies born in 2024",
    "my 5-year-old",
    "65 years and older",
    "18-49 years",
    "cholesterol 5.2 mmol/l",
    "my A1c is 6.7%",
    "glucose 126 mg/dl",
    "200 mg/dl LDL 130",
    "platelets 150000 cells",
    "1 in 100,000 people",
    "100 000 deaths",
    "there were 123,456,789 cases",
    "12345678 people got it",
    "95% effective",
    "0.5 ml",
    "SpO2 93",
    "heart rate 72 bpm",
    "BMI 27.4",
    "wash hands for 20 seconds",
    "a 10 minute walk down the street",
    "15 minutes by the road",
    "at 5 pm on 12/24",
    "my appointment is 2026-11-21 10:30",
    "on 03/05/2024 I got the shot",
    "page https://www.cdc.gov/flu/about/index.html",
    "https://www.who.int/news-room/fact-sheets/detail/influenza-(seasonal)",
    "see cdc.gov/covid and who.int",
    "https://www.nhs.uk/conditions/stroke/",
    "PCV20, MenB and Tdap",
    "HPV 16 and 18",
    "stage 3 kidney disease",
    "grade 2 sprain",
    "O+ blood, Rh negative",
    "what case fatality rate does Ebola have",
    "case numbers rose in 2024",
    "is this a group B strep test",
    "patient 1 of 3",
    "policy on masks",
    "Dr visits cost too much",
    "1.5-2 liters a day",
    "pH 7.35-7.45",
    "N95 mask",
    "it takes 6 to 8 weeks",
    "3 times a day for 5 days",
    "10 20 30 40 mg tablets",
    "room 12 of the hospital",
]


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


@pytest.mark.parametrize(("text", "secret", "kind"), MUST_MASK, ids=[row[0] for row in MUST_MASK])
def test_an_identifier_is_masked(redactor: Redactor, text: str, secret: str, kind: str) -> None:
    result = redactor.redact(text)
    assert secret not in result.text
    assert kind in result.kinds
    assert f"[{kind}]" in result.text


@pytest.mark.parametrize("text", MUST_STAY)
def test_a_health_fact_is_left_alone(redactor: Redactor, text: str) -> None:
    assert redactor.redact(text) == Redaction(text, ())


def test_the_rest_of_the_sentence_survives(redactor: Redactor) -> None:
    result = redactor.redact(
        "Hi, my name is Jane Doe, dob 03/05/80, call me at 415-555-2671. Is 1,000 mg too much?"
    )
    assert result.text == (
        "Hi, my name is [name], dob [birth date], call me at [phone]. Is 1,000 mg too much?"
    )
    assert result.kinds == ("birth date", "name", "phone")


def test_several_of_a_kind_are_named_once(redactor: Redactor) -> None:
    result = redactor.redact("a@example.org, b@example.org")
    assert result == Redaction("[email], [email]", ("email",))


@pytest.mark.parametrize("hidden", ["\u200b", "\u2060", "\u00ad", "\u202e", "\ufeff"])
def test_invisible_characters_hide_nothing(redactor: Redactor, hidden: str) -> None:
    assert redactor.redact(f"415-555{hidden}-26{hidden}71").text == "[phone]"


def test_private_characters_cannot_forge_a_kept_link(redactor: Redactor) -> None:
    assert redactor.redact("\ue000 https://www.cdc.gov/flu/").text == " https://www.cdc.gov/flu/"


def test_redacting_again_changes_nothing(redactor: Redactor) -> None:
    for text, _, _ in MUST_MASK:
        once = redactor.redact(text).text
        assert redactor.redact(once).text == once


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "\ud800 lone", "\udfff" * 50, "@" * 999, "[phone]", "\u0660" * 300, "🙂" * 500],
    ids=ascii,
)
def test_any_string_gives_a_result(redactor: Redactor, text: str) -> None:
    redactor.redact(text).text.encode()


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "1 ", "a@", "a.", "-", "www.", "415-555-267", "my name is ", "12 Aa ", "1:", "A1 "],
)
def test_a_megabyte_takes_no_longer_than_its_first_part(redactor: Redactor, piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert redactor.redact(text) == redactor.redact(text[:MAX_LENGTH])
    assert len(redactor.redact(text).text) <= 2 * MAX_LENGTH


def test_importing_the_module_loads_no_heavy_library() -> None:
    code = "import sys, bot.safety.redaction; sys.exit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
