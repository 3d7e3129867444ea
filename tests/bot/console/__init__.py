"""Tests of the content team's pages."""
