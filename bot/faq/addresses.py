"""Addresses of the pages: one per topic and entry, with ``?lang=`` for all but the site's language.

They are made by Flask, so that they are right below any path and behind a proxy.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for

from knowledge.entry import Entry, Topic


@dataclass(frozen=True)
class Addresses:
    """Makes addresses.

    Attributes:
        site_locale: the language that needs no ``?lang=``.
        is_whole: whether they begin with the host, as search engines want them.
    """

    site_locale: str
    is_whole: bool = False

    def index(self, locale: str) -> str:
        """Return the address of the list of topics in a language."""
        return self._to("faq.show_index", locale)

    def topic(self, topic: Topic) -> str:
        """Return the address of a topic."""
        return self._to("faq.show_topic", topic.locale, topic=topic.slug)

    def entry(self, topic: Topic, entry: Entry) -> str:
        """Return the address of an entry."""
        return self._to("faq.show_entry", topic.locale, topic=topic.slug, entry_id=entry.id)

    def data(self, locale: str | None = None) -> str:
        """Return the address of the answers as data: of one language, or of all."""
        return url_for("faq.show_data", lang=locale, _external=self.is_whole)

    def _to(self, endpoint: str, locale: str, **parts: str) -> str:
        lang = None if locale == self.site_locale else locale
        return url_for(endpoint, lang=lang, _external=self.is_whole, **parts)
