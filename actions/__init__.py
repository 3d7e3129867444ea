"""Rasa's action server: it holds the retriever and answers from the live release."""
