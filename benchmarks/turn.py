"""What a turn costs: through web, straight to Rasa, and the bare search; ``make bench``.

The three are asked in turn, question by question, so that a noisy machine disturbs all of them
alike. Read the ratios; milliseconds depend on the machine.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import httpx
import numpy as np

from bot.safety.redaction import Redactor
from bot.safety.triage import load_rules, triage
from deploy.supervision import RASA
from knowledge.document import document_of
from knowledge.embedder import Embedder, load_embedder
from knowledge.index import VectorIndex
from knowledge.retriever import texts_of
from knowledge.settings import ROOT, read_settings
from knowledge.store import connect, read_live, transaction
from tests import stack as running

ROUNDS = 120
WARM_UP = 12
AIM = 3.0
QUESTIONS = (
    "can I catch the flu from the flu shot?",
    "what are the symptoms of measles",
    "how do I get rid of head lice",
    "is rsv dangerous for babies",
    "what should I drink when I have diarrhea",
    "do antibiotics work for a cold",
    "signs of a concussion",
    "how does hepatitis b spread",
    "how much sleep do I need",
    "can vaccines cause autism",
)


def bare_search(base: dict[str, str]) -> tuple[Callable[[str], None], Callable[[str], None]]:
    """Return one pass of the model and one search of the index, in this process.

    Twice: with the threads that the product is set to, and with one for every core.
    """
    settings = read_settings(base)
    as_set = load_embedder(settings)
    every_core = load_embedder(replace(settings, encoder_threads=os.cpu_count() or 1))
    engine = connect(settings.database_url)
    with transaction(engine) as session:
        live = read_live(session)
    if live is None:
        raise SystemExit("nothing is published: start the stack once")
    texts = texts_of([document_of(entry.topic_entry) for entry in live.entries])
    index = VectorIndex(as_set.embed(texts))

    def search(embedder: Embedder) -> Callable[[str], None]:
        def one(question: str) -> None:
            index.nearest(embedder.embed([question])[0], 10)

        return one

    return search(as_set), search(every_core)


def rules_and_masking() -> Callable[[str], None]:
    """Return what happens to a message before it goes anywhere, in this process."""
    rules = load_rules(ROOT / "bot" / "safety" / "triage_rules" / "en.yml")
    redactor = Redactor()

    def mask(question: str) -> None:
        triage(question, rules)
        redactor.redact(question)

    return mask


def whole_turn(stack: running.Stack) -> Callable[[str], None]:
    """Return a turn through the web process, a new session every ten turns."""
    people = [stack.conversation() for _ in range((WARM_UP + ROUNDS) // 10 + 1)]
    count = 0

    def turn(question: str) -> None:
        nonlocal count
        patient = people[count // 10]
        count += 1
        reply = patient.say(question)
        if reply["kind"] not in {"answer", "clarify"}:
            raise SystemExit(f"the stack did not answer: {reply['code']}")

    return turn


def rasa_turn(stack: running.Stack) -> Callable[[str], None]:
    """Return a turn straight to Rasa's REST channel, a new conversation every ten turns."""
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{stack.env['CITEWELL_RASA_PORT']}", timeout=15
    )
    count = 0

    def turn(question: str) -> None:
        nonlocal count
        body = {"sender": f"bench-{count // 10}", "message": question}
        count += 1
        if not client.post("/webhooks/rest/webhook", json=body).json():
            raise SystemExit("Rasa said nothing")

    return turn


def measure(ways: dict[str, Callable[[str], None]]) -> dict[str, list[float]]:
    """Time each way on the same questions, in turn; milliseconds."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_UP + ROUNDS):
        question = QUESTIONS[number % len(QUESTIONS)]
        for name, way in ways.items():
            started = time.perf_counter()
            way(question)
            milliseconds = (time.perf_counter() - started) * 1000
            if number >= WARM_UP:
                taken[name].append(milliseconds)
    return taken


def main() -> int:
    """Print the figures side by side."""
    if not (RASA / "python").exists():
        print("Rasa's environment is missing: run `make setup`.", file=sys.stderr)
        return 1
    print("starting the stack …", flush=True)
    stack = running.start()
    try:
        as_set, every_core = bare_search(stack.env)
        taken = measure(
            {
                "rules, masking": rules_and_masking(),
                "bare search": as_set,
                "bare, every core": every_core,
                "Rasa alone": rasa_turn(stack),
                "whole turn": whole_turn(stack),
            }
        )
    finally:
        running.finish(stack)
    base = statistics.median(taken["bare search"])
    print(f"\n{ROUNDS} questions each\n{'':18}{'median ms':>10}{'p95 ms':>10}{'x search':>10}")
    for name, values in taken.items():
        median = statistics.median(values)
        p95 = float(np.percentile(values, 95))
        print(f"{name:18}{median:10.1f}{p95:10.1f}{median / base:10.2f}")
    ratio = statistics.median(taken["whole turn"]) / base
    own = statistics.median(taken["whole turn"]) / statistics.median(taken["bare, every core"])
    print(
        f"a whole turn costs {ratio:.1f} bare searches, {own:.1f} with a thread for every core; "
        f"the aim is {AIM:.0f} at most"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
