"""Start the action server on the loopback interface: ``python -m actions``."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from dataclasses import asdict, replace
from typing import Any

from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor
from sanic import Request, Sanic, response
from sqlalchemy.exc import SQLAlchemyError

from actions.answer_question import (
    ActionAnswerOffer,
    ActionAnswerQuestion,
    ActionCheckClaim,
    ActionCorrect,
    today,
)
from actions.claim_steps import ActionClaimStep
from actions.emergency import ActionEmergency
from actions.grouping import Grouping
from actions.prefetch import PrefetchingEmbedder
from actions.report_rumour import ActionReportRumour
from bot.safety.log_lines import set_up_logging
from knowledge.answering import NO_CONTEXT, Context
from knowledge.calibration import CalibrationError, load_calibration
from knowledge.embedder import ModelError, load_embedder
from knowledge.emergency import ExemplarError, read_exemplars
from knowledge.evaluation import CALIBRATION_FILE, read_questions
from knowledge.explaining import explain
from knowledge.live import LiveAnswers
from knowledge.rehearsal import Labelled, Rehearsal, found_now, rehearse
from knowledge.settings import KnowledgeSettings, SettingError, read_settings
from knowledge.store import connect, transaction

logger = logging.getLogger("actions")
ANSWERING = (
    ActionAnswerQuestion,
    ActionCheckClaim,
    ActionAnswerOffer,
    ActionCorrect,
    ActionEmergency,
)


def create_action_app(answers: LiveAnswers, embedder: PrefetchingEmbedder) -> Sanic[Any, Any]:
    """Return Rasa SDK's own server with our actions and our own routes."""
    executor = ActionExecutor()
    executor.register_action(ActionReportRumour())
    executor.register_action(ActionClaimStep())
    for action in ANSWERING:
        executor.register_action(action(answers))
    app: Sanic[Any, Any] = create_app(executor)
    add_routes(app, answers, embedder)
    return app


def add_routes(  # noqa: C901 one small function per route
    app: Sanic[Any, Any], answers: LiveAnswers, embedder: PrefetchingEmbedder
) -> None:
    """Add a readiness route, one to embed ahead, and those for the content team."""

    @app.post("/prefetch")
    async def prefetch(request: Request) -> response.HTTPResponse:
        """Begin to embed a question that Rasa will ask about in a moment."""
        body = request.json
        text = body.get("text") if isinstance(body, dict) else None
        if not isinstance(text, str) or not text:
            return response.empty(status=400)
        embedder.prefetch(text)
        return response.empty(status=202)

    @app.post("/explain")
    async def explaining(request: Request) -> response.HTTPResponse:
        """Tell why a question gets what it gets: for the content team, on the loopback only."""
        body = request.json if isinstance(request.json, dict) else {}
        text, loaded = body.get("text"), answers.loaded
        if not isinstance(text, str) or not text.strip() or loaded is None:
            return response.empty(status=400 if loaded else 503)
        after = body.get("after")
        topics = {e.topic_entry.entry.id: e.topic_entry.topic.slug for e in loaded.answerer.entries}
        topic = topics.get(after) if isinstance(after, str) else None
        context = Context(after, topic) if topic else NO_CONTEXT
        told = explain(loaded.answerer, text, context, today=today())
        return response.json(asdict(told))

    @app.post("/rehearse")
    async def rehearsing(request: Request) -> response.HTTPResponse:
        """Tell what a release would change: for the content team, on the loopback only."""
        body = request.json if isinstance(request.json, dict) else {}
        revisions = body.get("revisions")
        if not isinstance(revisions, list) or not all(isinstance(one, int) for one in revisions):
            return response.empty(status=400)
        # On a thread of its own: turns are answered meanwhile.
        told = await asyncio.to_thread(rehearsed, answers, revisions)
        return response.json(asdict(told)) if told else response.empty(status=503)

    @app.post("/found")
    async def finding(request: Request) -> response.HTTPResponse:
        """Tell what wordings get from the live release: for the content team."""
        body = request.json if isinstance(request.json, dict) else {}
        wordings, loaded = body.get("wordings"), answers.loaded
        if loaded is None:
            return response.empty(status=503)
        if not isinstance(wordings, list) or not all(isinstance(one, str) for one in wordings):
            return response.empty(status=400)
        told = await asyncio.to_thread(found_now, loaded.answerer, wordings, today())
        return response.json({"found": [asdict(one) for one in told]})

    @app.get("/state")
    async def state(_request: Request) -> response.HTTPResponse:
        """Tell which release answers, and why a newer one does not: for the content team."""
        loaded, failure = answers.loaded, answers.failure
        return response.json(
            {
                "release": loaded.release_id if loaded else None,
                "failed": failure.release_id if failure else None,
                "reason": failure.reason if failure else "",
            }
        )

    @app.get("/ready")
    async def ready(_request: Request) -> response.HTTPResponse:
        """Tell which release is loaded; 503 while there is none."""
        loaded = answers.loaded
        if loaded is None:
            return response.json({"ready": False, "release": None}, status=503)
        count = len(loaded.answerer.entries)
        return response.json({"ready": True, "release": loaded.release_id, "entries": count})


def rehearsed(answers: LiveAnswers, revisions: list[int]) -> Rehearsal | None:
    """Return what a release with some revisions more would change."""
    rows = read_questions(CALIBRATION_FILE) if CALIBRATION_FILE.is_file() else []
    labelled = [Labelled(row.text, row.right) for row in rows if row.right and row.context is None]
    with transaction(answers.engine) as session:
        return rehearse(session, answers, revisions, labelled, today())


def load_answers(settings: KnowledgeSettings) -> tuple[LiveAnswers, PrefetchingEmbedder]:
    """Load model, calibration and the live release."""
    calibration = replace(
        load_calibration(), answer_at=settings.answer_from, clarify_at=settings.offer_from
    )
    embedder = PrefetchingEmbedder(load_embedder(settings, lambda line: logger.info(line)))
    if calibration.model != embedder.name:
        logger.warning("calibration_is_for_another_model")
    answers = LiveAnswers(connect(settings.database_url), embedder, calibration, read_exemplars())
    answers.refresh()
    # The first pass of the model takes several times as long as the others.
    embedder.embed(["warm up"])
    return answers, embedder


def main() -> int:
    """Serve until stopped."""
    try:
        settings = read_settings()
        set_up_logging(settings.log_level)
        answers, embedder = load_answers(settings)
    except (CalibrationError, ExemplarError, ModelError, SettingError) as error:
        print(f"The action server cannot start: {error}", file=sys.stderr)
        return 1
    except SQLAlchemyError as error:
        logger.error("store_unreachable", extra={"error": type(error).__name__})
        return 1
    # What is loaded now stays: the garbage collector need not walk through it at every turn.
    gc.collect()
    gc.freeze()
    answers.watch()
    Grouping(answers.engine, embedder).start()
    app = create_action_app(answers, embedder)
    # One process: rasa_sdk's own start-up forks, which fails once torch is imported.
    app.run(
        host="127.0.0.1",
        port=settings.actions_port,
        single_process=True,
        access_log=False,
        motd=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
