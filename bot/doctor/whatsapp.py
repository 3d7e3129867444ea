"""Whether a number on WhatsApp is set up as it should be: here, on the way, and at Meta.

Fields of the answers:
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/phone-numbers
and https://developers.facebook.com/documentation/business-messaging/whatsapp/solution-providers/manage-webhooks.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.channel_settings import (
    WHATSAPP_ACCESS_TOKEN,
    WHATSAPP_API_URL,
    WHATSAPP_APP_SECRET,
    WHATSAPP_PHONE_NUMBER_ID,
    WHATSAPP_VERIFY_TOKEN,
    WhatsAppSettings,
)
from bot.channels.graph import GraphProblem
from bot.channels.whatsapp.events import PLATFORM
from bot.channels.whatsapp.views import PATH
from bot.doctor.common import Needed
from bot.doctor.findings import Check, Seen, Stopped, failed, ok, skipped, warning
from bot.doctor.meta import APP_SCREEN, Keys, MetaDoctor, MetaPlatform, objects
from bot.doctor.platform import MADE_UP

GUIDE = "docs/whatsapp.md"
USE_CASE = "App Dashboard > Use cases > Connect with customers through WhatsApp > Customize"
SETUP_SCREEN, WEBHOOK_SCREEN = f"{USE_CASE} > API Setup", f"{USE_CASE} > Configuration"
TOKEN_SCREEN = "business.facebook.com > Settings > Users > System users > Generate token"  # noqa: S105
MANAGER_SCREEN = "business.facebook.com > WhatsApp Manager > Phone numbers"
SCOPES = ("whatsapp_business_messaging", "whatsapp_business_management")
ESSENTIAL_FIELDS = {"messages": "nothing that people write arrives"}
"""Webhook fields and what is lost without each."""
NUMBER_FIELDS = (
    "verified_name,code_verification_status,quality_rating,display_phone_number,platform_type"
)
HOW_TO_TRY = (
    "Write to the number on WhatsApp; within a second the event is here. If it is not, and all "
    "above is ok: is the app in the mode Live? A test number answers only people on its list "
    f"({SETUP_SCREEN} > To)."
)
ME = MetaPlatform(
    name=PLATFORM,
    title="WhatsApp",
    path=PATH,
    guide=GUIDE,
    needed=(
        Needed(WHATSAPP_APP_SECRET, APP_SCREEN),
        Needed(WHATSAPP_VERIFY_TOKEN, MADE_UP),
        Needed(WHATSAPP_ACCESS_TOKEN, TOKEN_SCREEN),
        Needed(WHATSAPP_PHONE_NUMBER_ID, f"{SETUP_SCREEN} > Phone number ID"),
    ),
    how_to_try=HOW_TO_TRY,
    token=WHATSAPP_ACCESS_TOKEN,
    secret=WHATSAPP_APP_SECRET,
    verify=WHATSAPP_VERIFY_TOKEN,
    api_url=WHATSAPP_API_URL,
    token_screen=TOKEN_SCREEN,
    webhook_screen=WEBHOOK_SCREEN,
    thing="whatsapp_business_account",
    essential_fields=ESSENTIAL_FIELDS,
    # One of the kind USER is made on the page API Setup, to try; it ends after a day.
    token_kinds=("SYSTEM_USER", "USER"),
    owner="a system user",
    scopes=SCOPES,
    scope_advice="The system user needs the app and the WhatsApp account among its assets.",
    grant=(
        f"{' and '.join(SCOPES)}; the system user needs the WhatsApp account among its assets, "
        "with full control"
    ),
    token_codes=("error_190", "error_102", "error_0"),
)


class WhatsAppDoctor(MetaDoctor):
    """Examines one installation and its number. Close it afterwards."""

    platform = ME

    def checks(self) -> Iterable[Check]:
        """Return what is looked at, in this order."""
        return (
            Check("settings", self.look_at_settings),
            *self.checks_of_processes(),
            Check("app", self._look_at_app, ("settings",)),
            Check("API version", self.look_at_version, ("app",)),
            Check("token details", self.look_at_token, ("app",)),
            Check("permissions", self.look_at_scopes, ("token details",)),
            Check("number", self._look_at_number, ("permissions",)),
            Check("webhook at Meta", self.look_at_subscription, ("app",)),
            Check("account subscription", self._look_at_account, ("permissions",)),
            *self.checks_of_address(),
            *self.checks_of_store(),
        )

    @property
    def keys(self) -> Keys:
        """What calls are made with."""
        mine = self._mine
        return Keys(mine.access_token, mine.app_secret, mine.verify_token, mine.api_url)

    @property
    def _mine(self) -> WhatsAppSettings:
        return self.set_up(self.settings.channels.whatsapp)

    def _look_at_app(self) -> Seen:
        """Look at which app the token is of; that is the first call that is made with it."""
        seen = self.look_at_app()
        self._version = self.asked(self.graph, "app", fields="id").version
        return seen

    def _look_at_number(self) -> Seen:
        number = self._mine.phone_number_id
        try:
            body = self.graph.get(number, fields=NUMBER_FIELDS).body
        except GraphProblem as problem:
            if problem.code == 100:
                return failed(
                    f"Meta knows no number {number} that this token may see",
                    f"{WHATSAPP_PHONE_NUMBER_ID.name} is what {SETUP_SCREEN} shows as Phone number "
                    "ID, and not the number itself. The system user needs its WhatsApp account "
                    "among its assets.",
                )
            return failed(str(problem), self.advice(problem))
        told = f"{body.get('verified_name')}, {body.get('display_phone_number')}"
        if body.get("platform_type", "CLOUD_API") != "CLOUD_API":
            return failed(
                f"{told}: not registered for the Cloud API",
                "Only a call registers it, with a PIN of six digits of your own: curl -X POST "
                f'{self._mine.api_url}/{number}/register -H "Authorization: Bearer '
                f'${WHATSAPP_ACCESS_TOKEN.name}" -d messaging_product=whatsapp -d pin=YOUR-PIN',
            )
        if body.get("code_verification_status") in {"NOT_VERIFIED", "UNVERIFIED"}:
            return warning(f"{told}: the number was never verified", f"See {MANAGER_SCREEN}.")
        quality = body.get("quality_rating")
        if quality in {"RED", "YELLOW"}:
            return warning(
                f"{told}: quality {quality}",
                f"People block or report it. See {MANAGER_SCREEN} > Insights.",
            )
        return ok(f"{told}; quality {quality}")

    def _look_at_account(self) -> Seen:
        account = self._account()
        answer = self.asked(self.graph, f"{account}/subscribed_apps")
        apps = [one.get("whatsapp_business_api_data") for one in objects(answer.body.get("data"))]
        if any(str(app.get("id", "")) == self._app_id for app in objects(apps)):
            return ok(f"account {account} sends its events to the app")
        return failed(
            f"account {account} is not subscribed to the app, so none of its events are sent",
            f"curl -X POST {self._mine.api_url}/{account}/subscribed_apps "
            f'-H "Authorization: Bearer ${WHATSAPP_ACCESS_TOKEN.name}"',
        )

    def _account(self) -> str:
        """Return the WhatsApp Business Account that the number is of.

        Raises:
            Stopped: the token does not tell, or the number is of another one.
        """
        granted = objects(self._token.get("granular_scopes"))
        of_accounts = [one.get("target_ids") for one in granted if one.get("scope") in SCOPES]
        lists = [ids for ids in of_accounts if isinstance(ids, list)]
        accounts = list(dict.fromkeys(str(one) for ids in lists for one in ids))
        for account in accounts:
            answer = self.asked(self.graph, f"{account}/phone_numbers", fields="id", limit="100")
            numbers = [str(one.get("id", "")) for one in objects(answer.body.get("data"))]
            if self._mine.phone_number_id in numbers:
                return account
        if not accounts:
            raise Stopped(
                skipped(
                    "the token does not tell which WhatsApp account it is for",
                    "Take the WhatsApp Business Account ID from "
                    f"{SETUP_SCREEN}, and look at /<that ID>/subscribed_apps by hand.",
                )
            )
        raise Stopped(
            failed(
                f"the number is of none of the accounts {', '.join(accounts)} of this token",
                f"Compare {WHATSAPP_PHONE_NUMBER_ID.name} with {SETUP_SCREEN}, and the assets of "
                "the system user.",
            )
        )
