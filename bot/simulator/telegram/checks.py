"""Refuse what Telegram's Bot API would refuse.

The figures are written down here again and counted in another way than in ``bot.rendering``, so
that one mistake is not made in both. Forms: https://core.telegram.org/bots/api, sentences: those of
the server (https://github.com/tdlib/telegram-bot-api), and of what bots met where Telegram's inner
servers say them: BUTTON_DATA_INVALID (https://github.com/nickoala/telepot/issues/293),
"inline keyboard button URL '…' is invalid: Unsupported URL protocol"
(https://github.com/BEDOLAGA-DEV/remnawave-bedolaga-telegram-bot/issues/1564). Telegram's own server
passes over fields that it does not know; this refuses them, for they are mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.simulator.telegram.faults import bad_request

TEXT = 4096
BUTTONS = 100
"""The reference names no number; this is what others met: https://docs.mavibot.ai/chatbot/builder/buttons/limits."""
CALLBACK_DATA_BYTES = 64
CALLBACK_ANSWER = 200
COMMANDS = 100
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
COMMAND_DESCRIPTION = 256
DESCRIPTION, SHORT_DESCRIPTION = 512, 120
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
CONNECTIONS = range(1, 101)
PORTS = {None, 443, 80, 88, 8443}
LANGUAGE = re.compile(r"[a-z]{2}")
ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}
UPDATES = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "guest_message",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
        "managed_bot",
    }
)
"""https://core.telegram.org/bots/api#update"""
LEFT_OUT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Updates that a bot gets only where it names them."""
SEND_KEYS = {
    "chat_id",
    "text",
    "entities",
    "parse_mode",
    "link_preview_options",
    "disable_notification",
    "protect_content",
    "reply_parameters",
    "reply_markup",
}
PREVIEW_KEYS = {"is_disabled", "url", "prefer_small_media", "prefer_large_media", "show_above_text"}
WEBHOOK_KEYS = {
    "url",
    "ip_address",
    "max_connections",
    "allowed_updates",
    "drop_pending_updates",
    "secret_token",
}


def check_message(body: Mapping[str, Any]) -> None:
    """Check a call of ``sendMessage`` by its form alone, not by whom it goes to.

    Raises:
        BotApiError: Telegram would refuse it.
    """
    _keys(body, SEND_KEYS)
    text = _text(body, "text", TEXT, "message is too long")
    if not text.strip():
        raise bad_request("message text is empty")
    if "link_preview_options" in body:
        _keys(_object(body, "link_preview_options"), PREVIEW_KEYS)
    if "reply_markup" in body:
        markup = _object(body, "reply_markup")
        _keys(markup, {"inline_keyboard"})
        _check_keyboard(markup.get("inline_keyboard"))


def _check_keyboard(rows: object) -> None:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(
            'Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays'
        )
    buttons = [button for row in rows for button in row]
    if not buttons:
        raise bad_request("reply markup has no buttons")
    if len(buttons) > BUTTONS:
        raise bad_request("reply markup is too long")
    for button in buttons:
        if not isinstance(button, Mapping):
            raise bad_request(
                "Can't parse inline keyboard button: InlineKeyboardButton must be an Object"
            )
        _check_button(button)


def _check_button(button: Mapping[str, Any]) -> None:
    _keys(button, {"text", "url", "callback_data"})
    if not _text(button, "text", None, "").strip():
        raise bad_request("Can't parse inline keyboard button: text buttons need a text")
    if ("url" in button) == ("callback_data" in button):
        raise bad_request("Text buttons are unallowed in the inline keyboard")
    if "url" in button:
        _check_url(_text(button, "url", None, ""))
    elif not 1 <= len(_text(button, "callback_data", None, "").encode()) <= CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")


def _check_url(url: str) -> None:
    """Check the address that a button opens: of the web, or of Telegram itself."""
    name = f"inline keyboard button URL '{url}' is invalid"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise bad_request(f"{name}: Wrong HTTP URL") from error
    if parts.scheme not in {"http", "https", "tg", "ton"}:
        raise bad_request(f"{name}: Unsupported URL protocol")
    if (
        not parts.netloc
        or ("." not in parts.netloc and parts.scheme != "tg")
        or re.search(r"\s", url)
    ):
        raise bad_request(f"{name}: Wrong HTTP URL")


def check_action(body: Mapping[str, Any]) -> None:
    """Check a call of ``sendChatAction``.

    Raises:
        BotApiError: Telegram would refuse it.
    """
    _keys(body, {"chat_id", "action"})
    action = body.get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        raise bad_request("wrong parameter action in request")


def check_callback_answer(body: Mapping[str, Any]) -> None:
    """Check a call of ``answerCallbackQuery``.

    Raises:
        BotApiError: Telegram would refuse it.
    """
    _keys(body, {"callback_query_id", "text", "show_alert", "url", "cache_time"})
    _text(body, "callback_query_id", None, "")
    if "text" in body:
        _text(body, "text", CALLBACK_ANSWER, "MESSAGE_TOO_LONG")


def check_webhook(body: Mapping[str, Any], *, takes_http: bool) -> None:
    """Check a call of ``setWebhook``.

    Args:
        body: its parameters.
        takes_http: whether an address of this machine will do, which Telegram would refuse.

    Raises:
        BotApiError: Telegram would refuse it.
    """
    _keys(body, WEBHOOK_KEYS)
    url = body.get("url", "")
    if not isinstance(url, str) or re.search(r"\s", url):
        raise bad_request("invalid webhook URL specified")
    if url:
        _check_webhook_url(url, takes_http=takes_http)
    secret = body.get("secret_token", "")
    if secret and (not isinstance(secret, str) or not SECRET.fullmatch(secret)):
        raise bad_request("secret token contains unallowed characters")
    if body.get("max_connections", 40) not in CONNECTIONS:
        raise bad_request("wrong parameter max_connections in request")
    check_updates(body.get("allowed_updates", []))


def _check_webhook_url(url: str, *, takes_http: bool) -> None:
    if takes_http:
        return
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise bad_request("invalid webhook URL specified") from error
    if parts.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if port not in PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def check_updates(names: object) -> None:
    """Check a list of kinds of updates.

    Raises:
        BotApiError: one is unknown. Telegram passes over those; here they are mistakes.
    """
    if not isinstance(names, list) or not all(
        isinstance(name, str) and name in UPDATES for name in names
    ):
        raise bad_request("can't parse allowed updates")


def check_commands(body: Mapping[str, Any]) -> None:
    """Check a call of ``setMyCommands``.

    Raises:
        BotApiError: Telegram would refuse it.
    """
    _keys(body, {"commands", "scope", "language_code"})
    check_language(body)
    commands = body.get("commands")
    if not isinstance(commands, list):
        raise bad_request("Expected an Array of BotCommand")
    if len(commands) > COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not isinstance(command, Mapping):
            raise bad_request("Can't parse BotCommand: expected an Object")
        _keys(command, {"command", "description"})
        if not COMMAND.fullmatch(_text(command, "command", None, "")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(_text(command, "description", None, "")) <= COMMAND_DESCRIPTION:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")


def check_words(body: Mapping[str, Any], key: str, limit: int) -> None:
    """Check a call that sets a text of the bot's profile.

    Raises:
        BotApiError: Telegram would refuse it.
    """
    _keys(body, {key, "language_code"})
    check_language(body)
    if key in body:
        _text(body, key, limit, f"{key.upper()}_TOO_LONG")


def check_language(body: Mapping[str, Any]) -> None:
    """Check the language that something is set or asked for; "" stands for all.

    Raises:
        BotApiError: it is no code of two letters.
    """
    code = body.get("language_code", "")
    if not isinstance(code, str) or (code and not LANGUAGE.fullmatch(code)):
        raise bad_request("invalid language code specified")


def chat_of(body: Mapping[str, Any]) -> str:
    """Return the chat that a call is for.

    Raises:
        BotApiError: it names none.
    """
    chat = body.get("chat_id")
    if isinstance(chat, bool) or not isinstance(chat, int | str) or chat == "":
        raise bad_request("chat_id is empty")
    return str(chat)


def _keys(given: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise bad_request(f"unknown parameters {', '.join(unknown)}")


def _object(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = given.get(key)
    if not isinstance(value, Mapping):
        raise bad_request(f'Field "{key}" must be of type Object')
    return value


def _text(given: Mapping[str, Any], key: str, limit: int | None, too_long: str) -> str:
    """Return a text; its length is counted in characters, as was measured of Telegram.

    Raises:
        BotApiError: it is missing, longer, or no text.
    """
    value = given.get(key)
    if not isinstance(value, str):
        raise bad_request(f'Field "{key}" must be of type String')
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:  # half of an emoji
        raise bad_request("strings must be encoded in UTF-8") from error
    if limit is not None and len(value) > limit:
        raise bad_request(too_long)
    return value
