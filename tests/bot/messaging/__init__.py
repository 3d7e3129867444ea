"""Tests of messaging: inbox, turn, outbox, and Messenger on both ends."""
