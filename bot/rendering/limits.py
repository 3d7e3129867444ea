"""What messaging platforms take at most, each with the page that says so.

Every length is counted in UTF-16 code units (``units``): an emoji counts as two. The pages say
"characters" and not which. Telegram, measured, counts code points
(https://github.com/FerroxLabs/wayland/issues/934); of Messenger and WhatsApp nobody tells. UTF-16
is never less than code points, so a message that fits here fits by either count.
"""

from __future__ import annotations


def units(text: str) -> int:
    """Return the length of a text in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- Messenger ------------------------------------------------------------------------------------

MESSENGER_TEXT = 2000
"""Length of a text message. Meta's reference could not be read; this is what its error names,
"Length of param message[text] must be less than or equal to 2000":
https://developers.facebook.com/docs/messenger-platform/reference/send-api/"""

MESSENGER_TEMPLATE_TEXT = 640
"""Length of a text with buttons below it:
https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/template/button"""

MESSENGER_BUTTONS = 3
"""Buttons below a text, on the same page."""

MESSENGER_LABEL = 20
"""Length of a button's title, whether it opens a page, calls or replies:
https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/buttons/call"""

MESSENGER_QUICK_REPLIES = 13
"""Quick replies of a message, which may be a text or a text with buttons:
https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/quick-replies"""

MESSENGER_PAYLOAD = 1000
"""Length of what a quick reply sends back, on the same page."""

# --- WhatsApp -------------------------------------------------------------------------------------

WHATSAPP_TEXT = 4096
"""Length of a text message:
https://developers.facebook.com/docs/whatsapp/cloud-api/messages/text-messages"""

WHATSAPP_BUTTON_TEXT = 1024
"""Length of a text with reply buttons:
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages"""

WHATSAPP_BUTTONS = 3
"""Reply buttons of a message, on the same page; titles and ids differ within a message."""

WHATSAPP_LABEL = 20
"""Length of the title of a reply button, of a link button and of the button that opens a list,
on the pages of the three kinds of message."""

WHATSAPP_BUTTON_ID = 256
"""Length of what a reply button sends back, on the page of reply buttons."""

WHATSAPP_LIST_TEXT = 4096
"""Length of a text with a list. Resellers still write 1,024; Meta's page says 4,096:
https://developers.facebook.com/docs/whatsapp/cloud-api/messages/interactive-list-messages"""

WHATSAPP_ROWS = 10
"""Rows of a list, in all its sections, on the same page."""

WHATSAPP_ROW_TITLE = 24
"""Length of a row's title, on the same page; a section's title may have as much."""

WHATSAPP_ROW_DETAIL = 72
"""Length of the line below a row's title, on the same page."""

WHATSAPP_ROW_ID = 200
"""Length of what a row sends back, on the same page."""

WHATSAPP_LINK_TEXT = 1024
"""Length of a text with a link button, which is one at most. This part of Meta's page could not be
read; resellers agree: https://docs.zavu.dev/guides/whatsapp/messages/cta-url and
https://developers.kirim.chat/sending/send-buttons/"""

# --- Telegram -------------------------------------------------------------------------------------

TELEGRAM_TEXT = 4096
"""Length of a text message: https://core.telegram.org/bots/api#sendmessage"""

TELEGRAM_DATA_BYTES = 64
"""Bytes that a button sends back, in UTF-8:
https://core.telegram.org/bots/api#inlinekeyboardbutton"""

TELEGRAM_BUTTONS = 100
"""Buttons of a message. The reference names no number; this is what others met:
https://docs.mavibot.ai/chatbot/builder/buttons/limits and the guides it agrees with."""

TELEGRAM_LABEL = 128
"""Length of a button's label. The reference names no limit; ours lets every question of an entry
through (120) and no more."""

TELEGRAM_LABEL_SHOWN = 32
"""Characters of a label that Telegram's apps show before they cut it:
https://docs.mavibot.ai/chatbot/builder/buttons/limits"""
