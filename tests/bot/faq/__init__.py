"""Tests of the answer pages."""
