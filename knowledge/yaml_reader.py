"""Reading YAML fast, without the way in which libyaml ends the whole process.

libyaml reads ten times as fast as PyYAML's own parser. What it builds from brackets that are nested
many thousands deep runs over the stack, which nothing can catch. So it only finds the events here;
PyYAML puts them together, and what is nested too deeply is a ``RecursionError``.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import Composer


class Loader(Composer, yaml.CSafeLoader):
    """Reads plain data, as ``yaml.SafeLoader`` does; the composer stands before libyaml's own."""

    def __init__(self, stream: str | bytes) -> None:
        yaml.CSafeLoader.__init__(self, stream)
        Composer.__init__(self)


def compose(text: str) -> yaml.Node | None:
    """Return the first node of a text, None where it is empty.

    Raises:
        yaml.YAMLError: it is no YAML.
        RecursionError: it is nested too deeply.
    """
    return yaml.compose(text, Loader=Loader)


def read(text: str) -> Any:
    """Return what a text says, as plain data.

    Raises:
        yaml.YAMLError: it is no YAML, or asks for more than plain data.
        RecursionError: it is nested too deeply.
    """
    return yaml.load(text, Loader=Loader)  # noqa: S506 builds plain data only
