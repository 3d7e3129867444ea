"""The language gate: is a question surely written in a language in which no entry is written?

The embedding model gives any text a vector. Questions in a language that it hardly knows come near
entries at random, so their likeness to an entry means nothing and they must not be answered.

Two things decide, and neither alone: the letters or a language detector (CLD2), and how much of the
text the release itself uses. A detector alone takes names of diseases and spelling mistakes for
other languages; a vocabulary alone takes a subject without entries for one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import langcodes
import pycld2

UNDETERMINED = "und"
"""BCP 47's code for a language that cannot be told."""

READ_CHARACTERS = 1000
# Links and addresses have words of no language, and so have the marks of masked identifiers.
NO_WORDING = re.compile(r"https?://\S+|www\.\S+|(?<!\S)\S+@\S+|\[[a-z ]+\]", re.IGNORECASE)
JOINERS = "'-"

# Codes of ISO 15924, and how Unicode begins the names of their letters.
LETTERS = {
    "Latn": ("LATIN",),
    "Cyrl": ("CYRILLIC",),
    "Grek": ("GREEK",),
    "Arab": ("ARABIC",),
    "Hebr": ("HEBREW",),
    "Deva": ("DEVANAGARI",),
    "Beng": ("BENGALI",),
    "Guru": ("GURMUKHI",),
    "Gujr": ("GUJARATI",),
    "Orya": ("ORIYA",),
    "Taml": ("TAMIL",),
    "Telu": ("TELUGU",),
    "Knda": ("KANNADA",),
    "Mlym": ("MALAYALAM",),
    "Sinh": ("SINHALA",),
    "Thai": ("THAI",),
    "Laoo": ("LAO",),
    "Mymr": ("MYANMAR",),
    "Khmr": ("KHMER",),
    "Ethi": ("ETHIOPIC",),
    "Geor": ("GEORGIAN",),
    "Armn": ("ARMENIAN",),
    "Thaa": ("THAANA",),
    "Tibt": ("TIBETAN",),
    "Hani": ("CJK",),
    "Jpan": ("HIRAGANA", "KATAKANA", "CJK"),
    "Kore": ("HANGUL", "CJK"),
    "Mong": ("MONGOLIAN",),
    "Syrc": ("SYRIAC",),
    "Nkoo": ("NKO",),
    "Adlm": ("ADLAM",),
    "Tfng": ("TIFINAGH",),
    "Cher": ("CHEROKEE",),
    "Olck": ("OL",),
}
LISTED = frozenset(chain(*LETTERS.values()))
LIKE_HANI = {"Hans": "Hani", "Hant": "Hani"}
# One such letter says as much as several Latin ones.
DENSE = {"CJK": 3, "HIRAGANA": 2, "KATAKANA": 2, "HANGUL": 2}
# A lone Greek letter is a symbol ("β blocker", "5 μg").
LEAST_FOREIGN_LETTERS = 2

# How CLD2 writes codes that ISO 639-1 has changed.
RENAMED = {"iw": "he", "jw": "jv"}
DETECTED = frozenset(code for _, code in pycld2.LANGUAGES)
# What CLD2 finds in medical terms, nonsense and chat, and nobody asks in: Latin, Scots, Klingon,
# and languages that were made up.
NOBODY_ASKS_IN = frozenset({"un", "la", "sco", "ia", "ie", "vo", "tlh", "zzp", "xxx"})
# Norwegian and Danish, Catalan and Spanish: too near to be told apart in a short text, and a reader
# of one gets along with the other. On the scale of langcodes 0 is the same, 134 nothing in common.
LIKE_OURS = 20

# Tuned on calibration.yml (nobody's English question is gated) and on questions in 20 languages
# that are in no test. Each step asks for fewer known words where the detector is less sure.
FEWEST_WORDS = 2
MOST_KNOWN_IF_SURE = 0.6
FEWEST_WORDS_IF_LIKELY = 3
MOST_KNOWN_IF_LIKELY = 0.3
LITTLE = 3
FEWEST_STRANGE = 2
LEAST_STRANGE = 2 / 3


@dataclass(frozen=True)
class _Text:
    """A text as the gate sees it.

    Attributes:
        words: its words in lower case, in any letters.
        blocks: for each kind of letter (the first word of their Unicode names), how much of the
            text is written in it.
    """

    words: tuple[str, ...]
    blocks: Counter[str]

    @property
    def wording(self) -> str:
        """The words alone: CLD2 refuses control characters."""
        return " ".join(self.words)


class LanguageGate:
    """Tells which questions no entry of a release can answer, because of their language."""

    def __init__(self, locales: Iterable[str], known: Callable[[str], bool] | None = None) -> None:
        """Take what is fixed for a release.

        Args:
            locales: languages of its entries, as BCP 47 tags; without any, nothing is foreign.
            known: tells of a word in lower case whether the release uses it, in an entry or as a
                common word ("the"). Without it only what the detector is sure of is gated.
        """
        tags = sorted(set(locales))
        self._ours = tuple(dict.fromkeys(langcodes.get(tag).language or tag for tag in tags))
        blocks = [_blocks_of(tag) for tag in tags]
        # In letters that are not listed above, nobody could be told from anybody.
        self._own_blocks = frozenset(chain(*blocks)) if all(blocks) else None
        self._known = known

    def foreign(self, text: str) -> str | None:
        """Return the language of a text that is surely in none of ours.

        A text of one word in our letters is never foreign: it may be a name, or misspelt.

        Args:
            text: a question, of any length; its beginning decides.

        Returns:
            An ISO 639-1 code (the longer code where a language has no such, ``und`` where it
            cannot be told), or None where the text is, or may be, in one of our languages.
        """
        seen = _look_at(text)
        if not self._ours or not seen.words:
            return None
        return self._by_letters(seen) or self._of_words(seen)

    def in_other_letters(self, text: str) -> str | None:
        """Return the language of a text that is mostly in letters of none of our languages.

        That needs no release and leaves no doubt. The result is that of ``foreign``.
        """
        seen = _look_at(text)
        return self._by_letters(seen) if self._ours and seen.words else None

    def _by_letters(self, seen: _Text) -> str | None:
        theirs = self._foreign_letters(seen)
        count = theirs.total()
        if count < LEAST_FOREIGN_LETTERS or count < seen.blocks.total() - count:
            return None
        return self._of_letters(seen, theirs) or UNDETERMINED

    def _foreign_letters(self, seen: _Text) -> Counter[str]:
        """Return how much of a text is in letters that none of our languages is written in."""
        own = self._own_blocks
        if own is None:
            return Counter()
        return Counter({block: n for block, n in seen.blocks.items() if block not in own})

    def _of_letters(self, seen: _Text, theirs: Counter[str]) -> str | None:
        """Return the language of a text in letters that none of our languages is written in."""
        guess = _detect(seen.wording)
        # The first letters are the language's own: a text without kana is not Japanese.
        if guess is not None and any(block in theirs for block in _blocks_of(guess)[:1]):
            return guess
        return _main_language(theirs.most_common(1)[0][0])

    def _of_words(self, seen: _Text) -> str | None:
        """Return the language of a text in our letters, if it is surely none of ours."""
        share = self._share_known(seen)
        few = len(seen.words) < FEWEST_WORDS_IF_LIKELY
        most = MOST_KNOWN_IF_LIKELY if few else MOST_KNOWN_IF_SURE
        if len(seen.words) < FEWEST_WORDS or share > most or (few and self._known is None):
            return None
        certain = _detect(seen.wording, only_sure=True)
        if self._is_surely_foreign(seen) or self._is_likely_foreign(seen, share, certain):
            return certain if self._is_foreign(certain) else UNDETERMINED
        return None

    def _is_surely_foreign(self, seen: _Text) -> bool:
        """Tell whether the detector finds another language where it is told to expect ours."""
        return all(self._is_foreign(_detect(seen.wording, hint)) for hint in self._ours)

    def _is_likely_foreign(self, seen: _Text, share: float, certain: str | None) -> bool:
        """Tell whether a text that the detector may take for ours has too few words of ours."""
        if self._known is None:
            return False
        few_known = len(seen.words) >= FEWEST_WORDS_IF_LIKELY and share <= MOST_KNOWN_IF_LIKELY
        if few_known and self._is_foreign(_detect(seen.wording)):
            return True
        return self._is_strange(seen, certain)

    def _is_strange(self, seen: _Text, certain: str | None) -> bool:
        """Tell whether the little words of a text are none of ours.

        Names of diseases are alike in many languages; the little words between them are not. So
        are languages told that the detector does not know.
        """
        little = [word for word in seen.words if len(word) <= LITTLE]
        strange = sum(not self._knows(word) for word in little)
        few_known = strange >= max(FEWEST_STRANGE, len(little) * LEAST_STRANGE)
        return few_known and not self._is_ours(certain)

    def _is_foreign(self, guess: str | None) -> bool:
        """Tell whether a language was detected, and is not ours."""
        return guess is not None and not self._is_ours(guess)

    def _is_ours(self, guess: str | None) -> bool:
        """Tell whether a detected language is one of ours, or like one."""
        return guess is not None and any(_distance(guess, ours) <= LIKE_OURS for ours in self._ours)

    def _share_known(self, seen: _Text) -> float:
        """Return how much of a text the release uses, by letters, 0 to 1."""
        letters = sum(map(len, seen.words))
        return sum(len(word) for word in seen.words if self._knows(word)) / letters

    def _knows(self, word: str) -> bool:
        """Tell whether the release uses a word, or all words that it is joined of."""
        if self._known is None:
            return False
        return self._known(word) or ("-" in word and all(map(self._known, word.split("-"))))


def _look_at(text: str) -> _Text:
    """Return the words and letters of the beginning of a text."""
    # Full-width and ornamental letters become plain ones.
    plain = unicodedata.normalize("NFKC", NO_WORDING.sub(" ", text[:READ_CHARACTERS]))
    plain = plain.casefold().replace("’", "'")
    blocks: Counter[str] = Counter()
    for character, count in Counter(plain).items():
        if block := _block(character):
            blocks[block] += count * DENSE.get(block, 1)
    kept = "".join(c if _block(c) or c in JOINERS else " " for c in plain)
    words = (word.strip(JOINERS) for word in kept.split())
    return _Text(tuple(word for word in words if word), blocks)


@lru_cache(maxsize=4096)
def _block(character: str) -> str:
    """Return the first word of the Unicode name of a letter or vowel sign, or "" for others."""
    kind = unicodedata.category(character)
    block = unicodedata.name(character, "").split(" ")[0].split("-")[0]
    if kind.startswith("L") and kind != "Lm":
        return block
    # Vowel signs are letters of a script; accents and what colours an emoji are of none.
    return block if kind[0] in "LM" and block in LISTED else ""


@lru_cache(maxsize=512)
def _blocks_of(tag: str) -> tuple[str, ...]:
    """Return how Unicode names the letters that a language is written in."""
    script = langcodes.get(tag).maximize().script or ""
    return LETTERS.get(LIKE_HANI.get(script, script), ())


@lru_cache(maxsize=4096)
def _distance(one: str, other: str) -> int:
    """Return how unlike two languages are, on the scale of langcodes."""
    return langcodes.tag_distance(one, other)


@lru_cache(maxsize=64)
def _main_language(block: str) -> str:
    """Return the language that most people write in a kind of letter."""
    for script, blocks in LETTERS.items():
        if block in blocks:
            return langcodes.get(f"und-{script}").maximize().language or UNDETERMINED
    return UNDETERMINED


def _detect(wording: str, hint: str | None = None, *, only_sure: bool = False) -> str | None:
    """Return the code of the likeliest language, or None for none that people ask in.

    Args:
        wording: words with spaces between them.
        hint: language to assume unless much speaks against it.
        only_sure: whether to return None also where the detector is in doubt.
    """
    known_hint = hint if hint in DETECTED else None
    _, _, guesses = pycld2.detect(
        wording, isPlainText=True, bestEffort=not only_sure, hintLanguage=known_hint
    )
    code = str(guesses[0][1]).split("-")[0]
    return None if code in NOBODY_ASKS_IN or code == "xx" else RENAMED.get(code, code)
