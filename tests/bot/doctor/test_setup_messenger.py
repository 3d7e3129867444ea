"""``setup messenger``: the profile of the Page, written over HTTP to the stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.channels.messenger.profile_command import profile_of
from bot.simulator.messenger.account import TokenState
from tests.bot.doctor.conftest import CANARIES, Installation, Spoken

Run = Callable[..., Spoken]
SETUP = ("setup", "messenger")
OLD = {
    "get_started": {"payload": "hello"},
    "greeting": [{"locale": "default", "text": "Ask us about shoes."}],
}


def kept_file(folder: Path) -> Path:
    """Return the one file that was kept."""
    (file,) = folder.glob("messenger-profile-*.json")
    return file


def test_it_shows_what_differs_asks_writes_reads_back_and_says_what_is_next(
    run: Run, site: Installation
) -> None:
    site.meta.graph.set_profile(OLD)
    done = run(site.env, *SETUP, answers="y\n")
    assert done.code == 0, done
    assert done.out.startswith("Page: Citewell (simulated) (100000000000001)\n")
    assert "--- greeting, now\n+++ greeting, wanted\n" in done.out
    assert "-default: Ask us about shoes.\n+default: 'I am a chatbot, not a doctor." in done.out
    assert "+    title: Talk to a person\n+    payload: I want to talk to a person\n" in done.out
    assert "Ice breakers beat Get Started" in done.out
    assert "Written: get_started, greeting, persistent_menu, ice_breakers." in done.out
    assert "Read back: the profile is as it should be." in done.out
    assert "bot doctor messenger" in done.out
    assert site.meta.graph.profile == profile_of(site.settings)
    assert not [secret for secret in CANARIES if secret in done.out + done.err]


def test_a_second_time_there_is_nothing_to_change(
    run: Run, site: Installation, tmp_path: Path
) -> None:
    assert run(site.env, *SETUP, "--yes").code == 0
    done = run(site.env, *SETUP)
    assert done.code == 0
    assert done.out.splitlines()[1] == "Nothing to change: the profile is as it should be."
    assert kept_file(tmp_path)


def test_only_what_differs_is_written(run: Run, site: Installation) -> None:
    wanted = profile_of(site.settings)
    site.meta.graph.set_profile({**wanted, "greeting": OLD["greeting"]})
    done = run(site.env, *SETUP, "--yes")
    assert "Written: greeting.\n" in done.out
    assert "get_started, now" not in done.out


@pytest.mark.parametrize("answers", ["n\n", "\n", "", "yess\n"])
def test_without_a_yes_nothing_is_written(
    run: Run, site: Installation, tmp_path: Path, answers: str
) -> None:
    done = run(site.env, *SETUP, answers=answers)
    assert done.code == 1
    assert done.out.endswith("Nothing was written.\n")
    assert site.meta.graph.profile == {}
    assert list(tmp_path.glob("messenger-profile-*")) == []


def test_where_nobody_can_be_asked_it_needs_a_yes_beforehand(run: Run, site: Installation) -> None:
    done = run(site.env, *SETUP)
    assert done.code == 1
    assert "give --yes to write this" in done.out
    assert site.meta.graph.profile == {}


def test_what_was_there_is_kept_and_can_be_put_back(
    run: Run, site: Installation, tmp_path: Path
) -> None:
    site.meta.graph.set_profile(OLD)
    assert run(site.env, *SETUP, "--yes").code == 0
    file = kept_file(tmp_path)
    assert json.loads(file.read_text())["profile"] == OLD
    done = run(site.env, *SETUP, "--restore", str(file), answers="yes\n")
    assert done.code == 0, done
    assert "Deleted: persistent_menu, ice_breakers." in done.out
    assert site.meta.graph.profile == OLD
    assert "Ice breakers beat" not in done.out


def test_the_command_that_it_names_puts_it_back(
    run: Run, site: Installation, tmp_path: Path
) -> None:
    site.meta.graph.set_profile(OLD)
    told = run(site.env, *SETUP, "--yes").out
    (line,) = (line for line in told.splitlines() if "--restore" in line)
    assert line.split("-m bot ")[1] == f"setup messenger --restore {kept_file(tmp_path)}"


def test_the_profile_can_be_removed(run: Run, site: Installation) -> None:
    site.set_up()
    done = run(site.env, *SETUP, "--remove", "--yes")
    assert done.code == 0
    assert "Deleted: get_started, greeting, persistent_menu, ice_breakers." in done.out
    assert site.meta.graph.profile == {}
    assert "Nothing to change" in run(site.env, *SETUP, "--remove").out


def test_ice_breakers_can_be_left_out(run: Run, site: Installation) -> None:
    site.set_up()
    done = run(site.env, *SETUP, "--without", "ice_breakers", "--yes")
    assert done.code == 0
    assert "Deleted: ice_breakers." in done.out
    assert "Ice breakers beat" not in done.out
    assert set(site.meta.graph.profile) == {"get_started", "greeting", "persistent_menu"}


def test_ice_breakers_that_are_read_without_their_name_are_known(
    run: Run, site: Installation
) -> None:
    site.set_up()
    site.meta.graph.tell_bare_ice_breakers()
    assert "Nothing to change" in run(site.env, *SETUP).out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is no JSON"),
        ("[]", "is no profile that"),
        ('{"page_id": "1", "profile": []}', "is no profile that"),
        ('{"page_id": "1", "profile": {"poem": 1}}', "is no profile that"),
        ('{"profile": {}}', "is no profile that"),
        ('{"page_id": "1", "profile": {}}', "kept of Page 1, but the token is of 1000"),
    ],
)
def test_a_file_that_is_not_one_of_these_is_refused(
    run: Run, site: Installation, tmp_path: Path, content: str, told: str
) -> None:
    site.set_up()
    file = tmp_path / "kept.json"
    file.write_text(content)
    done = run(site.env, *SETUP, "--restore", str(file), "--yes")
    assert done.code == 1
    assert told in done.err
    assert set(site.meta.graph.profile) == set(profile_of(site.settings))


def test_a_file_that_is_not_there_is_told(run: Run, site: Installation) -> None:
    done = run(site.env, *SETUP, "--restore", "/nowhere/kept.json")
    assert done.code == 1
    assert "/nowhere/kept.json cannot be read" in done.err


def test_nothing_is_written_where_the_old_profile_cannot_be_kept(
    run: Run, site: Installation, tmp_path: Path
) -> None:
    site.meta.graph.set_profile(OLD)
    database = tmp_path / "citewell.db"
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    env = {
        **site.env,
        "CITEWELL_DATA_DIR": str(blocked / "data"),
        "DATABASE_URL": f"sqlite:///{database}",
    }
    done = run(env, *SETUP, "--yes")
    assert done.code == 1
    assert "so nothing was changed at Meta" in done.err
    assert site.meta.graph.profile == OLD


def token(**state: Any) -> Callable[[Installation], None]:
    """Return what changes the state of the token."""
    return lambda site: setattr(site.meta.graph, "token", TokenState(**state))


def fault(name: str, *kinds: str) -> Callable[[Installation], None]:
    """Return what lets calls go wrong: the last kind's next one."""

    def happen(site: Installation) -> None:
        for kind in kinds:
            site.meta.misbehaviour.next_calls(name, 1, kind)

    return happen


@pytest.mark.parametrize(
    ("happens", "code", "advice"),
    [
        (token(expires_at=1), "code 190, subcode 463", "Make a new one"),
        (token(scopes=("pages_manage_metadata",)), "code 200", "A permission is missing"),
        (fault("500", "profile"), "status 500, code 2", "Meta's own trouble"),
        (fault("613", "profile"), "code 613", "wait ten minutes"),
        (fault("sent-but-dropped", "profile"), "The connection to 127.0.0.1 broke", "reach"),
    ],
)
def test_what_meta_refuses_is_explained(
    run: Run,
    site: Installation,
    happens: Callable[[Installation], None],
    code: str,
    advice: str,
) -> None:
    happens(site)
    done = run(site.env, *SETUP, "--yes")
    assert done.code == 1
    assert code in done.err
    assert advice in done.err
    assert "Traceback" not in done.err
    assert not [secret for secret in CANARIES if secret in done.out + done.err]


def test_a_write_of_which_nobody_knows_whether_it_arrived_is_not_lost(
    run: Run, site: Installation
) -> None:
    site.meta.graph.set_profile({"get_started": {"payload": "GET_STARTED"}})
    # The profile is read once before it is written, so the second call of its kind is the write.
    calls = iter((None, "sent-but-dropped"))
    pick = site.meta.misbehaviour.pick

    def at_the_second(kind: str) -> Any:
        if kind == "profile" and (name := next(calls, None)):
            site.meta.misbehaviour.next_calls(name, 1, kind)
        return pick(kind)

    site.meta.misbehaviour.pick = at_the_second  # type: ignore[method-assign]
    done = run(site.env, *SETUP, "--yes")
    assert done.code == 1
    assert "broke" in done.err
    assert "Run this again: it shows what is left" in done.out
    assert "Nothing to change" in run(site.env, *SETUP).out


def test_without_settings_it_names_one(run: Run, tmp_path: Path) -> None:
    env = {"CITEWELL_DATA_DIR": str(tmp_path), "CITEWELL_SECRET_KEY": "test-" * 8}
    done = run(env, *SETUP, "--yes")
    assert done.code == 1
    assert "CITEWELL_MESSENGER_PAGE_TOKEN" in done.err


def test_without_a_store_or_a_release_it_says_what_to_do(
    run: Run, site: Installation, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.db"
    done = run({**site.env, "DATABASE_URL": f"sqlite:///{gone}"}, *SETUP, "--yes")
    assert done.code == 1
    assert f"There is no store at {gone}" in done.err
    assert not gone.exists()
    gone.touch()
    done = run({**site.env, "DATABASE_URL": f"sqlite:///{gone}"}, *SETUP, "--yes")
    assert done.code == 1
    assert "No answer is live in the store" in done.err


def test_meta_takes_all_of_it_and_tells_it_with_what_it_adds(run: Run, site: Installation) -> None:
    site.set_up()
    told = {**site.meta.graph.profile}
    told["persistent_menu"] = [
        {
            **menu,
            "disabled_surfaces": [],
            "call_to_actions": [
                {**item, "webview_height_ratio": "full"} for item in menu["call_to_actions"]
            ],
        }
        for menu in reversed(told["persistent_menu"])
    ]
    site.meta.graph.set_profile(told)
    assert "Nothing to change" in run(site.env, *SETUP).out
