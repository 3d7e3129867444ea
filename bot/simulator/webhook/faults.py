"""What can go wrong with an organisation's own app when a reply is posted to it, on demand."""

from __future__ import annotations

from collections.abc import Mapping

from bot.simulator.misbehaviour import Answer, Fault

ELSEWHERE = "/elsewhere"
"""Where a redirect leads; nobody may come there."""
RETRY_AFTER = 3
FAULTS: Mapping[str, Fault] = {
    "500": Fault("Not taken; status 500", answer=Answer(500)),
    "503": Fault(
        f"Not taken; status 503, Retry-After {RETRY_AFTER}",
        answer=Answer(503, headers={"Retry-After": str(RETRY_AFTER)}),
    ),
    "429": Fault(
        f"Not taken; status 429, Retry-After {RETRY_AFTER}",
        answer=Answer(429, headers={"Retry-After": str(RETRY_AFTER)}),
    ),
    "timeout": Fault("Not taken; no answer for 30 seconds", 30.0, drops=True),
    "dropped": Fault("Not taken; the connection closes without an answer", drops=True),
    "slow": Fault("Taken; the answer comes after 4 seconds", 4.0, processes=True),
    "taken-but-500": Fault("Taken, and yet status 500", processes=True, answer=Answer(500)),
    "taken-but-dropped": Fault(
        "Taken, and yet the connection closes without an answer", processes=True, drops=True
    ),
    "302": Fault("Not taken; a redirect", answer=Answer(302, headers={"Location": f"{ELSEWHERE}"})),
    "401": Fault("Not taken; status 401, as with another key", answer=Answer(401)),
    "404": Fault("Not taken; status 404, as with another address", answer=Answer(404)),
    "410": Fault("Not taken; status 410, nothing more is wanted", answer=Answer(410)),
    "422": Fault("Not taken; status 422, this reply is not wanted", answer=Answer(422)),
}
"""What can go wrong, by the name to ask for it."""
