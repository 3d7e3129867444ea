"""Tests of the corpus, its store and the retriever."""
