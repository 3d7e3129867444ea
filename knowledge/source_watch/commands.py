"""Looks from beginning to end, for the worker and for the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

import httpx
from sqlalchemy.engine import Engine

from knowledge.schema import now
from knowledge.settings import KnowledgeSettings
from knowledge.source_watch.fetching import Manners
from knowledge.source_watch.looks import EVERYTHING, Wish, begin, end, waiting
from knowledge.source_watch.tasks import due_tasks
from knowledge.source_watch.watching import Summary, cited_pages, drop_old_checks, watch
from knowledge.store import connect, migrate, transaction

Tell = Callable[[str], None]
"""Takes one line of progress for each page."""


def watch_all(engine: Engine, contact: str, tell: Tell, url: str | None = None) -> Summary | None:
    """Look at all cited pages, or at one; then open a task for every review that is overdue.

    Args:
        engine: the store.
        contact: address for those who run the sites, "" for none.
        tell: takes one line of progress for each page.
        url: only this page; None means all.

    Returns:
        What was found, or None where no site at all can be reached from here: then nothing is
        kept of the pages, for a network that is away says nothing of them.

    Raises:
        StoreError: no live entry cites the address.
    """
    with httpx.Client() as client:
        manners = Manners(contact)
        if url is None:
            return look(engine, client, manners, EVERYTHING, tell)
        return watch(engine, client, manners, tell=tell, urls=[url])


def look_as_asked(engine: Engine, contact: str, tell: Tell) -> int:
    """Look at the pages that somebody asked for in the console; return how many looks that were.

    Args:
        engine: the store.
        contact: address for those who run the sites, "" for none.
        tell: takes one line of progress for each page.
    """
    with transaction(engine) as session:
        wishes = waiting(session)
    if wishes:
        with httpx.Client() as client:
            manners = Manners(contact)
            for wish in wishes:
                look(engine, client, manners, wish, tell)
    return len(wishes)


def look(
    engine: Engine, client: httpx.Client, manners: Manners, wish: Wish, tell: Tell
) -> Summary | None:
    """Look at the pages of a wish and note what became of it.

    After all pages, tasks are opened for reviews that are overdue, and old checks are deleted.

    Args:
        engine: the store.
        client: asks the sites.
        manners: of this run.
        wish: at which pages.
        tell: takes one line of progress for each page.

    Returns:
        What was found, or None where no site at all can be reached from here.
    """
    with transaction(engine) as session:
        pages = cited_pages(session)
        chosen = [
            url
            for url, citations in pages.items()
            if wish == EVERYTHING or any((one.entry_id, one.locale) == wish for one in citations)
        ]
        begin(session, wish, len(chosen))
    found = None
    if _is_online(pages, client, manners):
        urls = None if wish == EVERYTHING else chosen
        found = watch(engine, client, manners, tell=tell, urls=urls)
    with transaction(engine) as session:
        if wish == EVERYTHING:
            overdue = due_tasks(session, now().date())
            drop_old_checks(session, now())
            found = found and replace(found, tasks=found.tasks + overdue)
        end(session, wish, found)
    return found


def _is_online(pages: Iterable[str], client: httpx.Client, manners: Manners) -> bool:
    """Tell whether any cited site answers, whatever it says; so it is where there is none."""
    sites = {page.copy_with(path="/", query=None) for page in map(httpx.URL, pages)}
    return not sites or any(_answers(client, site, manners) for site in sorted(sites, key=str))


def _answers(client: httpx.Client, site: httpx.URL, manners: Manners) -> bool:
    if not manners.may_visit(site):
        return False
    try:
        client.head(site, timeout=10.0, headers=manners.headers())
    except httpx.HTTPError:
        return False
    return True


def run_watch(args: argparse.Namespace, settings: KnowledgeSettings) -> int:
    """Look at the pages that live entries cite; open review tasks for what changed."""
    from knowledge.search_commands import tell

    engine = connect(settings.database_url)
    migrate(engine)
    try:
        summary = watch_all(engine, settings.contact, tell, args.url)
    finally:
        engine.dispose()
    if summary is None:
        tell("no cited site can be reached from here: nothing was looked at")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in summary.lines())
    return 1 if summary.unkept else 0
