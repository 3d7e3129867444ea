"""What people write is nowhere on disk once it should be gone, and in no log, whatever fails."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.stack import Conversation, Stack, wait_for

pytestmark = pytest.mark.stack

CANARY = "zanzibarfeather"
SENTENCES = (
    f"what are the symptoms of {CANARY}",
    f"do I have {CANARY} fever",
    f"I saw that {CANARY} cures covid",
    f"I took a whole bottle of {CANARY} pills and want to die",
    f"/{CANARY}",
    f'/greet{{"{CANARY}": 1}}',
    f"<img src={CANARY}>",
    f"hello {CANARY}, thanks",
)


def files_with(folder: Path, word: str) -> list[str]:
    """Return the files below a folder that hold a word, in any case, or in UTF-16."""
    forms = (word.encode(), word.upper().encode(), word.encode("utf-16-le"))
    found = []
    for file in folder.rglob("*"):
        if not file.is_file() or file.suffix == ".gz":
            continue
        content = file.read_bytes()
        if any(form in content for form in forms):
            found.append(str(file.relative_to(folder)))
    return found


def say_everything(stack: Stack) -> Conversation:
    """Say all the sentences in a session of their own."""
    patient = stack.conversation()
    for sentence in SENTENCES:
        patient.send(sentence)
    return patient


def break_requests(patient: Conversation) -> None:
    """Send the word in every way that is refused."""
    json = {"Content-Type": "application/json"}
    for body in (f'{{"text": "{CANARY}"', f'{{"{CANARY}": 1}}', f'{{"text": ["{CANARY}"]}}'):
        patient.client.post("/api/v1/messages", content=body, headers={**patient.headers, **json})
    patient.client.get(f"/{CANARY}?q={CANARY}")
    patient.client.post(
        "/api/v1/messages", json={"text": CANARY}, headers={"Authorization": f"Bearer {CANARY}"}
    )
    patient.client.post(
        "/api/v1/messages", content=CANARY * 30_000, headers={**patient.headers, **json}
    )


def test_no_log_and_no_file_keeps_what_was_written(stack: Stack) -> None:
    patients = [say_everything(stack)]
    break_requests(patients[0])
    for process, number in (("actions", signal.SIGSTOP), ("rasa", signal.SIGSTOP)):
        stack.signal(process, number)
        patients.append(say_everything(stack))
        stack.signal(process, signal.SIGCONT)
        assert wait_for(stack.is_ready, 60)
    for process in ("actions", "rasa"):
        stack.signal(process, signal.SIGKILL)
        patients.append(say_everything(stack))
        assert wait_for(stack.is_ready, 60)
    logs = stack.data / "log"
    assert len(list(logs.glob("*.log"))) >= 5
    assert files_with(logs, CANARY) == []
    assert CANARY not in "\n".join(stack.lines)
    for patient in patients:
        response = patient.client.delete("/api/v1/sessions/current", headers=patient.headers)
        assert response.status_code == 204
        patient.client.close()
    assert files_with(stack.data, CANARY) == []
    assert files_with(stack.tracker.parent, CANARY) == []


def test_identifiers_never_reach_rasa(stack: Stack, patient: Conversation) -> None:
    patient.say("my name is Quibblethorpe Oxenstierna and my phone is 212-555-0187, is flu bad?")
    assert stack.tracker_rows() > 0
    for folder in (stack.data, stack.tracker.parent):
        assert files_with(folder, "Quibblethorpe") == []
        assert files_with(folder, "555-0187") == []
