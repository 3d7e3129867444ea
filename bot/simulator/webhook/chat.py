"""One person in the stand-in of an organisation's own app, as the chat in the terminal needs it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.simulator.chat import PersonChat, Run
from bot.simulator.terminal import Choice, Done, Drawn
from bot.simulator.transcript import Sent
from bot.simulator.webhook.events import Event
from bot.simulator.webhook.stand_in import WebhookStandIn

COMMANDS: Mapping[str, str] = {
    "/start": "open the chat",
    "/photo": "send a photo",
    "/country": "/country CODE: say from now on in which country you are; /country alone ends it",
    "/twice": "/twice TEXT: deliver a message twice; the bot should answer once",
    "/thumbs-up": "rate the bot's last reply as good",
    "/thumbs-down": "rate the bot's last reply as bad",
    "/json": "show the bot's last reply as it was posted",
    "/error": "/error NAME [TIMES]: let the bot's next replies go wrong; /error lists the names",
}


class WebhookChat(PersonChat[Event]):
    """Somebody who talks to the bot in the organisation's app."""

    commands = COMMANDS
    goes_wrong = "replies"

    def __init__(self, app: WebhookStandIn) -> None:
        """Begin as somebody whom the bot does not know yet."""
        self._app = app
        self._country: str | None = None
        runs: dict[str, Run] = {
            "/start": lambda _: self._send(app.write.start(self.person)),
            "/photo": lambda _: self._send(app.write.photo(self.person)),
            "/country": self._choose_country,
            "/thumbs-up": lambda _: self._rate(is_good=True),
            "/thumbs-down": lambda _: self._rate(is_good=False),
            "/json": lambda _: self._show_last(),
        }
        super().__init__(app, app.new_person(), runs)

    def _write(self, text: str) -> Event:
        return self._app.write.text(self.person, text, self._country)

    def tap(self, choice: Choice) -> Done:
        """Tap a suggestion, which says its text."""
        return self.say(choice.value)

    def draw(self, sent: Sent) -> Drawn:
        """Return a reply as text, with its suggestions."""
        lines = [line for text in sent.message["texts"] for line in text.splitlines()]
        choices = [
            Choice(one["title"], "reply", one["text"], is_fleeting=True)
            for one in sent.message["quick_replies"]
        ]
        return Drawn(lines, choices)

    def _choose_country(self, code: str) -> Done:
        self._country = code or None
        return Done(note=f"From now on: {code or 'no country'}.")

    def _rate(self, *, is_good: bool) -> Done:
        replies = [data["reply"] for data in self._app.replies_to(self.person).values()]
        rated = [reply for reply in replies if reply["feedback"]]
        if not rated:
            return Done(note="The bot has sent nothing yet that asks for feedback.")
        write = self._app.write
        return self._send(write.feedback(self.person, rated[-1]["reply_id"], is_good=is_good))

    def _show_last(self) -> Done:
        to_them = self._app.replies_to(self.person)
        own = [post for post in self._app.posts if post.message_id in to_them]
        if not own:
            return Done(note="The bot has sent nothing yet.")
        return Done(note=own[-1].body.decode())
