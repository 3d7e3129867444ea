"""What a Messenger profile takes at most, each with the page that says so.

Lengths are counted in UTF-16 code units, as in ``bot.rendering.limits``.
"""

from __future__ import annotations

GREETING = 160
"""Length of the greeting:
https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api/greeting"""

MENU_ITEMS = 20
"""Entries of the menu in one language. An older edition of the reference still names 3, from the
time when menus were nested:
https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/persistent-menu"""

MENU_TITLE = 30
"""Length of an entry's title, on the same page."""

ICE_BREAKERS = 4
"""Questions offered before the first message, in one language:
https://developers.facebook.com/documentation/business-messaging/messenger-platform/reference/messenger-profile-api/ice-breakers"""

QUESTION = 80
"""Length of such a question. Meta's page does not say, and nobody else that could be read; 80 is
taken to be safe, because it is what the title of a generic template has."""

PAYLOAD = 1000
"""Length of what a tap sends back: of Get Started and the menu as on their pages; of an ice breaker
it is not said, and taken to be the same."""
