"""Our own retriever over the corpus, for ``benchmarks.peers``, as the product loads it."""

from __future__ import annotations

import os
import sys
import tempfile

from benchmarks.peers_exchange import BEST, Hit, Report, Task, ask_all, run_system, say
from knowledge.calibration import load_calibration
from knowledge.search_commands import load
from knowledge.settings import CORPUS_DIR, DATA_DIR, ENCODER_THREADS, read_settings


def measure(task: Task) -> Report:
    """Load the corpus files into a database of its own and ask the questions."""
    with tempfile.TemporaryDirectory(prefix="peers-ours-") as folder:
        kept = {name: os.environ[name] for name in (CORPUS_DIR.name, ENCODER_THREADS.name)}
        settings = read_settings({**kept, DATA_DIR.name: folder})
        say(f"  embedding {len(task.subjects)} entries")
        retriever = load(settings, load_calibration(), settings.corpus_dir).retriever

        def ask(query: str) -> Hit:
            found = retriever.search(query)
            ids = tuple(candidate.entry_id for candidate in found.candidates[:BEST])
            return Hit(ids, found.confidence)

        libraries = ("sentence-transformers", "torch", "faiss-cpu", "scikit-learn", "numpy")
        return ask_all(ask, task.queries, libraries)


if __name__ == "__main__":
    sys.exit(run_system(measure))
