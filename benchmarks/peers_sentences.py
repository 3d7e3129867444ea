"""Plain sentence-transformers over the corpus, for ``benchmarks.peers``: a model and a matrix."""

from __future__ import annotations

import sys

from sentence_transformers import SentenceTransformer, util

from benchmarks.peers_exchange import Hit, Report, Task, ask_all, first_of_each, run_system, say


def measure(task: Task) -> Report:
    """Embed the documents and ask the questions with ``util.semantic_search``."""
    model = SentenceTransformer(task.model, device="cpu")
    texts, owners = task.documents()
    say(f"  embedding {len(texts)} texts")
    matrix = model.encode(texts, batch_size=64, normalize_embeddings=True, convert_to_tensor=True)

    def ask(query: str) -> Hit:
        vector = model.encode(query, normalize_embeddings=True, convert_to_tensor=True)
        (found,) = util.semantic_search(vector, matrix, top_k=task.nearest)
        return first_of_each((owners[int(hit["corpus_id"])], float(hit["score"])) for hit in found)

    return ask_all(ask, task.queries, ("sentence-transformers", "transformers", "torch"))


if __name__ == "__main__":
    sys.exit(run_system(measure))
