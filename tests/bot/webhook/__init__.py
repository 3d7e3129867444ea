"""Tests of the generic webhook: its signature, what it takes, and how replies are posted."""
