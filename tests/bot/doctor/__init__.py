"""Examining and setting up a platform."""
