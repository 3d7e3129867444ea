"""Tests of what measures the whole."""
