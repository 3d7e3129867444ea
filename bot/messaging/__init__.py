"""From a messaging platform to the pipeline and back: inbox, turn, outbox, send call."""
