"""The documentation says what is true: settings, routes, commands, targets, links and examples."""

from __future__ import annotations

import argparse
import json
import logging
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from itertools import takewhile
from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import pytest
import yaml
from flask import Flask

from bot.__main__ import parser as bot_parser
from bot.app import create_app
from bot.settings import BOT_SETTINGS, read_bot_settings
from bot.turn import Kind, Reply
from knowledge.__main__ import parser
from knowledge.settings import KNOWLEDGE_SETTINGS, ROOT

DOCS = ROOT / "docs"
FOLDERS = (".", ".ci", "actions", "bot", "deploy", "docs", "knowledge", "tests")
PAGES = sorted(
    {
        page
        for folder in FOLDERS
        for page in (ROOT.glob("*.md") if folder == "." else (ROOT / folder).rglob("*.md"))
    }
)
ROW = re.compile(r"^\| `(?P<name>[^`]+)`[^|]*\|(?P<rest>.*)\|$", re.MULTILINE)
FENCED = re.compile(r"^```\w*\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)")
MAKE = re.compile(r"^(?:\$ )?make ([a-z-]+)", re.MULTILINE)
BOT = re.compile(r"\.venv/bin/python -m bot (?P<arguments>[^\n`|>]*)")
KNOWLEDGE = re.compile(r"\.venv/bin/python -m knowledge\b(?P<arguments>[^\n`]*)")


def text(page: Path) -> str:
    """Return a page as text."""
    return page.read_text(encoding="utf-8")


def section(page: Path, heading: str) -> str:
    """Return what stands under a heading, up to the next one of any level."""
    lines = text(page).splitlines()
    start = lines.index(heading) + 1
    return "\n".join(takewhile(lambda line: not line.startswith("#"), lines[start:]))


def code(page: Path) -> Iterator[str]:
    """Yield the code of a page: its blocks, then the spans outside of them."""
    content = text(page)
    yield from FENCED.findall(content)
    yield from SPAN.findall(FENCED.sub("", content))


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command of ``python -m knowledge``."""
    return commands_of(parser())


def commands_of(root: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command that a parser knows."""
    (found,) = (
        action.choices for action in root._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found)


def options_of(command: argparse.ArgumentParser) -> set[str]:
    """Return the options of a command, without that for help."""
    found = {option for action in command._actions for option in action.option_strings}
    return found - {"-h", "--help"}


BOT_COMMANDS = [
    (name, platform)
    for name, command in commands_of(bot_parser()).items()
    for platform in commands_of(command)
]


def name(page: Path) -> str:
    """Return the path of a page as test ids show it."""
    return page.relative_to(ROOT).as_posix()


def anchors(file: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    if file.suffix != ".md":
        return set()
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text(file)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


every_page = pytest.mark.parametrize("page", PAGES, ids=name)


def test_every_setting_is_documented_with_default_and_meaning_and_no_other() -> None:
    rows = {match["name"]: match["rest"] for match in ROW.finditer(text(DOCS / "settings.md"))}
    assert rows == {
        setting.name: f" {f'`{setting.default}`' if setting.default else 'empty'} | {setting.help} "
        for setting in (*KNOWLEDGE_SETTINGS, *BOT_SETTINGS)
    }


@every_page
def test_no_page_names_a_setting_that_does_not_exist(page: Path) -> None:
    known = {setting.name for setting in (*KNOWLEDGE_SETTINGS, *BOT_SETTINGS)}
    known |= {f"{setting.name}_FILE" for setting in (*KNOWLEDGE_SETTINGS, *BOT_SETTINGS)}
    assert set(re.findall(r"\bCITEWELL_[A-Z_]*[A-Z]", text(page))) <= known


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The app; the logging of this process is put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield create_app(
        read_bot_settings(
            {"CITEWELL_DATA_DIR": str(tmp_path), "CITEWELL_SECRET_KEY": "for this test only " * 2}
        )
    )
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_every_route_is_documented_and_no_other(app: Flask) -> None:
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    pages = (
        section(DOCS / "api.md", "## Routes"),
        section(DOCS / "console.md", "## Pages"),
        section(DOCS / "content-api.md", "## Routes"),
    )
    documented = {match["name"] for part in pages for match in ROW.finditer(part)}
    assert documented == routes


def test_every_field_of_a_reply_is_documented_and_no_other() -> None:
    reply = section(DOCS / "api.md", "## The reply")
    # The second table of the section, of the values of `kind`, begins at its own head.
    table = reply.split("| `kind` | Means |")[0]
    documented = [match["name"] for match in ROW.finditer(table)]
    assert documented == [field.name for field in fields(Reply)]


def test_every_kind_of_reply_is_documented_and_no_other() -> None:
    table = section(DOCS / "api.md", "## The reply").split("| `kind` | Means |")[1]
    documented = {match["name"] for match in ROW.finditer(table)}
    assert documented == set(get_args(Kind))


def test_every_attribute_of_the_script_tag_is_documented_and_no_other() -> None:
    script = text(ROOT / "bot" / "channels" / "widget" / "static" / "widget.js")
    head = script.split("*/")[0]
    page = section(DOCS / "api.md", "## The shortest way: one script tag")
    documented = {match["name"] for match in ROW.finditer(page)}
    assert documented == set(re.findall(r"\bdata-[a-z-]+", head))


def test_every_target_with_a_help_line_is_in_the_operations_guide() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", text(ROOT / "Makefile"), re.MULTILINE)
    table = section(DOCS / "operations.md", "## Make targets")
    documented = [match["name"] for match in ROW.finditer(table)]
    assert documented == [f"make {target}" for target in targets]


@every_page
def test_no_page_names_a_target_that_does_not_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = {target for part in code(page) for target in MAKE.findall(part)}
    assert named <= targets


def test_every_command_is_in_the_content_guide() -> None:
    guide = "\n".join(code(DOCS / "content-guide.md"))
    named = {arguments.split()[0] for arguments in KNOWLEDGE.findall(guide) if arguments.split()}
    assert named == set(commands())


def test_every_option_of_a_command_is_in_the_content_guide() -> None:
    guide = "\n".join(code(DOCS / "content-guide.md"))
    options = {option for command in commands().values() for option in options_of(command)}
    assert {option for option in options if option not in guide} == set()


@every_page
def test_commands_in_the_pages_can_be_run_as_they_stand(page: Path) -> None:
    for part in code(page):
        for arguments in KNOWLEDGE.findall(part):
            words = ["3" if word == "RELEASE" else word for word in shlex.split(arguments)]
            # argparse ends the process where it does not know a command or an option.
            parser().parse_args(words)
        for arguments in BOT.findall(part):
            bot_parser().parse_args(shlex.split(arguments, comments=True))


@pytest.mark.parametrize(("name", "platform"), BOT_COMMANDS)
def test_every_command_about_a_platform_is_in_a_page_with_its_options(
    name: str, platform: str
) -> None:
    pages = ["\n".join(code(page)) for page in PAGES]
    told = "\n".join(page for page in pages if f"python -m bot {name} {platform}" in page)
    options = options_of(commands_of(commands_of(bot_parser())[name])[platform])
    assert told, "no page shows the command"
    assert {option for option in options if option not in told} == set()


@every_page
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCED.sub("", text(page))):
        target = unquote(match["target"])
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_the_readme_begins_with_a_sentence_and_a_picture() -> None:
    title, sentence, picture = text(ROOT / "README.md").split("\n\n")[:3]
    assert title == "# Citewell"
    assert re.fullmatch(r"[^.\n]+\.", sentence)
    assert "(docs/images/widget.png)" in picture


def test_the_exchange_in_the_readme_is_what_the_corpus_says() -> None:
    reply = json.loads(next(part for part in code(ROOT / "README.md") if part.startswith("{\n")))
    assert set(reply) <= {field.name for field in fields(Reply)}
    corpus = yaml.safe_load(text(ROOT / "knowledge" / "corpus" / f"{reply['entry']['topic']}.yml"))
    (entry,) = (e for e in corpus["entries"] if e["id"] == reply["entry"]["entry_id"])
    assert reply["text"] == entry["short_answer"].strip()
    assert reply["seek_care"] == entry["seek_care"].strip()
    assert reply["entry"]["question"] == entry["question"]
    assert reply["myth"] == entry["myth"]
    wording = yaml.safe_load(text(ROOT / "bot" / "replies" / "en.yml"))
    assert reply["review"]["status"] == entry["status"]
    assert reply["review"]["text"] == wording["review"][entry["status"]]
    assert reply["disclaimer"] == wording["disclaimer"]
    published = [(s["publisher"], s["title"], s["url"]) for s in entry["sources"]]
    for source in reply["sources"]:
        assert (source["publisher"], source["title"], source["url"]) in published


def test_the_share_of_exemplars_caught_is_the_calibrations() -> None:
    fitted = json.loads(text(ROOT / "knowledge" / "calibration.json"))["fitted_on"]
    caught = f"{fitted['exemplars_caught_left_out']:.0%}".replace("%", " %")
    net = section(DOCS / "safety.md", "### Net 3: nearness to described emergencies")
    assert caught in net


def test_no_entry_claims_a_review_that_the_safety_page_denies() -> None:
    reviewed = [
        entry["id"]
        for file in sorted((ROOT / "knowledge" / "corpus").glob("*.yml"))
        for entry in yaml.safe_load(text(file))["entries"]
        if entry["last_reviewed"] is not None or entry["reviewed_by"]
    ]
    assert "**No clinician has reviewed an answer.**" in text(DOCS / "safety.md")
    assert reviewed == []


def test_the_version_is_the_newest_in_the_changelog() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    newest = re.search(r"^## \[([^\]]+)\]", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"]


def test_the_license_is_the_whole_apache_license() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    license_text = text(ROOT / "LICENSE")
    assert project["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in license_text
    assert "APPENDIX: How to apply the Apache License to your work." in license_text
