"""Tests of what messaging platforms are sent: pure functions, no network."""
