"""Tests of triage, redaction and what else keeps people and their words safe."""
