"""Haystack's in-memory retrievers over the corpus, for ``benchmarks.peers``.

Runs in ``.venv-peers``. The components are called one after the other, as a pipeline would, but
without a pipeline's own bookkeeping.
"""

from __future__ import annotations

import sys

from haystack import Document  # type: ignore[import-not-found]
from haystack.components.retrievers.in_memory import (  # type: ignore[import-not-found]
    InMemoryBM25Retriever,
    InMemoryEmbeddingRetriever,
)
from haystack.document_stores.in_memory import (  # type: ignore[import-not-found]
    InMemoryDocumentStore,
)
from haystack.utils import ComponentDevice  # type: ignore[import-not-found]
from haystack_integrations.components.embedders.sentence_transformers import (  # type: ignore[import-not-found]
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)

from benchmarks.peers_exchange import Hit, Report, Task, ask_all, first_of_each, run_system, say

LIBRARIES = ("haystack-ai", "sentence-transformers-haystack", "sentence-transformers", "torch")


def documents(task: Task) -> list[Document]:
    """Return what is indexed; two entries may share a wording, so the number goes into the id."""
    texts, owners = task.documents()
    return [
        Document(id=str(number), content=text, meta={"entry": owner})
        for number, (text, owner) in enumerate(zip(texts, owners, strict=True))
    ]


def best(found: list[Document]) -> Hit:
    """Return the entries of the documents found."""
    return first_of_each((document.meta["entry"], float(document.score)) for document in found)


def measure_bm25(task: Task) -> Report:
    """Ask the word index, with its default algorithm and parameters."""
    store = InMemoryDocumentStore()
    store.write_documents(documents(task))
    retriever = InMemoryBM25Retriever(store, top_k=task.nearest)

    def ask(query: str) -> Hit:
        return best(retriever.run(query=query)["documents"])

    return ask_all(ask, task.queries, ("haystack-ai",))


def measure_embedding(task: Task) -> Report:
    """Ask the vector index, with the model that ours uses."""
    store = InMemoryDocumentStore(return_embedding=False)
    device = ComponentDevice.from_str("cpu")
    options = {
        "model": task.model,
        "device": device,
        "progress_bar": False,
        "normalize_embeddings": True,
    }
    writer = SentenceTransformersDocumentEmbedder(batch_size=64, **options)
    writer.warm_up()
    indexed = documents(task)
    say(f"  embedding {len(indexed)} texts")
    store.write_documents(writer.run(indexed)["documents"])
    reader = SentenceTransformersTextEmbedder(**options)
    reader.warm_up()
    retriever = InMemoryEmbeddingRetriever(store, top_k=task.nearest)

    def ask(query: str) -> Hit:
        vector = reader.run(query)["embedding"]
        return best(retriever.run(query_embedding=vector)["documents"])

    return ask_all(ask, task.queries, LIBRARIES)


def measure(task: Task) -> Report:
    """Measure the retriever that the task names."""
    return measure_bm25(task) if task.kind.startswith("bm25") else measure_embedding(task)


if __name__ == "__main__":
    sys.exit(run_system(measure))
