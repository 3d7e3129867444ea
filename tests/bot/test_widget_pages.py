"""The pages of the widget: nothing inline, nothing from elsewhere, framed only where allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from bot.channels.widget import views
from bot.settings import BotSettings

TEMPLATES = sorted((views.HERE / "templates").glob("*.html"))
STATIC = sorted(path for path in (views.HERE / "static").rglob("*") if path.is_file())
PAGES = ("/", "/widget/chat")
LINKS_OUT = {"www.cdc.gov", "www.who.int"}


def policy(client: FlaskClient, path: str) -> dict[str, list[str]]:
    """Return the content security policy of an address, by directive."""
    (header,) = client.get(path).headers.getlist("Content-Security-Policy")
    return {name: values for name, *values in (part.split() for part in header.split(";"))}


class Elements(HTMLParser):
    """Collects the elements of a page, with what stands in script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the element."""
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        """Keep what would run or style."""
        if self._inside in {"script", "style"}:
            self.inline += data.strip()


def attributes(elements: Elements) -> Iterator[tuple[str, str, str]]:
    for tag, attrs in elements.elements:
        for name, value in attrs.items():
            yield tag, name, value or ""


@pytest.mark.parametrize("path", PAGES)
def test_a_page_allows_nothing_inline_and_nothing_from_elsewhere(
    client: FlaskClient, path: str
) -> None:
    directives = policy(client, path)
    assert directives["default-src"] == ["'none'"]
    for name, values in directives.items():
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:", "https:"} & set(values), name
    assert directives["script-src"] == ["'self'"]
    assert directives["style-src"] == ["'self'"]
    assert directives["base-uri"] == ["'none'"]
    assert directives["form-action"] == ["'none'"]


@pytest.mark.parametrize("path", PAGES)
def test_without_settings_only_this_site_may_frame(client: FlaskClient, path: str) -> None:
    assert policy(client, path)["frame-ancestors"] == ["'self'"]


def test_the_sites_of_the_settings_may_frame_the_chat_alone(
    start_app: Callable[..., Flask], settings: BotSettings
) -> None:
    sites = ("https://a.example", "'self'", "https://b.example:8443")
    client = start_app(replace(settings, frame_ancestors=sites)).test_client()
    assert policy(client, "/widget/chat")["frame-ancestors"] == [
        "'self'",
        "https://a.example",
        "https://b.example:8443",
    ]
    assert policy(client, "/")["frame-ancestors"] == ["'self'"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_anything_inline(template: Path) -> None:
    elements = Elements(template.read_text(encoding="utf-8"))
    assert elements.inline == ""
    assert elements.elements
    for tag, name, value in attributes(elements):
        assert not name.startswith("on"), f"{tag} {name}"
        assert name != "style", tag
        assert not value.strip().lower().startswith(("javascript:", "data:")), f"{tag} {name}"
    for tag, attrs in elements.elements:
        assert tag not in {"style", "base", "object", "embed"}
        assert tag != "script" or attrs.get("src")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_marks_text_as_safe(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_only_what_is_there(client: FlaskClient, path: str) -> None:
    elements = Elements(client.get(path).text)
    loaded = [
        value
        for tag, name, value in attributes(elements)
        if name == "src" or (tag == "link" and name == "href")
    ]
    assert len(loaded) >= 3
    for address in loaded:
        parts = urlsplit(address)
        assert (parts.scheme, parts.netloc) == ("", ""), address
        assert client.get("/" + address.lstrip("/"), buffered=True).status_code == 200, address


@pytest.mark.parametrize("path", PAGES)
def test_links_out_go_to_cdc_and_who(client: FlaskClient, path: str) -> None:
    links = [v for tag, name, v in attributes(Elements(client.get(path).text)) if name == "href"]
    outside = {urlsplit(link).hostname for link in links if urlsplit(link).netloc}
    assert outside == LINKS_OUT


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_its_language_and_direction(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.content_type == "text/html; charset=utf-8"
    assert Elements(response.text).elements[0] == ("html", {"lang": "en", "dir": "ltr"})


def test_the_front_page_counts_what_is_live(client: FlaskClient) -> None:
    assert client.get("/").text.count("<dd>2</dd>") == 2


def test_the_front_page_shows_the_line_to_copy(client: FlaskClient) -> None:
    text = client.get("/", base_url="https://chat.example.org").text
    assert "&lt;script src=&#34;https://chat.example.org/widget.js&#34;" in text.replace(
        '"', "&#34;"
    )


def test_an_address_cannot_write_into_the_front_page(client: FlaskClient) -> None:
    text = client.get("/", headers={"Host": 'x"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text


def test_the_loader_may_be_loaded_by_any_site(client: FlaskClient) -> None:
    response = client.get("/widget.js", buffered=True)
    assert response.status_code == 200
    assert response.mimetype == "text/javascript"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.cache_control.max_age == 300
    assert response.data == (views.HERE / "static" / "widget.js").read_bytes()


@pytest.mark.parametrize("path", [*PAGES, "/widget.js", "/healthz", "/nothing", "/api/v1/topics"])
def test_every_response_carries_the_protecting_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path, buffered=True).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "frame-ancestors" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers
    if path != "/widget.js":
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/api/v1/topics", "/healthz", "/nothing"])
def test_the_api_is_never_cached_and_never_framed(client: FlaskClient, path: str) -> None:
    headers = client.get(path, buffered=True).headers
    assert headers["Cache-Control"] == "no-store"
    assert policy(client, path) == {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}


@pytest.mark.parametrize("file", STATIC, ids=lambda path: path.name)
def test_every_static_file_is_served_with_its_type(client: FlaskClient, file: Path) -> None:
    name = file.relative_to(views.HERE / "static").as_posix()
    response = client.get(f"/widget/static/{name}", buffered=True)
    assert response.status_code == 200
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    assert response.mimetype == kinds[file.suffix]


@pytest.mark.parametrize("file", [f for f in STATIC if f.suffix == ".js"], ids=lambda f: f.name)
def test_no_script_turns_text_into_markup_or_code(file: Path) -> None:
    script = file.read_text(encoding="utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in script
    assert "new Function" not in script


def test_the_chat_gets_its_words(client: FlaskClient) -> None:
    words = client.get("/widget/strings.json").get_json()
    file = views.HERE / "strings" / "en.yml"
    assert words == yaml.safe_load(file.read_text(encoding="utf-8"))
    assert all(isinstance(value, str) and value for value in words.values())


def test_a_language_without_words_of_its_own_gets_english() -> None:
    assert views.ui_strings("xx") == views.ui_strings("en")
