"""Secrets of nobody, for the accounts that the stand-ins play."""

from __future__ import annotations

import hashlib


def made_up(name: str, letters: int) -> str:
    """Return something that looks like a secret and is the same at each start."""
    return hashlib.sha256(f"citewell simulator: {name}".encode()).hexdigest()[:letters]
