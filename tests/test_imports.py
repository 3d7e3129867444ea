"""The import direction of docs/design.md, read from the source: who may import whom.

Layers that only documentation keeps apart grow together. A new import that is right after all gets
a row here first.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"actions", "benchmarks", "bot", "deploy", "knowledge", "tests"}
MODEL = {"torch", "faiss", "onnxruntime", "sentence_transformers"}
STORE = ("knowledge.settings", "knowledge.store", "knowledge.schema")
TEAM = tuple(
    f"knowledge.{name}"
    for name in (
        "audit",
        "banners",
        "catalog",
        "desk",
        "exporting",
        "importing",
        "listening",
        "passport",
        "people",
        "schedule",
        "source_watch",
        "spreadsheet",
        "workflow",
    )
)
"""What the content team does, over the store alone."""
MODEL_MODULES = {"knowledge.embedder", "knowledge.index", "knowledge.onnx_model"}
BENCHMARKED_MODEL = "benchmarks.peers_sentences"  # sentence-transformers by itself, to compare with
STORE_READERS = {"bot.app", "bot.worker", "bot.event_log", "bot.settings", "bot.topics"}
STORE_READERS |= {
    "bot.channel_settings",
    "bot.channels.desk.client",
    "bot.channels.desk.views",
    "bot.channels.messenger.profile_command",
    "bot.channels.messenger.views",
    "bot.channels.posting",
    "bot.channels.signed",
    "bot.channels.telegram.setup_command",
    "bot.channels.telegram.views",
    "bot.channels.webhook.client",
    "bot.channels.webhook.replies",
    "bot.channels.webhook.views",
    "bot.channels.whatsapp.views",
    "bot.doctor.common",
    "bot.doctor.meta",
    "bot.doctor.store",
    "bot.doctor.webhook",
    "bot.gateway",
}
STORE_READERS |= {
    f"bot.messaging.{name}"
    for name in (
        "__main__",
        "answering",
        "channels",
        "countries",
        "handover",
        "handovers",
        "inbox",
        "outbox",
        "overview",
        "sending",
    )
}


@dataclass(frozen=True)
class Import:
    """One module that another imports, anywhere in its source.

    Attributes:
        importer: dotted name of the module that imports.
        name: dotted name of what it imports, down to the name (``knowledge.store.connect``).
        place: file and line.
    """

    importer: str
    name: str
    place: str

    @property
    def top(self) -> str:
        """First part of the imported name."""
        return self.name.split(".")[0]

    def is_from(self, *modules: str) -> bool:
        """Tell whether it comes from one of these modules or packages."""
        return any(f"{self.name}.".startswith(f"{module}.") for module in modules)


def module_name(file: Path) -> str:
    """Return the dotted name of a source file."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_imports(source: str, file: Path) -> Iterator[Import]:
    """Yield every import of a source: at the top, inside functions, and for type checking only."""
    importer = module_name(file)
    package = importer if file.name == "__init__.py" else importer.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        place = f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, place)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                yield Import(importer, f"{base}.{alias.name}", place)


@cache
def imports_in(folder: str) -> list[Import]:
    """Return the imports of all files of a folder."""
    files = sorted((ROOT / folder).rglob("*.py"))
    return [
        found for file in files for found in read_imports(file.read_text(encoding="utf-8"), file)
    ]


def refused(folder: str, allowed: Callable[[Import], bool]) -> list[str]:
    """Return what a folder imports of ours that is not allowed."""
    found = imports_in(folder)
    assert found, f"{folder} has no source: has it moved?"
    return [
        f"{item.place}: {item.importer} imports {item.name}"
        for item in found
        if item.top in OURS and not allowed(item)
    ]


def channel_of(name: str) -> str | None:
    """Return the channel that a module belongs to, or None."""
    parts = name.split(".")
    is_channel = parts[:2] == ["bot", "channels"] and len(parts) > 2
    return parts[2] if is_channel and (ROOT / "bot" / "channels" / parts[2]).is_dir() else None


def test_the_reader_of_imports_finds_them_all() -> None:
    source = (
        "import bot.app\n"
        "from knowledge import store as kept\n"
        "def late():\n    import torch.nn\n"
        "if True:\n    from .near import thing\n    from .. import further\n"
    )
    file = ROOT / "bot" / "channels" / "api" / "views.py"
    names = {found.name for found in read_imports(source, file)}
    assert names == {
        "bot.app",
        "knowledge.store",
        "torch.nn",
        "bot.channels.api.near.thing",
        "bot.channels.further",
    }


def test_safety_imports_nothing_of_ours_and_does_no_io() -> None:
    assert refused("bot/safety", lambda item: item.is_from("bot.safety")) == []
    forbidden = {"flask", "httpx", "sqlalchemy", "requests", "sqlite3", "socket", "urllib"}
    assert [item.place for item in imports_in("bot/safety") if item.top in forbidden] == []


def test_rendering_imports_turns_and_wording_only_and_does_no_io() -> None:
    def allowed(item: Import) -> bool:
        return item.is_from("bot.rendering", "bot.turn") or (
            item.name.rpartition(".")[0] == "bot.replies" and "compose" not in item.name
        )

    assert refused("bot/rendering", allowed) == []
    forbidden = {"flask", "httpx", "sqlalchemy", "requests", "sqlite3", "socket", "urllib"}
    assert [item.place for item in imports_in("bot/rendering") if item.top in forbidden] == []


def test_the_simulator_stands_apart_from_the_gateway() -> None:
    def allowed(item: Import) -> bool:
        return item.is_from("bot.simulator", "bot.rendering.limits")

    assert refused("bot/simulator", allowed) == []
    forbidden = {"flask", "sqlalchemy"}
    assert [item.place for item in imports_in("bot/simulator") if item.top in forbidden] == []
    users = {item.importer for item in imports_in("bot") if item.is_from("bot.simulator")}
    assert {user for user in users if not user.startswith("bot.simulator")} == {"bot.__main__"}


def test_knowledge_imports_only_itself() -> None:
    assert refused("knowledge", lambda item: item.top == "knowledge") == []
    others = {"flask", "rasa", "rasa_sdk"}
    assert [item.place for item in imports_in("knowledge") if item.top in others] == []


def test_actions_import_knowledge_and_the_pure_safety_functions() -> None:
    def allowed(item: Import) -> bool:
        return item.is_from("actions", "knowledge", "bot.safety")

    assert refused("actions", allowed) == []
    assert [item.place for item in imports_in("actions") if item.top in {"flask", "rasa"}] == []


def test_the_gateway_imports_the_store_in_few_places_and_nothing_else_of_knowledge() -> None:
    def allowed(item: Import) -> bool:
        if item.importer.startswith(("bot.console", "bot.content_api")):
            parts = ("knowledge.entry", "knowledge.exchange", "knowledge.checks", *TEAM, *STORE)
            return item.is_from("bot", *parts)
        if item.importer.startswith("bot.faq"):
            return item.is_from("bot", "knowledge.entry", "knowledge.schema", "knowledge.store")
        if item.importer == "bot.worker":
            return item.is_from("bot", "knowledge.schedule", "knowledge.source_watch", *STORE)
        if item.importer == "bot.gateway":
            return item.is_from("bot", "knowledge.language", *STORE)
        if item.importer == "bot.banners":
            return item.is_from("bot", "knowledge.banners", *STORE)
        if item.importer in STORE_READERS:
            return item.is_from("bot", *STORE)
        return item.is_from("bot")

    assert refused("bot", allowed) == []


@pytest.mark.parametrize(
    "package", [*sorted(MODEL), "rasa", "rasa_sdk", "sklearn", "tokenizers", "transformers"]
)
def test_the_gateway_imports_no_model_and_no_rasa(package: str) -> None:
    assert [item.place for item in imports_in("bot") if item.top == package] == []


def test_one_channel_never_imports_another() -> None:
    def crosses(item: Import) -> bool:
        own, other = channel_of(item.importer), channel_of(item.name)
        shared = own == "widget" and item.is_from("bot.channels.api.schema")
        return own is not None and other is not None and own != other and not shared

    found = imports_in("bot/channels")
    assert {channel_of(item.importer) for item in found} >= {"api", "widget"}
    assert [item.place for item in found if crosses(item)] == []


def test_the_model_is_imported_in_few_modules_only() -> None:
    found = [item for folder in sorted(OURS - {"tests"}) for item in imports_in(folder)]
    importers = {item.importer for item in found if item.top in MODEL}
    assert importers == MODEL_MODULES | {BENCHMARKED_MODEL}


def test_the_gateway_starts_without_model_and_rasa() -> None:
    heavy = [*sorted(MODEL), "rasa", "rasa_sdk", "sklearn", "scipy", "tokenizers"]
    code = f"import sys, bot.app; print([m for m in {heavy!r} if m in sys.modules])"
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.stdout, finished.stderr) == ("[]\n", "")
