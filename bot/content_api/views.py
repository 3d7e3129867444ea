"""Routes of the content API. It makes drafts only: it approves nothing and makes nothing live."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flask import Blueprint, Response, jsonify, make_response, request
from pydantic import BaseModel
from sqlalchemy.engine import Engine

from bot.content_api import openapi
from bot.content_api.files import MOST_FLAWS, flaw_items, refused
from bot.content_api.keys import Call, Routes, Sent
from bot.content_api.schema import (
    AnswerItem,
    AnswerQuery,
    AnswerResponse,
    AnswersQuery,
    AnswersResponse,
    ChangeItem,
    CheckResponse,
    DraftItem,
    GroupItem,
    ImportQuery,
    ImportResponse,
    NoQuery,
    QuestionsQuery,
    QuestionsResponse,
    RevisionItem,
    read_query,
)
from bot.errors import Problem
from bot.rate_limit import RateLimits
from knowledge import listening
from knowledge.catalog import AnswerLine, answer_lines, history
from knowledge.entry import TopicEntry
from knowledge.exporting import FORMATS, live_file
from knowledge.importing import (
    Incoming,
    Outcome,
    Plan,
    UnreadableFile,
    dry_run,
    import_drafts,
)
from knowledge.listening import Group, Wanted
from knowledge.people import Role
from knowledge.schema import Revision
from knowledge.store import live_release_id

PREFIX = "/api/v1/content"


def create_blueprint(  # noqa: C901 one small function per route
    engine: Engine, limit: str, limits: RateLimits
) -> tuple[Blueprint, Routes]:
    """Return the routes, and the table of who may use what.

    Args:
        engine: of the store.
        limit: requests per key, in the words of the ``limits`` library.
        limits: makes limits.
    """
    blueprint = Blueprint("content_api", __name__, url_prefix=PREFIX)
    routes = Routes(blueprint, engine, limit, limits)

    @routes.get("/answers.<ending>")
    def export_answers(call: Call, ending: str) -> Response:
        """Give all live answers as a file."""
        read_query(request, NoQuery)
        release_id = live_release_id(call.session)
        if ending not in FORMATS or release_id is None:
            raise Problem(404, "There is no such file, or nothing is live yet.")
        tag = f"{release_id}-{ending}"
        if request.if_none_match.contains_weak(tag):
            return _tagged(make_response("", 304), tag)
        live = live_file(call.session, ending)
        content = live.content if live else b""
        response = Response(content, content_type=FORMATS[ending].media_type)
        response.headers["Content-Disposition"] = f'attachment; filename="answers.{ending}"'
        return _tagged(response, tag)

    @routes.get("/answers")
    def list_answers(call: Call) -> Response:
        """List answers, those whose words changed longest ago first."""
        asked = read_query(request, AnswersQuery)
        found = answer_lines(
            call.session,
            topic=asked.topic,
            state=asked.state,
            locale=asked.locale,
            changed_since=asked.changed_since,
            after=int(asked.cursor or 0),
            limit=asked.limit + 1,
        )
        shown = found[: asked.limit]
        return _json(
            AnswersResponse(
                release=live_release_id(call.session),
                answers=tuple(_answer_item(line) for line in shown),
                next_cursor=str(shown[-1].revision_id) if len(found) > len(shown) else None,
            )
        )

    @routes.get("/answers/<entry_id>")
    def show_answer(call: Call, entry_id: str) -> Response:
        """Give an answer with its revisions."""
        asked = read_query(request, AnswerQuery)
        # No entry has such an id, and PostgreSQL would not even look for it.
        found = history(call.session, entry_id, asked.locale) if "\0" not in entry_id else None
        if found is None:
            raise Problem(404, "There is no such answer in this language.")
        bodies = {one.number: one.body for one in found.revisions}
        live = bodies.get(found.live_revision) if found.live_revision else None
        return _json(
            AnswerResponse(
                entry_id=entry_id,
                locale=asked.locale,
                newest=TopicEntry.model_validate(found.revisions[0].body),
                live=TopicEntry.model_validate(live) if live else None,
                revisions=tuple(
                    _revision_item(one, found.live_revision) for one in found.revisions
                ),
            )
        )

    @routes.post("/check", Role.AUTHOR)
    def check_file(call: Call, sent: Sent) -> Response:
        """Tell what a file would change; nothing is written."""
        read_query(request, NoQuery)
        if isinstance(sent, UnreadableFile):
            return _json(_unreadable(sent))
        return _json(_checked(sent, dry_run(call.session, sent.pairs, _today())))

    @routes.post("/import", Role.AUTHOR)
    def import_file(call: Call, sent: Sent) -> Response:
        """Make drafts of a file, all or none; nothing becomes live."""
        asked = read_query(request, ImportQuery)
        if isinstance(sent, UnreadableFile):
            raise refused(sent)
        made = import_drafts(call.session, call.member, sent.pairs, asked.checked)
        saved = [call.session.get_one(Revision, one) for one in made.revision_ids]
        answer = ImportResponse(
            new=made.new,
            changed=made.changed,
            unchanged=made.unchanged,
            drafts=tuple(
                DraftItem(entry_id=one.entry_id, locale=one.locale, revision=one.number)
                for one in saved
            ),
            import_id=made.import_id,
        )
        return _json(answer, 201 if saved else 200)

    @routes.get("/questions", Role.AUTHOR)
    def list_questions(call: Call) -> Response:
        """List groups of questions that got no good answer."""
        asked = read_query(request, QuestionsQuery)
        wanted = Wanted(state=asked.state, locale=asked.locale)
        offset = int(asked.cursor or 0)
        found = listening.groups(call.session, wanted, asked.limit + 1, offset)
        shown = found[: asked.limit]
        return _json(
            QuestionsResponse(
                groups=tuple(_group_item(group) for group in shown),
                least=listening.LEAST,
                smaller=listening.count_groups(call.session, wanted).smaller,
                next_cursor=str(offset + len(shown)) if len(found) > len(shown) else None,
            )
        )

    @blueprint.get("/openapi.json")
    def describe() -> Response:
        """Describe this API."""
        return jsonify(openapi.document())

    return blueprint, routes


def _json(model: BaseModel, status: int = 200) -> Response:
    return make_response(jsonify(model.model_dump(mode="json")), status)


def _tagged(response: Response, tag: str) -> Response:
    """Return a response that may be asked for again by its tag."""
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _today() -> date:
    return datetime.now(UTC).date()


def _answer_item(line: AnswerLine) -> AnswerItem:
    return AnswerItem.model_validate(
        {
            "entry_id": line.entry_id,
            "locale": line.locale,
            "topic": line.topic,
            "topic_title": line.topic_title,
            "question": line.question,
            "revision": line.revision,
            "state": line.state,
            "live_revision": line.live_revision,
            "changed_at": line.changed_at,
            "review_due": line.review_due,
        }
    )


def _revision_item(revision: Revision, live: int | None) -> RevisionItem:
    return RevisionItem.model_validate(
        {
            "revision": revision.number,
            "state": revision.state,
            "is_live": revision.number == live,
            "based_on": revision.based_on,
            "change": revision.change,
            "written_at": revision.created_at,
        }
    )


def _group_item(group: Group) -> GroupItem:
    return GroupItem(
        id=group.id,
        state=group.state.value,
        locale=group.locale,
        conversations=group.size,
        first_day=group.first_day,
        last_day=group.last_day,
        wordings=group.samples,
        topic=group.topic,
        entry_id=group.entry_id,
        badly_rated=group.badly_rated,
    )


def _unreadable(error: UnreadableFile) -> CheckResponse:
    return CheckResponse(
        readable=False,
        new=0,
        changed=0,
        unchanged=0,
        changes=(),
        problems=tuple(flaw_items(error.flaws[:MOST_FLAWS])),
        notes=(),
        checked=None,
    )


def _checked(incoming: Incoming, plan: Plan) -> CheckResponse:
    return CheckResponse(
        readable=True,
        new=plan.count(Outcome.NEW),
        changed=plan.count(Outcome.CHANGED),
        unchanged=plan.count(Outcome.UNCHANGED),
        changes=tuple(
            ChangeItem(
                entry_id=one.entry_id,
                locale=one.locale,
                outcome="new" if one.outcome is Outcome.NEW else "changed",
                fields=one.fields,
                based_on=one.based_on,
                replaces_draft=one.is_open,
            )
            for one in plan.changes
        ),
        problems=tuple(flaw_items(incoming.placed(plan.faults)[:MOST_FLAWS])),
        notes=plan.notes,
        checked=plan.checked,
    )
