"""Tests of the stand-ins of messaging platforms."""
