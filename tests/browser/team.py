"""The content team in browsers of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from playwright.sync_api import Page, expect

from tests.stack import ROOT, Stack

PASSWORD = "four plain words here"


def team(stack: Stack, *words: str) -> str:
    """Run a step of ``python -m knowledge team``; return what it printed."""
    command = [sys.executable, "-m", "knowledge", "team", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=stack.env, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


class Colleague:
    """Somebody of the content team in a browser of their own."""

    def __init__(self, stack: Stack, page: Page, name: str, role: str) -> None:
        self.page, self.base = page, f"{stack.base_url}/console"
        self.email = f"{name}-{os.urandom(3).hex()}@example.org"
        told = team(stack, "invite", self.email, name.title(), "--role", role)
        found = re.search(r"/console/welcome/\S+", told)
        assert found is not None
        page.goto(f"{stack.base_url}{found[0]}")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        page.get_by_label("Email address").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(
            f"Good to see you, {name.title()}"
        )

    def says(self, text: str) -> None:
        """Wait until the page tells of what was done."""
        expect(self.page.get_by_role("status").first).to_contain_text(text)
