"""Talk to the bot through a stand-in, in a terminal or through a pipe.

One line in is one thing a person does; what the bot sends is drawn as text, with numbers for what
can be tapped. The chat knows no platform: ``Platform`` says what it needs of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TextIO

from bot.simulator.transcript import Acted, Line, Refused, Sent, Transcript

ANSWER_SECONDS = 15.0
QUIET_SECONDS = 0.7
"""An answer may be several messages; after so long without a further one it is taken as whole."""

TIMES = {0: "not at all", 1: "once", 2: "twice"}
HELP: Mapping[str, str] = {
    "/help": "show this list",
    "/quit": "end the conversation",
}


@dataclass(frozen=True)
class Choice:
    """Something to tap below a message.

    Attributes:
        label: what stands on it.
        does: what a tap does.
        value: what is sent back, opened or called.
        is_fleeting: whether it vanishes when another message follows.
    """

    label: str
    does: Literal["reply", "postback", "open", "call"]
    value: str
    is_fleeting: bool = False


@dataclass(frozen=True)
class Drawn:
    """A message as text, and what can be tapped below it."""

    lines: Sequence[str]
    choices: Sequence[Choice] = ()


@dataclass(frozen=True)
class Done:
    """Something a person did.

    Attributes:
        key: what the transcript calls it; empty where nothing was sent.
        note: what to tell, for instance what was wrong with the delivery.
        needs_answer: whether the bot should answer it.
        is_counted: whether to tell how often it was answered.
    """

    key: str = ""
    note: str = ""
    needs_answer: bool = True
    is_counted: bool = False


class Platform(Protocol):
    """What a chat needs of a stand-in."""

    @property
    def transcript(self) -> Transcript:
        """What was said."""

    @property
    def person(self) -> str:
        """Who talks."""

    @property
    def commands(self) -> Mapping[str, str]:
        """Its commands, each with what it does."""

    def say(self, text: str) -> Done:
        """Type a text."""

    def tap(self, choice: Choice) -> Done:
        """Tap something."""

    def run(self, command: str, argument: str) -> Done:
        """Run one of its commands."""

    def draw(self, sent: Sent) -> Drawn:
        """Return a message as text."""


class Chat:
    """One conversation."""

    def __init__(
        self,
        platform: Platform,
        out: TextIO,
        *,
        is_interactive: bool,
        seconds: float = ANSWER_SECONDS,
        quiet: float = QUIET_SECONDS,
    ) -> None:
        """Prepare a conversation.

        Args:
            platform: the stand-in.
            out: where it is drawn.
            is_interactive: whether somebody sits there; then there is a prompt, and a missing
                answer does not end the conversation.
            seconds: how long to wait for an answer.
            quiet: seconds without a further message that end an answer.
        """
        self._platform, self._out = platform, out
        self._is_interactive = is_interactive
        self._seconds, self._quiet = seconds, quiet
        self._shown = 0
        self._choices: list[Choice] = []

    def run(self, lines: Iterable[str]) -> int:
        """Talk until the lines end or somebody quits.

        Returns:
            The exit code: 1 where an answer did not come and nobody sits there, else 0.
        """
        self._prompt()
        for line in lines:
            text = line.strip()
            if text == "/quit":
                break
            if text and not self._turn(text) and not self._is_interactive:
                return 1
            self._prompt()
        self._show_new()
        return 0

    def _turn(self, text: str) -> bool:
        """Do what a line says; tell whether all was answered that should be."""
        done = self._do(text)
        if done.note:
            self._write(done.note)
        if not done.key:
            return True
        if not done.needs_answer:
            self._show_new()
            return True
        self._choices = []
        is_answered = self._await(done.key)
        self._show_new()
        if done.is_counted:
            times = self._platform.transcript.times_answered(done.key)
            self._write(f"Answered {TIMES.get(times, f'{times} times')}.")
        if not is_answered:
            self._write(f"No answer came within {self._seconds:g} seconds.")
        return is_answered

    def _do(self, text: str) -> Done:
        if text.startswith("//"):  # a text that begins with a slash
            return self._platform.say(text[1:])
        command, _, argument = text.partition(" ")
        if command == "/help":
            return Done(note=self._help())
        if command in self._platform.commands:
            return self._platform.run(command, argument.strip())
        if command.startswith("/"):
            return Done(note=f"There is no command {command}; /help lists them.")
        if text.isdecimal() and 1 <= int(text) <= len(self._choices):
            return self._platform.tap(self._choices[int(text) - 1])
        return self._platform.say(text)

    def _await(self, key: str) -> bool:
        """Draw what comes while it comes; tell whether there was a message."""
        transcript = self._platform.transcript
        limit, known = self._seconds, 0
        while transcript.wait(partial(transcript.has_more, key, known), limit):
            self._show_new()
            limit, known = self._quiet, len(transcript.answers(key))
        return known > 0

    def _show_new(self) -> None:
        lines = self._platform.transcript.lines(self._shown)
        self._shown += len(lines)
        for line in lines:
            if line.person in {self._platform.person, ""}:
                self._show(line)

    def _show(self, line: Line) -> None:
        if isinstance(line, Sent):
            self._show_message(line)
        elif isinstance(line, Acted) and line.action == "typing_on":
            self._write("  (typing)")
        elif isinstance(line, Refused):
            self._write(f"  REFUSED, code {line.code}: {line.message}")

    def _show_message(self, sent: Sent) -> None:
        drawn = self._platform.draw(sent)
        kept = [choice for choice in self._choices if not choice.is_fleeting]
        self._choices = [*kept, *drawn.choices]
        for text in drawn.lines:
            self._write(f"  | {text}")
        for number, choice in enumerate(self._choices, start=1):
            if number > len(kept):
                self._write(f"  [{number}] {choice.label}{_tail(choice)}")

    def _help(self) -> str:
        rows = {**self._platform.commands, **HELP}
        width = max(map(len, rows))
        listed = [f"  {name:<{width}}  {text}" for name, text in rows.items()]
        return "\n".join(["Type a message, the number of a button, or:", *listed])

    def _prompt(self) -> None:
        if self._is_interactive:
            self._out.write("> ")
            self._out.flush()

    def _write(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


def _tail(choice: Choice) -> str:
    if choice.does in {"open", "call"}:
        return f"  ({choice.does}s {choice.value})"
    return ""
