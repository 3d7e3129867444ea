"""What the gateway says by itself, read from YAML at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.turn import Category, Contact, Link, QuickReply

FOLDER = Path(__file__).parent


class ReplyFileError(Exception):
    """A file of wording, helplines or contacts is broken; the message names file and field."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReviewWording(_Record):
    """How an answer was checked, as a sentence."""

    draft: str
    source_checked: str
    clinician_reviewed: str


class LinkWording(_Record):
    """Titles of links."""

    search_cdc: str
    search_who: str
    cdc: str
    who: str
    who_mythbusters: str


class Consent(_Record):
    """What is shown before the first message."""

    title: str
    text: str
    points: tuple[str, ...]
    agree: str


class EmergencyText(_Record):
    """What is said in one kind of emergency."""

    text: str
    steps: tuple[str, ...]


class EmergencyWording(_Record):
    """What is said in emergencies."""

    emergency: EmergencyText
    poisoning: EmergencyText
    self_harm: EmergencyText
    abuse: EmergencyText
    call_local: str
    country_hint: str

    def of(self, category: Category) -> EmergencyText:
        """Return the wording of one kind."""
        text: EmergencyText = getattr(self, category)
        return text


class QuickReplyWording(_Record):
    """Suggestions that the gateway adds."""

    urgent: QuickReply
    report_claim: QuickReply
    talk_to_person: QuickReply
    check_steps: QuickReply
    next_step: QuickReply
    stop: QuickReply
    help: QuickReply


class ClaimStep(_Record):
    """One step of checking a claim."""

    title: str
    text: str


class ClaimSteps(_Record):
    """How to check a claim, step by step."""

    head: str
    steps: tuple[ClaimStep, ...]
    source: Link
    fact_checkers: tuple[Link, ...]


class OtherLanguage(_Record):
    """What is said to a question in a language that no answer is written in.

    Attributes:
        default: in the language of the wording.
        texts: in other languages, by their ISO 639-1 codes.
        links: pages in those languages.
        default_links: pages for all others.
    """

    default: str
    texts: dict[str, str]
    links: dict[str, tuple[Link, ...]]
    default_links: tuple[Link, ...]


class HandoverWording(_Record):
    """What is said when a conversation goes to a person of the team and comes back.

    Attributes:
        begun_messenger: it goes to another app of Messenger.
        begun_desk: it goes to the team's desk.
        closed: nobody is there now.
        says: stands above what a person writes.
        back: the chatbot is back.
        late: the chatbot is back because nobody wrote.
        absent: nobody could be reached.
        forget: words that delete the conversation, whoever has it.
        to_bot: suggestion that brings the chatbot back.
    """

    begun_messenger: str
    begun_desk: str
    closed: str
    says: str
    back: str
    late: str
    absent: str
    forget: str
    to_bot: QuickReply


class CountryWords(_Record):
    """How people write which country they are in.

    Attributes:
        before: what may stand before its name, in small letters as all here.
        article: what may stand between the two.
        other_names: names that people give it besides its own, by its code.
    """

    before: tuple[str, ...]
    article: str
    other_names: dict[str, tuple[str, ...]]


class Wording(_Record):
    """Everything the gateway says in one language."""

    locale: str
    dir: str
    disclaimer: str
    call_now: str
    call_now_country: str
    menu: tuple[str, ...]
    unavailable: str
    no_answer: str
    no_answer_declined: str
    claim_not_found: str
    other_language: OtherLanguage
    clarify: str
    clarify_topic: str
    expired: str
    expired_emergency: str
    seek_care_declined: str
    review: ReviewWording
    notices: dict[str, str]
    claim_steps: ClaimSteps
    quick_replies: QuickReplyWording
    links: LinkWording
    talk_to_person: tuple[Contact, ...]
    handover: HandoverWording
    country_told: str
    consent: Consent
    emergency: EmergencyWording
    countries: dict[str, str]
    country_words: CountryWords


_Model = TypeVar("_Model", bound=BaseModel)


def read_yaml(file: Path, model: type[_Model]) -> _Model:
    """Read a YAML file into a model.

    Raises:
        ReplyFileError: it is missing, no YAML, or lacks a field.
    """
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        return model.model_validate(content)
    except OSError as error:
        raise ReplyFileError(f"{file.name} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise ReplyFileError(f"{file.name} is broken YAML{line}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise ReplyFileError(f"{file.name}: {field}: {problem['msg']}") from error


def read_wording(locale: str = "en") -> Wording:
    """Read the wording of a language.

    Raises:
        ReplyFileError: there is none, or it is broken.
    """
    return read_yaml(FOLDER / f"{locale}.yml", Wording)


class _Contacts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    contacts: tuple[Contact, ...]


def read_contacts(file: Path) -> tuple[Contact, ...]:
    """Read a site's own contacts: ``contacts:`` with name, phone, tel, url, hours.

    Raises:
        ReplyFileError: the file is missing or broken.
    """
    return read_yaml(file, _Contacts).contacts
