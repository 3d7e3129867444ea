"""Turn clones of public repositories into one layout for measuring and for learning.

``python -m benchmarks.public_sets CLONES --output FOLDER`` reads the clones below CLONES, each in
a folder named owner+name, and writes one folder per set below FOLDER, in the BEIR layout:
``corpus.jsonl`` (_id, title, text), ``queries.jsonl`` (_id, text) and ``qrels/test.tsv``
(query-id, corpus-id, score). The title is a question, the text is its answer or "". Sets named
``*-variants`` add further wordings of the title as ``variants``, which BEIR readers ignore.
``pairs.tsv`` (text_a, text_b, label 1 where both ask the same) and ``abstain.tsv`` (text, label
in or out) have a header and are not quoted: read them with ``csv.QUOTE_NONE``.

Sets below ``learn/`` may be learnt from; sets below ``judge/`` are for judging only, so letters of
``learn/meqsum`` that two of those use as well are left out. The data are never committed: each
repository has a licence of its own, and the answers of COVID-QA belong to the health authorities
that published them.

The clones, each with its licence::

    mkdir -p CLONES && cd CLONES
    get() { git clone --depth 1 "https://github.com/$1/$2" "$1+$2"; }
    get deepset-ai COVID-QA                                 # Apache 2.0
    get abachaa MeQSum                                      # CC BY 4.0
    get clinc oos-eval                                      # CC BY 3.0
    get stanford-oval covid-faq                             # Apache 2.0
    get YosiMass faq-retrieval                              # CDLA-Sharing 1.0
    get abachaa MedQuAD                                     # CC BY 4.0
    get abachaa LiveQA_MedicalTask_TREC2017                 # none named
    get abachaa RQE_Data_AMIA2016                           # CC BY 4.0
    get PolyAI-LDN task-specific-datasets                   # CC BY 4.0
    get curai medical-question-pair-dataset                 # none named
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import re
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from knowledge.entry import TopicEntry
from knowledge.exchange import read_corpus
from knowledge.settings import ROOT

if TYPE_CHECKING:
    from knowledge.evaluation import Question

CORPUS = ROOT / "knowledge" / "corpus"
SEED = 20
CLINC_QUERIES = 10  # per intent
CLINC_WORDINGS = 8  # per intent, the title included
CLINC_IN_SCOPE = 1000
BANKING_QUERIES = 15  # per category
SEQUENCE = 6  # words; shorter ones recur between letters that have nothing in common
SAME_LETTER = 0.3  # share of sequences; measured: copies share more than .4, others less than .25
RELEVANT_JUDGEMENTS = ("3-", "4-")  # of 1-Incorrect, 2-Related, 3-Incomplete, 4-Excellent
RQE_TEST = Path("abachaa+RQE_Data_AMIA2016", "RQE_Test_302_pairs_AMIA2016.xml")
LIVEQA_QUESTIONS = Path(
    "abachaa+LiveQA_MedicalTask_TREC2017",
    "TestDataset",
    "TREC-2017-LiveQA-Medical-Test-Questions-w-summaries.xml",
)
LIVEQA_ANSWERS = Path("abachaa+MedQuAD", "QA-TestSet-LiveQA-Med-Qrels-2479-Answers.zip")
UNREADABLE = (csv.Error, zipfile.BadZipFile, ElementTree.ParseError, KeyError, ValueError)
WORD = re.compile(r"\w+")
LABEL = re.compile(r"^\s*(?:SUBJECT|MESSAGE):\s*", re.MULTILINE)
JUDGED_ANSWER = re.compile(
    r"\s*Question:\s*(?P<question>.*?)\s*\n\s*URL:[^\n]*\n\s*Answer:\s*(?P<answer>.*)", re.DOTALL
)
Row = dict[str, str]


class SetError(Exception):
    """A set that cannot be made; the message names the missing file."""


@dataclass(frozen=True)
class Document:
    """One entry of a set.

    Attributes:
        id: unique in the set.
        title: the question that it answers.
        text: the answer, or "".
        variants: further wordings of the question.
    """

    id: str
    title: str
    text: str = ""
    variants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Query:
    """What somebody asks, and the ids of all documents that answer it."""

    id: str
    text: str
    right: tuple[str, ...]


@dataclass(frozen=True)
class LabelledSet:
    """One folder of output.

    Attributes:
        name: path of the folder below the output folder.
        documents: what is searched; empty where the set has only tables.
        queries: what is asked.
        tables: name of a further file -> its rows, the header first.
    """

    name: str
    documents: tuple[Document, ...] = ()
    queries: tuple[Query, ...] = ()
    tables: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    @property
    def words_per_query(self) -> float:
        """Mean number of words of a query; 0 without queries."""
        counts = [len(query.text.split()) for query in self.queries]
        return sum(counts) / len(counts) if counts else 0.0


class Collector:
    """Gathers documents and queries, each text once, and numbers them in order."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}
        self._queries: dict[str, tuple[str, list[str]]] = {}

    def document(self, title: str, text: str = "") -> str:
        """Add a document unless one has this title, and return its id; the first answer stays."""
        key = plain(title)
        known = self._documents.get(key)
        if known is None or (text.strip() and not known.text):
            number = known.id if known else f"d{len(self._documents) + 1}"
            self._documents[key] = Document(number, one_line(title), text.strip())
        return self._documents[key].id

    def known(self, title: str) -> str | None:
        """Return the id of the document with this title, if there is one."""
        found = self._documents.get(plain(title))
        return found.id if found else None

    def query(self, text: str, right: str) -> None:
        """Add a right document to a query, which is new unless one has this text."""
        _, ids = self._queries.setdefault(plain(text), (one_line(text), []))
        if right not in ids:
            ids.append(right)

    def finish(self, name: str) -> LabelledSet:
        """Return what was gathered."""
        queries = (
            Query(f"q{number}", text, tuple(right))
            for number, (text, right) in enumerate(self._queries.values(), 1)
        )
        return LabelledSet(name, tuple(self._documents.values()), tuple(queries))


def one_line(text: str) -> str:
    """Return the text with every run of white space as one space."""
    return " ".join(text.split())


def plain(text: str) -> str:
    """Return the form in which two texts count as the same: words only, in one case."""
    return " ".join(WORD.findall(text.casefold())) or one_line(text)


def sequences(text: str) -> frozenset[str]:
    """Return every run of ``SEQUENCE`` words; a shorter text is one run."""
    words = WORD.findall(text.casefold())
    starts = range(max(1, len(words) - SEQUENCE + 1))
    return frozenset(" ".join(words[start : start + SEQUENCE]) for start in starts)


def is_copy(letter: str, others: Iterable[frozenset[str]]) -> bool:
    """Tell whether a letter, perhaps shortened or corrected, is one of the others."""
    runs = sequences(letter)
    return any(len(runs & other) >= SAME_LETTER * min(len(runs), len(other)) for other in others)


def existing(path: Path) -> Path:
    """Return the path.

    Raises:
        SetError: nothing is there.
    """
    if not path.exists():
        raise SetError(f"missing: {path}")
    return path


def read_table(path: Path, delimiter: str = ",") -> list[Row]:
    """Read a table with a header.

    Raises:
        SetError: it is missing.
    """
    with existing(path).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


def read_xml(path: Path) -> ElementTree.Element:
    """Read an XML file.

    Raises:
        SetError: it is missing.
    """
    return ElementTree.fromstring(existing(path).read_bytes())  # noqa: S314 a clone one chose


def inner_text(parent: ElementTree.Element, path: str) -> str:
    """Return the text of a part, with markup inside it left out; "" if there is none."""
    part = parent.find(path)
    return one_line("".join(part.itertext())) if part is not None else ""


def shuffled(texts: Iterable[str], name: str) -> list[str]:
    """Return distinct texts in an order that depends on the name only."""
    order = list(dict.fromkeys(one_line(text) for text in texts))
    random.Random(f"{SEED}/{name}").shuffle(order)  # noqa: S311 a sample, no secret
    return order


# --- sets to learn from ---


def covid(clones: Path) -> Iterator[LabelledSet]:
    """Official COVID-19 questions of spring 2020, asked in other words; English and German.

    An entry that has the other words as its title is right as well.
    """
    data = clones / "deepset-ai+COVID-QA" / "data"
    entries = read_table(data / "faqs" / "faq_covidbert.csv")
    entries += read_table(data / "faqs" / "faq_200327.tsv", "\t")
    for language in ("en", "de"):
        found = Collector()
        for row in entries:
            if row["lang"] == language:
                found.document(row["question"], row["answer"])
        pairs = read_table(data / f"eval_question_similarity_{language}.csv")
        same = [row for row in pairs if row["similar"] == "1"]
        for row in same:
            found.query(row["question_2"], found.document(row["question_1"]))
        for row in same:
            if also := found.known(row["question_2"]):
                found.query(row["question_2"], also)
        yield found.finish(f"learn/covid-{language}")


def meqsum(clones: Path) -> Iterator[LabelledSet]:
    """Long letters to a medical library, each with the short question that it comes to.

    Letters that the sets for judging hold as well are left out, with their questions.
    """
    from openpyxl import load_workbook

    folder = existing(clones / "abachaa+MeQSum")
    path = next(iter(sorted(folder.glob("*.xlsx"))), folder / "*.xlsx")
    book = load_workbook(existing(path), read_only=True, data_only=True)
    rows = list(book.worksheets[0].iter_rows(min_row=2, min_col=2, max_col=3, values_only=True))
    book.close()
    judged = [sequences(letter) for letter in judged_letters(clones)]
    found = Collector()
    for letter, summary in rows:
        if letter and summary and not is_copy(LABEL.sub("", str(letter)), judged):
            found.query(LABEL.sub("", str(letter)), found.document(str(summary)))
    yield found.finish("learn/meqsum")


def judged_letters(clones: Path) -> list[str]:
    """Return the letters behind the sets ``judge/rqe`` and ``judge/liveqa``."""
    letters = [inner_text(pair, "chq") for pair in read_xml(clones / RQE_TEST).iter("pair")]
    for question in read_xml(clones / LIVEQA_QUESTIONS).iter("NLM-QUESTION"):
        letters.append(inner_text(question, "Original-Question"))
    return [letter for letter in letters if letter]


def clinc(clones: Path) -> Iterator[LabelledSet]:
    """Short requests to an assistant, by intent, and requests that fit none.

    No example is both a query and in ``abstain.tsv``.
    """
    path = existing(clones / "clinc+oos-eval" / "data" / "data_full.json")
    data: dict[str, list[tuple[str, str]]] = json.loads(path.read_text("utf-8"))
    train, test = by_label(data["train"]), by_label(data["test"])
    single, several, queries, rest = [], [], [], []
    for intent, texts in train.items():
        wordings = shuffled(texts, f"clinc/train/{intent}")
        single.append(Document(intent, wordings[0]))
        several.append(Document(intent, wordings[0], "", tuple(wordings[1:CLINC_WORDINGS])))
        asked = shuffled(test[intent], f"clinc/test/{intent}")
        queries += numbered(intent, asked[:CLINC_QUERIES])
        rest += asked[CLINC_QUERIES:]
    inside = shuffled(rest, "clinc/in")[:CLINC_IN_SCOPE]
    abstain = [("text", "label"), *((text, "in") for text in inside)]
    abstain += [(one_line(text), "out") for text, _ in data["oos_test"]]
    tables = {"abstain.tsv": tuple(abstain)}
    yield LabelledSet("learn/clinc", tuple(single), tuple(queries), tables)
    yield LabelledSet("learn/clinc-variants", tuple(several), tuple(queries))


def by_label(examples: Iterable[Sequence[str]]) -> dict[str, list[str]]:
    """Group (text, label) by label, in the order of the labels."""
    groups: dict[str, list[str]] = {}
    for text, label in examples:
        groups.setdefault(label, []).append(text)
    return dict(sorted(groups.items()))


def numbered(document: str, texts: Iterable[str]) -> list[Query]:
    """Return queries that one document answers."""
    return [Query(f"{document}-{n}", text, (document,)) for n, text in enumerate(texts, 1)]


def own(clones: Path) -> Iterator[LabelledSet]:
    """This project's corpus with the questions it is calibrated by and those held back."""
    # Imported here because it brings the whole retriever, which the other sets do without.
    from knowledge.evaluation import CALIBRATION_FILE, HELD_BACK_FILE, read_questions

    entries = [located.topic_entry for located in read_corpus(CORPUS)]
    for name, path in (("learn/own", CALIBRATION_FILE), ("judge/own-held-back", HELD_BACK_FILE)):
        yield from own_pair(name, entries, read_questions(path))


def own_pair(
    name: str, entries: Sequence[TopicEntry], questions: Sequence[Question]
) -> Iterator[LabelledSet]:
    """Return the set without and the set with variants."""
    bodies = [entry.entry for entry in entries]
    queries = tuple(
        Query(f"q{number}", one_line(row.text), tuple(sorted(row.right)))
        for number, row in enumerate(questions, 1)
        if row.entry and not row.context
    )
    documents = (Document(body.id, body.question, body.short_answer) for body in bodies)
    yield LabelledSet(name, tuple(documents), queries)
    documents = (
        Document(body.id, body.question, body.short_answer, tuple(body.variants)) for body in bodies
    )
    yield LabelledSet(f"{name}-variants", tuple(documents), queries)


# --- sets for judging only ---


def stanford_covid(clones: Path) -> Iterator[LabelledSet]:
    """What people asked on COVID-19 vaccines in 2021; questions without an answer are left out."""
    folder = clones / "stanford-oval+covid-faq" / "data" / "clean"
    documents = tuple(
        Document(row["ID"].strip(), one_line(row["Question"]), row["Answer"].strip())
        for row in read_table(folder / "faq_db.csv")
    )
    known = {document.id for document in documents}
    queries = []
    for number, row in enumerate(read_table(folder / "validation.csv"), 1):
        right = tuple(part.strip() for part in row["Answer"].split(","))
        right = tuple(part for part in right if part in known)
        if right:
            queries.append(Query(f"q{number}", one_line(row["Question"]), right))
    yield LabelledSet("judge/stanford-covid", documents, tuple(queries))


def stackfaq(clones: Path) -> Iterator[LabelledSet]:
    """Questions on websites, with wordings that a language model made up."""
    path = existing(clones / "YosiMass+faq-retrieval" / "StackFAQ-paraphrases.tsv")
    found = Collector()
    for line in path.read_text("utf-8-sig").split("\n"):
        question, tab, wording = line.partition("\t")
        if tab and question.strip() and wording.strip():
            found.query(wording, found.document(question))
    yield found.finish("judge/stackfaq")


def liveqa(clones: Path) -> Iterator[LabelledSet]:
    """Questions to a medical library, with answers that people judged."""
    with zipfile.ZipFile(existing(clones / LIVEQA_ANSWERS)) as files:
        answers = read_member(files, "All-2479-Answers-retrieved-from-MedQuAD.csv")
        judgements = read_member(files, "Judged-Answers.txt").splitlines()
    documents = {}  # an answer is listed once for every question it was judged for
    for row in csv.DictReader(io.StringIO(answers, newline="")):
        document = judged_answer(row)
        documents[document.id] = document
    right: dict[str, list[str]] = {}
    for judgement in judgements:
        asked, grade, answer = judgement.split()
        if grade.startswith(RELEVANT_JUDGEMENTS):
            right.setdefault(f"TQ{asked}", []).append(answer.removesuffix(".txt"))
    questions = read_xml(clones / LIVEQA_QUESTIONS)
    queries = tuple(
        Query(question.attrib["qid"], inner_text(question, "NLM-Summary"), tuple(ids))
        for question in questions.iter("NLM-QUESTION")
        if (ids := right.get(question.attrib["qid"]))
    )
    yield LabelledSet("judge/liveqa", tuple(documents.values()), queries)


def judged_answer(row: Row) -> Document:
    """Take a judged answer apart.

    Raises:
        ValueError: it does not read "Question: … URL: … Answer: …".
    """
    name = row["AnswerID"].strip().removesuffix(".txt")
    match = JUDGED_ANSWER.match(row["Answer"])
    if match is None:
        raise ValueError(f"answer {name} has no question")
    return Document(name, one_line(match["question"]), match["answer"].strip())


def read_member(files: zipfile.ZipFile, ending: str) -> str:
    """Read the file of an archive whose name ends so; what macOS adds is left out.

    Raises:
        SetError: there is none.
    """
    for name in files.namelist():
        if name.endswith(ending) and not name.startswith("__MACOSX"):
            return files.read(name).decode("utf-8-sig")
    raise SetError(f"missing: {ending} in {files.filename}")


def rqe(clones: Path) -> Iterator[LabelledSet]:
    """Letters to a medical library, with public questions that do or do not answer them."""
    found = Collector()
    pairs = [("text_a", "text_b", "label")]
    for pair in read_xml(clones / RQE_TEST).iter("pair"):
        letter, question = inner_text(pair, "chq"), inner_text(pair, "faq")
        document, same = found.document(question), pair.attrib["value"] == "true"
        pairs.append((letter, question, str(int(same))))
        if same:
            found.query(letter, document)
    gathered = found.finish("judge/rqe")
    tables = {"pairs.tsv": tuple(pairs)}
    yield LabelledSet(gathered.name, gathered.documents, gathered.queries, tables)


def banking77(clones: Path) -> Iterator[LabelledSet]:
    """Requests to a bank, by what is wanted."""
    folder = clones / "PolyAI-LDN+task-specific-datasets" / "banking_data"
    train, test = (
        by_label((row["text"], row["category"]) for row in read_table(folder / f"{part}.csv"))
        for part in ("train", "test")
    )
    documents, queries = [], []
    for category, texts in train.items():
        documents.append(Document(category, shuffled(texts, f"banking/train/{category}")[0]))
        asked = shuffled(test[category], f"banking/test/{category}")
        queries += numbered(category, asked[:BANKING_QUERIES])
    yield LabelledSet("judge/banking77", tuple(documents), tuple(queries))


def mqp(clones: Path) -> Iterator[LabelledSet]:
    """Pairs of medical questions that doctors wrote to be the same or nearly the same."""
    path = existing(clones / "curai+medical-question-pair-dataset" / "mqp.csv")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        pairs = tuple(
            (one_line(first), one_line(second), label.strip())
            for _, first, second, label in csv.reader(lines)
        )
    tables = {"pairs.tsv": (("text_a", "text_b", "label"), *pairs)}
    yield LabelledSet("judge/mqp", tables=tables)


BUILDERS: tuple[Callable[[Path], Iterator[LabelledSet]], ...] = (
    covid,
    meqsum,
    clinc,
    stanford_covid,
    stackfaq,
    liveqa,
    rqe,
    banking77,
    mqp,
    own,
)


# --- output ---


def write(made: LabelledSet, output: Path) -> None:
    """Write one set into its folder, which is made where it is missing."""
    folder = output / made.name
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in made.tables.items():
        write_rows(folder / name, rows)
    if not made.documents:
        return
    write_json_lines(folder / "corpus.jsonl", (as_record(item) for item in made.documents))
    write_json_lines(
        folder / "queries.jsonl", ({"_id": query.id, "text": query.text} for query in made.queries)
    )
    judged = ((query.id, right, "1") for query in made.queries for right in query.right)
    (folder / "qrels").mkdir(exist_ok=True)
    write_rows(folder / "qrels" / "test.tsv", [("query-id", "corpus-id", "score"), *judged])


def as_record(document: Document) -> dict[str, object]:
    """Return a line of corpus.jsonl; ``variants`` only where there are any."""
    record: dict[str, object] = {
        "_id": document.id,
        "title": document.title,
        "text": document.text,
    }
    return record | ({"variants": list(document.variants)} if document.variants else {})


def write_json_lines(path: Path, records: Iterable[Mapping[str, object]]) -> None:
    """Write one JSON object per line."""
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text("".join(lines), "utf-8")


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows whose fields hold neither tabs nor line ends, unquoted."""
    path.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")


def table(made: Sequence[LabelledSet]) -> Iterator[str]:
    """Return the lines of a table of the sets."""
    yield f"{'set':28} {'entries':>7} {'queries':>7} {'words/query':>11}  further rows"
    for item in made:
        counts = f"{len(item.documents):7} {len(item.queries):7} {item.words_per_query:11.1f}"
        further = ", ".join(f"{name} {len(rows) - 1}" for name, rows in item.tables.items())
        yield f"{item.name:28} {counts}  {further}".rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make every set whose clone is there; 1 if any is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clones", type=Path, help="folder with the clones, each in owner+name")
    parser.add_argument("--output", type=Path, required=True, help="folder to write the sets to")
    names = [build.__name__ for build in BUILDERS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="make these only")
    options = parser.parse_args(arguments)
    made: list[LabelledSet] = []
    faults = 0
    for build in BUILDERS:
        if build.__name__ not in options.only:
            continue
        try:
            for item in build(options.clones):
                write(item, options.output)
                made.append(item)
        except SetError as error:
            faults += 1
            print(f"{build.__name__}: {error}; skipped", file=sys.stderr)
        except UNREADABLE as error:
            faults += 1
            print(f"{build.__name__}: cannot be read: {error!r}; skipped", file=sys.stderr)
    print("\n".join(table(made)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
