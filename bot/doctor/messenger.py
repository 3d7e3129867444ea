"""Whether a Page on Messenger is set up as it should be: here, on the way, and at Meta.

Fields of the answers: https://developers.facebook.com/docs/graph-api/reference/debug_token,
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions and
https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from bot.channel_settings import (
    MESSENGER_API_URL,
    MESSENGER_APP_SECRET,
    MESSENGER_PAGE_TOKEN,
    MESSENGER_VERIFY_TOKEN,
)
from bot.channels.graph import OF_A_PAGE, GraphProblem
from bot.channels.messenger.events import PLATFORM
from bot.channels.messenger.profile import ProfileError, Properties, differing
from bot.channels.messenger.profile_setup import read_profile
from bot.channels.messenger.views import PATH
from bot.doctor.common import Needed
from bot.doctor.findings import Check, Seen, failed, ok, warning
from bot.doctor.meta import APP_SCREEN, Keys, MetaDoctor, MetaPlatform, names, objects
from bot.doctor.platform import MADE_UP
from bot.replies import ReplyFileError
from bot.settings import BotSettings

GUIDE = "docs/messenger.md"
MESSENGER_SCREEN = "App Dashboard > Use cases > Messenger > Customize > Messenger API Settings"
"""As of 2026 and for apps made by a use case; older apps have Messenger in the menu at the left."""
TOKEN_SCREEN = f"{MESSENGER_SCREEN} > Generate access tokens"
WEBHOOK_SCREEN = f"{MESSENGER_SCREEN} > Configure webhooks"
ESSENTIAL_FIELDS = {
    "messages": "nothing that people write arrives",
    "messaging_postbacks": "taps on Get Started, the menu and buttons do not arrive",
}
FURTHER_FIELDS = {
    "messaging_referrals": "who comes by a link is not greeted",
    "message_reactions": "a thumb or a heart on a reply does not count as feedback",
    "response_feedback": "Messenger shows no thumbs under replies",
}
HANDOVER_FIELDS = {
    "messaging_handovers": "the bot is not told that a person took a conversation or gave it back",
    "standby": "the bot does not see that a person still answers, and comes back too soon",
}
"""Webhook fields and what is lost without each; the last ones where a team answers in Meta's inbox
or in another app."""
HOW_TO_TRY = (
    "Write to the Page on Messenger; within a second the event is here. If it does not come, and "
    "all above is ok: an app without Advanced Access gets events only of people with a role on it."
)
ME = MetaPlatform(
    name=PLATFORM,
    title="Messenger",
    path=PATH,
    guide=GUIDE,
    needed=(
        Needed(MESSENGER_APP_SECRET, APP_SCREEN),
        Needed(MESSENGER_VERIFY_TOKEN, MADE_UP),
        Needed(MESSENGER_PAGE_TOKEN, TOKEN_SCREEN),
    ),
    how_to_try=HOW_TO_TRY,
    token=MESSENGER_PAGE_TOKEN,
    secret=MESSENGER_APP_SECRET,
    verify=MESSENGER_VERIFY_TOKEN,
    api_url=MESSENGER_API_URL,
    token_screen=TOKEN_SCREEN,
    webhook_screen=WEBHOOK_SCREEN,
    thing="page",
    essential_fields=ESSENTIAL_FIELDS,
    token_kinds=("PAGE",),
    owner="a Page",
    scopes=("pages_messaging", "pages_manage_metadata"),
    scope_advice=(
        "For people without a role on the app it needs Advanced Access: App Dashboard > App Review "
        "> Permissions and features."
    ),
    grant=OF_A_PAGE,
)
Wanted = Callable[[BotSettings], Properties]


class MessengerDoctor(MetaDoctor):
    """Examines one installation and its Page. Close it afterwards."""

    platform = ME

    def __init__(
        self,
        env: Mapping[str, str],
        wanted: Wanted,
        address: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is looked at yet.

        Args:
            env: the environment that the installation runs with.
            wanted: tells what the profile should be.
            address: the public address; taken from the settings or from Meta where it is "".
            tls: what the public address's certificate is held against.
        """
        super().__init__(env, address, tls)
        self._wanted = wanted

    def checks(self) -> Iterable[Check]:
        """Return what is looked at, in this order."""
        return (
            Check("settings", self.look_at_settings),
            *self.checks_of_processes(),
            Check("page token", self._look_at_page, ("settings",)),
            Check("API version", self.look_at_version, ("page token",)),
            Check("app", self.look_at_app, ("page token",)),
            Check("token details", self.look_at_token, ("app",)),
            Check("permissions", self.look_at_scopes, ("token details",)),
            Check("webhook at Meta", self.look_at_subscription, ("app",)),
            Check("Page subscription", self._look_at_page_subscription, ("app",)),
            *self.checks_of_address(),
            Check("profile", self._look_at_profile, ("page token",)),
            *self.checks_of_store(),
        )

    @property
    def keys(self) -> Keys:
        """What calls are made with."""
        mine = self.set_up(self.settings.channels.messenger)
        return Keys(mine.page_token, mine.app_secret, mine.verify_token, mine.api_url)

    @property
    def further_fields(self) -> Mapping[str, str]:
        """Others; those of the handover where a team answers in Meta's inbox or in another app."""
        is_shared = bool(self.settings.channels.handover.messenger_app)
        return {**FURTHER_FIELDS, **HANDOVER_FIELDS} if is_shared else FURTHER_FIELDS

    def _look_at_page(self) -> Seen:
        try:
            answer = self.graph.get("me", fields="id,name")
        except GraphProblem as problem:
            return failed(str(problem), self.advice(problem))
        self._version = answer.version
        return ok(f"Page {answer.body.get('name')} ({answer.body.get('id')})")

    def _look_at_page_subscription(self) -> Seen:
        answer = self.asked(self.graph, "me/subscribed_apps")
        apps = objects(answer.body.get("data"))
        mine = [one for one in apps if str(one.get("id", "")) == self._app_id]
        screen = f"{TOKEN_SCREEN} > your Page > Webhook subscription"
        if not mine:
            return failed(
                "the Page is not subscribed to the app, so none of its events are sent",
                f"{screen}. Meta ends a subscription after an hour in which the webhook failed.",
            )
        return self.seen_of_fields(
            names(mine[0].get("subscribed_fields")), "the Page sends its events", screen
        )

    # --- what people see ---

    def _look_at_profile(self) -> Seen:
        try:
            wanted = self._wanted(self.settings)
            current = read_profile(self.graph)
        except GraphProblem as problem:
            # Examining often is no fault of the Page: ten looks at a profile use its calls up.
            level = warning if problem.is_of_rate else failed
            return level(str(problem), self.advice(problem))
        except (ProfileError, ReplyFileError) as error:
            return failed(str(error), f"{GUIDE} tells what the profile is made of.")
        except SQLAlchemyError as error:
            return failed(f"the store cannot be read ({type(error).__name__})", "See DATABASE_URL.")
        changed = differing(current, wanted)
        if not changed:
            return ok("as `setup messenger` writes it")
        if changed == ["ice_breakers"] and "ice_breakers" not in current:
            return ok("as `setup messenger` writes it, without ice breakers")
        return warning(
            f"not as wanted: {', '.join(changed)}",
            "See the difference, and write it: .venv/bin/python -m bot setup messenger",
        )
