"""YAML is read as PyYAML's own parser reads it, only faster, and nothing in it ends the process."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from knowledge import yaml_reader
from knowledge.settings import ROOT

FILES = [
    ROOT / "knowledge" / "corpus" / "flu.yml",
    ROOT / "knowledge" / "exemplars" / "en.yml",
    ROOT / "tests" / "data" / "questions" / "languages.yml",
]
ODD = [
    "",
    "# nothing\n",
    "a: 2026-11-22\nb: 0x1F\nc: 1:30\nd: ~\ne: yes\nf: .inf\n",
    "a: &x [1, 2]\nb: *x\n<<: {c: 3}\n",
    "'quoted \\n': \"a\\u00e9\\n\"\nfolded: >\n  two\n  lines\n\nkept: |+\n  text\n\n",
    "? [a, b]\n: {c: d, e: [f, 'ö 麻疹 😷']}\n",
    "\ufeffa: b\n",
]


def nodes(node: yaml.Node | None) -> object:
    """Return what a node is made of and the line that each part begins in."""
    if node is None:
        return None
    made = node.value
    if isinstance(node, yaml.MappingNode):
        made = [(nodes(key), nodes(value)) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        made = [nodes(item) for item in node.value]
    return node.tag, node.start_mark.line, made


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_files_say_the_same_in_the_same_lines(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert yaml_reader.read(text) == yaml.safe_load(text)
    assert nodes(yaml_reader.compose(text)) == nodes(yaml.compose(text, Loader=yaml.SafeLoader))


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_say_the_same(text: str) -> None:
    expected = nodes(yaml.compose(text, Loader=yaml.SafeLoader))
    assert nodes(yaml_reader.compose(text)) == expected


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\tx", "a: 'b", "a: \x00", "--- a\n--- b\n"])
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        yaml_reader.read(text)


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 200_000, "{a: " * 200_000, "? " * 200_000])
def test_what_is_nested_too_deeply_is_an_error_that_can_be_caught(text: str) -> None:
    with pytest.raises(RecursionError):
        yaml_reader.compose(text)


@pytest.mark.parametrize("text", ["!!python/name:os.system", "!!python/object/apply:os.getcwd []"])
def test_nothing_but_plain_data_is_built(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        yaml_reader.read(text)
