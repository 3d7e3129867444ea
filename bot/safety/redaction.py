"""Mask what identifies a person before a message is sent on or kept.

`Redactor().redact(text)` is pure and total: any string gives a `Redaction`, nothing is looked up
outside the process. It lowers a risk; it does not certify that a text identifies nobody. Health
facts stay readable: doses, ages, temperatures, readings, virus and vitamin names, seasons and
public emergency numbers are left alone.

The libraries behind it are imported when a `Redactor` is made, not with this module.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

__all__ = ["MAX_LENGTH", "Redaction", "Redactor"]

# Callers cap a message at 1,000 characters. What lies beyond this is dropped, never passed on.
MAX_LENGTH = 10_000

PHONE_REGIONS = ("US", "GB", "NO", "FR", "ES", "EG", "SA", "DE")
# Pages of these publishers say nothing about the person, if the link carries no parameters.
PUBLIC_HOSTS = (
    "cdc.gov",
    "who.int",
    "nhs.uk",
    "nih.gov",
    "medlineplus.gov",
    "hhs.gov",
    "fda.gov",
    "helsenorge.no",
    "europa.eu",
)


@dataclass(frozen=True)
class Redaction:
    """A text without its identifiers.

    Attributes:
        text: the text, each identifier replaced by its kind in square brackets.
        kinds: the kinds that were masked, each once, in the order of the alphabet.
    """

    text: str
    kinds: tuple[str, ...]


class _NumberModule(Protocol):
    """The part of a python-stdnum module used here."""

    def is_valid(self, number: str) -> bool:
        """Whether the number's form and check digits are right."""


class Redactor:
    """Masks identifiers; make one and keep it, its libraries load in the constructor."""

    def __init__(self) -> None:
        import phonenumbers
        from stdnum import get_cc_module, iban, luhn

        self._phonenumbers = phonenumbers
        self._luhn = cast(_NumberModule, luhn)
        self._iban = cast(_NumberModule, iban)
        self._national = tuple(
            (re.compile(rf"(?<![\w-])(?:{form})(?![\w-])"), cast(_NumberModule, module))
            for country, name, form in _NATIONAL_NUMBERS
            if (module := get_cc_module(country, name)) is not None
        )

    def redact(self, text: str) -> Redaction:
        """Replace identifiers by their kind.

        Args:
            text: what the person wrote. Only the first `MAX_LENGTH` characters are kept. Invisible
                characters are dropped and digits of every script become 0-9, because both serve
                to hide a number.
        """
        masked, kept = _hold_public_links(_tidy(text[:MAX_LENGTH]))
        kinds: set[str] = set()
        for kind, mask in self._steps():
            masked, found = mask(masked)
            if found:
                kinds.add(kind)
        for mark, link in kept.items():
            masked = masked.replace(mark, link)
        return Redaction(masked, tuple(sorted(kinds)))

    def _steps(self) -> tuple[tuple[str, Callable[[str], tuple[str, int]]], ...]:
        """The masks in order: the certain before the guessed, labels before bare numbers."""
        return (
            ("link", _masking("link", _LINK)),
            ("email", _masking("email", _EMAIL, _EMAIL_IN_WORDS)),
            ("name", _mask_handles),
            ("birth date", _masking("birth date", _BIRTH_DATE)),
            ("record", _mask_records),
            ("phone", _masking("phone", _PHONE_LABELLED)),
            ("id", self._mask_national),
            ("card", self._mask_cards),
            ("address", _masking("address", *_ADDRESSES)),
            ("phone", self._mask_phones),
            ("id", _masking("id", _LONG_NUMBER)),
            ("name", _mask_names),
        )

    def _mask_national(self, text: str) -> tuple[str, int]:
        """National and bank account numbers, network addresses."""
        total = 0
        for pattern in (_LABELLED_ID, _US_SSN, _UK_NINO, _EGYPT_ID, _MAC):
            text, count = pattern.subn(_with_label("id"), text)
            total += count
        for pattern, module in self._national:
            text, count = _mask_if(text, pattern, "id", module.is_valid)
            total += count
        text, count = _mask_if(text, _IBAN, "id", self._iban.is_valid)
        text, more = _mask_if(text, _IP_ADDRESS, "id", _is_ip_address)
        return text, total + count + more

    def _mask_cards(self, text: str) -> tuple[str, int]:
        """Payment cards: right check digit, or four groups of four."""
        return _mask_if(
            text,
            _CARD,
            "card",
            lambda found: (
                not _YEARS_OR_DATE.fullmatch(found)
                and (
                    _FOURS.fullmatch(found) is not None
                    or self._luhn.is_valid(re.sub(r"[ -]", "", found))
                )
            ),
        )

    def _mask_phones(self, text: str) -> tuple[str, int]:
        """Telephone numbers as written in several countries."""
        total = 0
        for pattern in _PHONES:
            text, count = _mask_if(text, pattern, "phone", lambda found: True)
            total += count
        if sum(character.isdigit() for character in text) < 7:
            return text, total
        for region in PHONE_REGIONS:
            text, count = self._mask_region(text, region)
            total += count
        return text, total

    def _mask_region(self, text: str, region: str) -> tuple[str, int]:
        """Valid telephone numbers of one region, last first so that positions hold."""
        matches = list(self._phonenumbers.PhoneNumberMatcher(text, region, max_tries=100))
        count = 0
        for match in reversed(matches):
            if _reads_as_phone(match.raw_string, text[: match.start], text[match.end :]):
                text = f"{text[: match.start]}[phone]{text[match.end :]}"
                count += 1
        return text, count


def _tidy(text: str) -> str:
    """The text with ASCII digits and without invisible, private or broken characters."""
    return text.translate({ord(character): _tidy_character(character) for character in set(text)})


def _tidy_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category in {"Cf", "Cs", "Co"}:
        # Joiners also build emoji and Persian words; without them the look changes, not the
        # meaning.
        return ""
    return {
        "\u00a0": " ",
        "\u202f": " ",
        "\u2007": " ",
        "\u2010": "-",
        "\u2011": "-",
        "\u2019": "'",
    }.get(character, character)


def _hold_public_links(text: str) -> tuple[str, dict[str, str]]:
    """Put aside links to public health pages, each under one private character.

    No mask touches them then.
    """
    kept: dict[str, str] = {}

    def hold(found: re.Match[str]) -> str:
        if not _is_public_page(found[0]):
            return found[0]
        mark = chr(0xE000 + len(kept))
        kept[mark] = found[0]
        return mark

    return _LINK.sub(hold, text), kept


def _is_public_page(link: str) -> bool:
    host, _, path = re.sub(r"^https?://", "", link.casefold()).partition("/")
    known = any(host == public or host.endswith(f".{public}") for public in PUBLIC_HOSTS)
    return known and not re.search(r"[?#@=&%;]|\d{6}", f"{host}/{path}")


def _masking(kind: str, *patterns: re.Pattern[str]) -> Callable[[str], tuple[str, int]]:
    """A mask that replaces every match, keeping a `label` group in front of it."""

    def mask(text: str) -> tuple[str, int]:
        total = 0
        for pattern in patterns:
            text, count = pattern.subn(_with_label(kind), text)
            total += count
        return text, total

    return mask


def _with_label(kind: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{found.groupdict().get('label') or ''}[{kind}]"


def _mask_if(
    text: str, pattern: re.Pattern[str], kind: str, holds: Callable[[str], bool]
) -> tuple[str, int]:
    """Mask the matches for which a check holds."""
    count = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal count
        if _UNIT_AFTER.match(text, found.end()) or not holds(found[0]):
            return found[0]
        count += 1
        return f"[{kind}]"

    return pattern.sub(replace, text), count


def _mask_handles(text: str) -> tuple[str, int]:
    return _HANDLE.subn("[name]", text)


def _mask_records(text: str) -> tuple[str, int]:
    """Numbers with the label of a file: "MRN 00123", "policy number AB-1234"."""
    text, first = _RECORD_NUMBERED.subn(_with_label("record"), text)
    text, second = _RECORD_BARE.subn(_with_label("record"), text)
    return text, first + second


def _mask_names(text: str) -> tuple[str, int]:
    """Names that people give as names; an adjective after "I am" is none."""
    count = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal count
        words = found["name"].split()
        if words[0].casefold().strip(".'") in _NOT_A_NAME or (
            found.re is _I_AM and words[-1].casefold() in _NOT_A_NAME
        ):
            return found[0]
        count += 1
        return f"{found['label']}[name]"

    for pattern in (_NAME_GIVEN, _NAME_GIVEN_SMALL, _TITLED, _I_AM):
        text = pattern.sub(replace, text)
    return text, count


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _reads_as_phone(number: str, before: str, after: str) -> bool:
    """Whether a number that is valid somewhere is meant as one.

    A season, a date, a reading, a dose or eight bare digits is not, though valid in Norway.
    """
    if _UNIT_AFTER.match(after) or _YEARS_OR_DATE.fullmatch(number.strip()):
        return False
    if _READING.search(number) or before[-1:] in {"/", ".", ",", "-"}:
        return False
    digits = re.sub(r"\D", "", number)
    return (
        len(digits) >= 9
        or (len(digits) >= 7 and number.strip() != digits)
        or number.strip().startswith("+")
    )


# --- patterns -------------------------------------------------------------------------------------
# Every repetition is bounded or cannot start again inside itself, so a long text costs linear time.

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = (
    rf"(?:\d{{1,4}}[/.\-]\d{{1,2}}[/.\-]\d{{1,4}}|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},?"
    rf" ?\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? ?\d{{2,4}}|\d{{1,2}} (?:de )?[a-zéûôæøå]{{3,10}}"
    rf" (?:de )?\d{{4}}|\d{{1,2}}\. [a-zäæøå]{{3,10}} \d{{4}})"
)
_BIRTH_DATE = re.compile(
    rf"(?P<label>\b(?:d\.?o\.?b\.?|date of birth|birth ?date|birthday|birthdate|born|née?|né le"
    rf"|née le|nac[íi](?:do|da|)|"
    rf"fecha de nacimiento|date de naissance|geboren|geburtsdatum|født|fødselsdato)(?!\w)["
    rf" :=]{{0,3}}(?:is |was |on |the |am |el |le |den |on the |is on ){{0,2}}){_DATE}",
    re.IGNORECASE,
)

_LINK = re.compile(
    r"(?:\bhttps?://|\bwww\.)[^\s<>\"')\]]{1,2000}(?<![.,!?:;])"
    r"|(?<![\w@./-])(?:[a-z0-9-]{1,63}\.){1,5}(?:com|org|net|gov|int|edu|io|uk|no|fr|es|de|eg|sa"
    r"|me|info|health)/[^\s<>\"')\]]{0,2000}(?<![.,!?:;])"
    r"|(?<![\w@./-])(?:[a-z0-9-]{1,63}\.){1,4}(?:cdc\.gov|who\.int|nhs\.uk)\b",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![\w.+%'-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,6}\w{2,24}")
_EMAIL_IN_WORDS = re.compile(
    r"(?<![\w.])[\w.]{1,40} ?[(\[]?\bat\b[)\]]? ?[\w-]{1,40} ?[(\[]?\bdot\b[)\]]? ?(?:com|org"
    r"|net|edu|gov|uk|no|fr|es|de)\b",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w@.])@[A-Za-z_][\w.]{1,40}")

_RECORD_LABEL = (
    r"(?:mrn|medical record|health record|patient|chart|case|policy|claim|member|membership"
    r"|insurance|account|hospital|admission|"
    r"file|reference|ref|prescription|rx|subscriber|group|medicare|medicaid|beneficiary|encounter"
    r"|visit|lab|sample|accession|dossier|journal)"
)
_RECORD_NUMBERED = re.compile(
    rf"(?P<label>\b{_RECORD_LABEL}(?: record| file)?(?:(?: ?(?:number|no\.?|nr\.?|num|id|code|#)"
    rf"|'s id)(?: is| was)?[ :=#]{{0,3}}| ?[:#] ?))"
    r"(?=[A-Z-]{0,8}\d)[A-Z0-9][A-Z0-9/-]{3,24}(?![\w%])",
    re.IGNORECASE,
)
_RECORD_BARE = re.compile(
    rf"(?P<label>\b(?:mrn|{_RECORD_LABEL}) )(?!covid"
    rf"|h\dn)(?=(?:[A-Z-]{{0,4}}\d){{1,2}}[\d-]{{4}})[A-Z]{{0,4}}-?\d[\d-]{{4,20}}(?![\w%])(?!\d)",
    re.IGNORECASE,
)
_LABELLED_ID = re.compile(
    r"(?P<label>\b(?:ssn|social security|ss|passport|driver'?s? licen[sc]e|national insurance"
    r"|nino|nhs|national id|id card|personnummer|"
    r"fødselsnummer|fodselsnummer|personal id|iqama|dni|nie|nir|tax id|sin|aadhaar|cpf|bsn|state"
    r" id|health card|carte vitale|licen[sc]e plate)"
    r"(?: ?(?:number|no\.?|nr\.?|num|#|id|card))?(?: is| was)?[ :=#]{1,3})(?=[A-Z]{0,3}["
    r" -]?\d)[A-Z0-9](?:[A-Z0-9]|[ -](?=\d|[A-D]\b)){4,24}(?![\w%])",
    re.IGNORECASE,
)
_US_SSN = re.compile(r"(?<![\w-])\d{3}[- ]\d{2}[- ]\d{4}(?![\w-])")
_UK_NINO = re.compile(
    r"(?<!\w)[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)", re.IGNORECASE
)
_EGYPT_ID = re.compile(r"(?<!\w)[23]\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{7}(?!\w)")
_MAC = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_IP_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4})(?![\w:]"
    r"|\.\d)"
)
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_FOURS = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}")
_LONG_NUMBER = re.compile(r"(?<![\w.,])\d{9,40}(?![\w.,]\d)")

# country, number (as python-stdnum names them), how people write it
_NATIONAL_NUMBERS = (
    ("no", "fodselsnummer", r"\d{6} ?\d{5}"),
    ("gb", "nhs", r"\d{3} \d{3} \d{4}"),
    ("fr", "nir", r"[1278] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3}(?: ?\d{2})?"),
    ("es", "dni", r"\d{8}[- ]?[A-Za-z]|\d{2}\.\d{3}\.\d{3}-?[A-Za-z]"),
    ("es", "nie", r"[XYZxyz][- ]?\d{7}[- ]?[A-Za-z]"),
    ("de", "idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}"),
    ("se", "personnummer", r"(?:\d{2})?\d{6}[-+]\d{4}"),
    ("dk", "cpr", r"\d{6}-\d{4}"),
    ("fi", "hetu", r"\d{6}[-+A]\d{3}[0-9A-Y]"),
    ("it", "codicefiscale", r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]"),
    ("ca", "sin", r"\d{3}[ -]\d{3}[ -]\d{3}"),
    ("in", "aadhaar", r"\d{4} \d{4} \d{4}"),
    ("br", "cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
)

_PHONE_LABELLED = re.compile(
    r"(?P<label>\b(?:phone|telephone|tel|mobile|cell|whatsapp|fax|my number|call me|text me|reach"
    r" me|ring me|phone me|contact me)"
    r"(?: ?(?:number|no\.?|phone|#))?(?: is| at| on| to| under|:)*[ :.]{1,3})\+?\(?\d(?:["
    r" ().\-/]{0,2}\d){5,16}(?!\w)",
    re.IGNORECASE,
)
_PHONES = (
    re.compile(r"(?<![\w.,-])\+ ?\d(?:[ ().\-/]{0,2}\d){6,16}(?!\w)"),
    re.compile(r"(?<![\w.,-])00[1-9](?:[ ().\-/]{0,2}\d){7,16}(?!\w)"),
    re.compile(r"(?<![\w.,-])(?:1[ .-]?)?\(?[2-9]\d{2}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?![\w-])"),
    re.compile(r"(?<![\w.,/-])[2-9]\d{2}[.-](?!(?:19|20)\d{2}(?!\d))\d{4}(?![\w-])"),
)
_YEARS_OR_DATE = re.compile(
    r"(?:19|20)\d{2} ?[-\u2013/] ?(?:19|20)?\d{2}(?:[ ,]{1,3}(?:19|20)\d{2} ?[-\u2013/] ?(?:19"
    r"|20)?\d{2})*"
    r"|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?: \d{1,2})?|(?:(?:19|20)\d{2}[ ,-]{0,2}){2,5}"
)
# A slash or a single decimal: "120/80", "38.5".
_READING = re.compile(r"/|(?<!\d)\d{1,3}\.\d(?!\d)")
_UNIT_AFTER = re.compile(
    r"[ -]?(?:mg|mcg|µg|ug|g|kg|ml|l|dl|iu|units?|mmhg|mmol|mol|cells?|copies|cal|kcal|calories"
    r"|steps|°|degrees|%|percent|bpm|years?|yrs?|y/o|"
    r"days?|weeks?|months?|hours?|hrs?|minutes?|mins?|seconds?|people|cases|deaths|patients"
    r"|children|adults|women|men|doses?|cm|mm|m|km|lbs?|"
    r"pounds?|oz|ounces?|dollars|usd|euros?|€)(?![a-z])",
    re.IGNORECASE,
)

_WORD = r"[^\W\d_][\w'.-]{0,30}"
_APARTMENT = r"(?:,? (?:apt|apartment|suite|ste|unit|flat|floor|#)\.? ?#?\w{1,6})?"
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w'.-]{0,30}"
# "a 10 minute walk down the street"
_NO_HOUSE_NUMBER = (
    r"(?:(?:minute|min|hour|mile|kilometer|meter|day|week|month|year|block|house|step|time|percent"
    r"|case)s?|km|people|of|in|on|by|to|from|or|and) "
)
_ADDRESSES = (
    re.compile(
        rf"(?<![\w./-])\d{{1,6}}[A-Za-z]?,? (?!{_NO_HOUSE_NUMBER})(?:{_WORD} ){{1,4}}(?i:street"
        rf"|avenue|road|lane|boulevard|blvd|crescent|highway|parkway|terrace)\b\.?{_APARTMENT}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<![\w./-])\d{{1,6}}[A-Za-z]?,? (?:[NSEW]\.? )?(?:(?:{_CAPITAL}|\d{{1,3}}(?:st|nd|rd"
        rf"|th)) ){{1,4}}"
        rf"(?:St|Ave|Rd|Ln|Dr|Drive|Court|Ct|Place|Pl|Way|Close|Square|Sq|Circle|Cir|Trail|Hwy"
        rf"|Pkwy|Gardens|Grove|Mews|Row|Walk|Hill)\b\.?(?i:{_APARTMENT})"
    ),
    re.compile(
        rf"(?<![\w./-])\d{{1,4}}(?: ?bis| ?ter)?,? (?i:rue|avenue|boulevard|impasse|allée|chemin"
        rf"|quai|cours|place) (?:(?:de|du|des|la|le|les|d'|l'|of) ?){{0,3}}{_CAPITAL}(?:"
        rf" {_CAPITAL}){{0,3}}(?:,? \d{{5}} {_CAPITAL})?"
    ),
    re.compile(
        rf"\b(?i:calle|c/|avenida|avda\.?|plaza|paseo|carrer) ?(?:(?:de|del|la|el|los|las)"
        rf" ){{0,3}}{_CAPITAL}(?: (?:de |la |del )?{_CAPITAL}){{0,3}},? ?(?:n[ºo°]?\.?"
        rf" ?)?\d{{1,4}}(?:,? \d{{1,2}}[ºª°] ?\w?)?(?:,? \d{{5}} {_CAPITAL})?"
    ),
    re.compile(
        r"(?<!\w)[A-ZÄÖÜÆØÅ][\wäöüßæøå.-]{1,30}?(?:straße|strasse|str\.|weg|platz|allee|gasse"
        r"|gata|gate|gaten|veien|vegen|vei|plass) \d{1,4} ?[a-zA-Z]?(?!\w)(?:,? \d{4,5}"
        r" [A-ZÄÖÜÆØÅ][\wäöüßæøå-]{1,30})?"
    ),
    re.compile(
        rf"\b{_CAPITAL} (?:Straße|Strasse|Str\.|Allee|Platz|gate|vei) \d{{1,4}}[a-zA-Z]?(?!\w)"
    ),
    re.compile(r"\bp\.? ?o\.? box \d{1,7}\b", re.IGNORECASE),
    re.compile(r"(?<!\w)(?:GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})(?!\w)"),
    re.compile(
        r"(?<!\w)(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]"
        r"|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]),? \d{5}(?:-\d{4})?(?!\w)"
    ),
    re.compile(
        r"(?P<label>\b(?:zip|zip ?code|postal code|postcode|post code)(?: is|:)?"
        r" )(?=[A-Z]{0,2}\d)[A-Z0-9]{3,5}(?:[ -][A-Z0-9]{3,4})?(?!\w)",
        re.IGNORECASE,
    ),
)

_PERSON = rf"{_CAPITAL}(?: (?:(?:de|van|von|bin|al|el|la|der|den|della|du) )?{_CAPITAL}){{0,3}}"
_NAME_LABEL = (
    r"\b(?:[Nn]ames?(?: is|'s|:| was)|[Nn]ame [Ii]s|[Mm]y name ?[Ii]?[Ss]|MY NAME IS|I am called"
    r"|I'm called|[Ii]m called|i am called|i'm called|"
    r"[Pp]eople call me|[Cc]all me|[Tt]hey call me|[Nn]amed|[Mm]e llamo|[Mm]i nombre es|[Jj]e"
    r" m'appelle|[Jj]e suis [Mm](?:me|r|\.)|[Mm]ein [Nn]ame ist|"
    r"[Ii]ch hei(?:ß|ss)e|[Jj]eg heter|[Nn]avnet mitt er|[Aa]smi|[Ii]smi|\u0627\u0633\u0645\u064a"
    r"|[Ss]igned,?|[Pp]atient [Nn]ame:?)"
)
_NAME_GIVEN = re.compile(
    rf"(?P<label>{_NAME_LABEL} )(?P<name>{_PERSON}|[\u0600-\u06ff]{{2,20}}(?:"
    rf" [\u0600-\u06ff]{{2,20}})?)"
)
_NAME_GIVEN_SMALL = re.compile(
    rf"(?P<label>\b(?:my name is|my name's|my names|i am called|i'm called|im called|me llamo|je"
    rf" m'appelle|ich hei(?:ß|ss)e|jeg heter) )(?P<name>{_WORD})",
    re.IGNORECASE,
)
_TITLED = re.compile(
    rf"(?P<label>(?<!\w)(?:Dr|Mr|Mrs|Ms|Miss|Prof|Professor|Doctor|Nurse|Mme|Herr|Frau|Señora?"
    rf"|Sra?)\.? )(?P<name>{_CAPITAL}(?: {_CAPITAL}){{0,2}})"
)
_I_AM = re.compile(
    rf"(?P<label>(?<!\w)(?:I am|I'm|Im|i am|i'm|im|[Tt]his is) )(?P<name>{_CAPITAL}"
    rf" {_CAPITAL})(?= *(?:[,.!?;]|$| and | from | here | born | dob | DOB | my | with ))"
)

_NOT_A_NAME = frozenset(
    """
    a an the on in at of to for from not no listed spelled spelt wrong misspelled missing there
    here still already also very so really too always never only just and or but with without
    being been is was are what who why how when this that it my your his her their our pregnant
    asthmatic diabetic allergic sick ill tired vegan vegetarian fine ok okay okey well better
    worse positive negative unvaccinated vaccinated overweight obese old young male female
    single married african american asian black white indian muslim christian jewish hindu
    english french spanish german norwegian egyptian saudi arab hispanic latino native european
    mexican chinese south north east west new type hiv covid blood high low copd ptsd adhd ibs
    sad scared worried afraid immune immunocompromised breastfeeding trans gay straight celiac
    coeliac lactose gluten autistic anemic hypertensive back off feeling having getting taking
    going trying looking asking wondering sure unsure sorry extremely hard visually deaf blind
    due overdue stage grade group rh o ab free alone unable able confused correct private
    confidential secret important registered taken used known
    """.split()
)
