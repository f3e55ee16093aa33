"""The panel that sends: modes, preview, start, steering, following, and what it hands on."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Callable
from mailbox import Maildir
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import sessim
from sessim.senders.loopback import Loopback
from sessim.senders.states import State
from sessim.senders.switch import ARMED, preview
from sessim.widgets import SendPanel, Workbench
from sessim.widgets.base import text
from tests.senders.faults import ACCEPT_HANG, Faults
from tests.widgets.driving import HOSTILE, Tags

pytestmark = pytest.mark.usefixtures("in_a_folder")


def plan_of(requests: int = 60) -> sessim.Plan:
    return sessim.Plan(
        start="2026-12-01",
        horizon="2027-01-01",
        domains=[sessim.Domain("news.example.com", warmup=[40, 100, 900])],
        tasks=[
            sessim.Task("Launch", sender="hi@news.example.com", requests=requests),
            sessim.Task("Later", sender="hi@news.example.com", requests=5, start="2026-12-02"),
        ],
    )


def plan_with_a_test() -> sessim.Plan:
    test = {"sender": "hi@news.example.com", "at": "2026-12-01 10:00", "recipients": 2}
    return sessim.Plan.from_dict({**plan_of(6).to_dict(), "test_sends": [test]})


def live_plan(folder: Path, size: int = 30, name: str = "list.csv") -> sessim.Plan:
    rows = "".join(f"user{i}@site{i % 7}.net,Ann{i}\n" for i in range(size))
    (folder / name).write_text(f"email,first\n{rows}", "utf-8")
    today = dt.datetime.now(ZoneInfo("Asia/Shanghai"))
    return sessim.Plan(
        start=f"{today:%Y-%m-%d %H:%M}",
        domains=[sessim.Domain("news.example.com", warmup=900)],
        rate=200,
        tasks=[
            sessim.Task(
                "Launch", sender="hi@news.example.com", recipients=str(folder / name),
                subject="Hello", template="Dear {{first}}",
            )
        ],
    )  # fmt: skip


def shown(panel: SendPanel) -> set[str]:
    return {name for name, field in panel.fields.items() if field.layout.display != "none"}


async def until(happens: Callable[[], bool]) -> None:
    for _ in range(2000):
        if happens():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(happens)


# --- the mode -------------------------------------------------------------------------------------


def test_at_first_it_can_send_nothing() -> None:
    panel = SendPanel(plan_of())
    assert panel.mode == "simulate"
    assert "SIMULATE: no connection is opened" in panel.badge.value
    assert panel.start_button.disabled
    assert shown(panel) == set()
    panel.start()
    assert panel.error == "Simulate sends nothing: choose Loopback or Live to send."
    assert panel.sending is None


def test_each_mode_asks_for_what_it_needs() -> None:
    panel = SendPanel(plan_of(), mode="loopback")
    assert "LOOPBACK" in panel.badge.value
    assert shown(panel) == {"outbox", "speed", "redirect_to", "only"}
    panel.mode_box.value = "live"
    both = {"outbox", "redirect_to", "only"}
    assert shown(panel) == {*both, "server", "unsubscribe", "number", "token"}
    panel.plan = plan_with_a_test()
    assert shown(panel) == {*both, "test_to", "server", "unsubscribe", "number", "token"}
    panel.mode_box.value = "loopback"
    assert shown(panel) == {*both, "test_to", "speed"}
    panel.mode_box.value = "live"
    panel.server.value = HOSTILE[0]
    assert "LIVE: &lt;img" in panel.badge.value
    assert not any("password" in str(field).lower() for field in panel.fields)


# --- loopback -------------------------------------------------------------------------------------


def test_without_a_loop_start_sends_to_the_end(in_a_folder: Path) -> None:
    panel = SendPanel(plan_of(), mode="loopback")
    seen: list[int] = []
    panel.observe(lambda change: seen.append(int(change["new"].tasks["sent"].sum())), "result")
    panel.speed.value = "400000"
    panel.start_button.click()
    assert panel.error == ""
    assert panel.message == "Done: 65 emails sent; the mails are in send.outbox.mails."
    assert seen[-1] == 65
    assert panel.result.tasks["status"].tolist() == ["Sent", "Sent"]
    assert len(list(Maildir(in_a_folder / "send.outbox.mails"))) == 65
    assert "Accepted" in panel.figures.value
    assert panel.charts.value.count("<img alt=") == 2
    assert not panel.running


def test_pressed_twice_it_says_how_to_go_on() -> None:
    panel = SendPanel(plan_of(), mode="loopback")
    panel.speed.value = "400000"
    panel.start_button.click()
    panel.start_button.click()
    assert panel.error == "outbox 'send.outbox' is there already; resume it or name a new"
    panel.go_on_button.click()
    assert panel.error == ""
    assert panel.message.startswith("Done: 65 emails sent")


def test_the_preview_says_what_would_be_sent(in_a_folder: Path) -> None:
    panel = SendPanel(plan_of(), mode="loopback")
    panel.preview_button.click()
    for words in ("65", "60 at task1.example.com, 5 at task2.example.com", "2026-12-01 00:00"):
        assert words in panel.would.value
    assert "Token" not in panel.would.value
    assert list(in_a_folder.iterdir()) == []


@pytest.mark.parametrize("speed", ["fast", "0", ""])
def test_a_wrong_speed_is_said(speed: str) -> None:
    panel = SendPanel(plan_of(), mode="loopback")
    panel.speed.value = speed
    panel.start_button.click()
    assert panel.error in (
        "'fast' is not a number",
        "'' is not a number",
        "speed: 0.0 is not above 0",
    )


def test_steered_while_it_runs() -> None:
    async def journey() -> None:
        panel = SendPanel(plan_of(5000), mode="loopback")
        panel.speed.value = "30000"
        panel.start_button.click()
        assert panel.running
        assert panel.cancel_button.disabled  # nobody cancels all by mistake
        await until(lambda: panel.sending is not None and panel.sending.counts[State.ACCEPTED] > 20)
        panel.pause_button.click()
        assert panel.message == "Pausing: All tasks."
        await until(lambda: "Paused by you: Launch, Later." in panel.figures.value)
        assert panel.result.tasks["status"][0] == "Paused"
        panel.task_box.value = 1
        panel.unpause_button.click()
        assert panel.message == "Going on: 1: Launch."
        await until(lambda: "Paused by you: Later." in panel.figures.value)
        panel.cancel_button.click()
        await until(lambda: panel.result.tasks["status"][0] == "Cancelled")
        panel.stop_button.click()
        await panel._task
        assert not panel.running
        assert "Go on with the outbox sends the rest" in panel.message
        panel.go_on_button.click()
        await until(lambda: panel.sending is not None)
        panel.task_box.value = 2
        panel.unpause_button.click()
        await panel._task
        assert panel.result.tasks["status"].tolist() == ["Cancelled", "Sent"]
        assert panel.message.startswith("Done: ")

    asyncio.run(journey())


@pytest.mark.parametrize("language", ["en", "id"])
def test_all_mail_is_redirected_within_a_fence(in_a_folder: Path, language: str) -> None:
    panel = SendPanel(plan_with_a_test(), mode="loopback", language=language)
    panel.speed.value = "400000"
    panel.redirect_to.value = " me@here.net "
    panel.only.value = "here.net, *.example.org"
    panel.test_to.value = "ann@one.net;bob@two.net"
    panel.preview_button.click()
    assert panel.error == ""
    for words in (
        panel.words("send.redirected", address="me@here.net"),
        "here.net, *.example.org",
        "ann@one.net, bob@two.net",
    ):
        assert words in panel.would.value
    panel.start_button.click()
    assert panel.error == ""
    mails = list(Maildir(in_a_folder / "send.outbox.mails"))
    assert {mail["To"] for mail in mails} == {"me@here.net"}
    originals = [mail["X-Sessim-Original-To"] for mail in mails]
    assert len(originals) == 13
    assert {"ann@one.net", "bob@two.net"} <= {*originals}


def test_what_lies_outside_the_fence_is_previewed_and_not_sent(in_a_folder: Path) -> None:
    panel = SendPanel(plan_of(6), mode="loopback")
    panel.speed.value = "400000"
    panel.only.value = "task1.example.com"
    panel.preview_button.click()
    assert "Outside, which fail" in panel.would.value
    panel.start_button.click()
    mails = list(Maildir(in_a_folder / "send.outbox.mails"))
    assert len(mails) == 6
    assert all(mail["To"].endswith("@task1.example.com") for mail in mails)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("redirect_to", "me", "address 'me' cannot be used (An email address must have an @-sign)"),
        ("redirect_to", "a@b.net c@d.net", "address 'a@b.net c@d.net' cannot be used"),
        ("only", "here", "'here' is neither an address nor a domain; give ann@example.org"),
        ("only", "here.net, @", "'@' is neither an address nor a domain; give ann@example.org"),
        ("test_to", "ann", "address 'ann' cannot be used (An email address must have an @-sign)"),
        ("test_to", "a@b.net, c@d.net, e@f.net", "names 3, but no test send of the plan has more"),
        ("speed", "-1", "-1.0 is not above 0"),
    ],
)
@pytest.mark.parametrize("button", ["preview_button", "start_button"])
def test_a_mistake_is_said_beside_its_field(
    in_a_folder: Path, name: str, given: str, said: str, button: str
) -> None:
    panel = SendPanel(plan_with_a_test(), mode="loopback")
    getattr(panel, name).value = given
    getattr(panel, button).click()
    assert panel.error.startswith(f"{name}: {said}")
    wrong = {key for key, field in panel.fields.items() if "sessim-problem" in field.note.value}
    assert wrong == {name}
    assert text(said)[:20] in panel.fields[name].note.value
    assert not list(in_a_folder.iterdir())
    getattr(panel, name).value = "1" if name == "speed" else ""
    panel.preview_button.click()
    assert panel.error == ""
    assert not [field for field in panel.fields.values() if "problem" in field.note.value]


def test_redirected_to_where_the_fence_does_not_reach_nothing_is_begun(in_a_folder: Path) -> None:
    panel = SendPanel(plan_of(6), mode="loopback")
    panel.redirect_to.value, panel.only.value = "me@here.net", "there.net"
    panel.start_button.click()
    assert panel.error == ("redirect_to: 'me@here.net' is outside there.net; name it in only, too")
    assert not list(in_a_folder.iterdir())


@pytest.mark.parametrize("given", ["4.5", "four", "nan", "1e3", "inf"])
def test_a_number_of_emails_is_whole(in_a_folder: Path, given: str) -> None:
    panel = SendPanel(live_plan(in_a_folder), mode="live")
    panel.server.value, panel.number.value = "smtp://127.0.0.1:9", given
    panel.start_button.click()
    assert panel.error == f"{given!r} is not a number"


def test_a_token_left_over_from_live_is_not_in_the_way_of_a_rehearsal() -> None:
    panel = SendPanel(plan_of(6), mode="live")
    panel.token.value, panel.number.value, panel.server.value = "abc", "4", "smtps://a.net"
    panel.mode_box.value, panel.speed.value = "loopback", "400000"
    panel.start_button.click()
    assert panel.error == ""
    assert panel.message.startswith("Done: 11 emails sent")


# --- a server that does not answer ----------------------------------------------------------------


def test_a_stop_says_what_it_waits_for_and_the_next_one_waits_no_more(in_a_folder: Path) -> None:
    async def journey(server: Faults) -> None:
        panel = SendPanel(live_plan(in_a_folder, 3), mode="live")
        panel.server.value = f"smtp://127.0.0.1:{server.port}"
        panel.token.value = preview(panel._order()).token
        panel.start_button.click()
        await until(lambda: len(server.mails) == 3)
        panel.stop_button.click()
        panel.stop_button.click()  # a double click is one stop
        await until(lambda: panel.message.startswith("Stopping"))
        assert re.fullmatch(
            r"Stopping: waiting for the server's answer to 3 messages, at most (59\d|600) seconds; "
            r"Stop again lists them as unknown\.",
            panel.message,
        )
        assert panel.running
        panel.stop_button.click()
        await asyncio.wait_for(panel._task, 10)
        assert panel.error == ""
        assert panel.sending.counts[State.UNKNOWN] == 3
        assert "Unknown" in panel.figures.value

    with Faults({"dot": ACCEPT_HANG}) as server:
        asyncio.run(journey(server))


# --- live -----------------------------------------------------------------------------------------


def test_live_says_in_one_sentence_what_is_missing(
    in_a_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ARMED, raising=False)
    panel = SendPanel(live_plan(in_a_folder), mode="live")
    panel.preview_button.click()
    assert panel.error.startswith("server: '' is none; give one of smtps://HOST")
    panel.server.value = "smtps://mail.example.net"
    panel.preview_button.click()
    assert (
        f"Missing for a live send: {ARMED}: is not &#x27;mail.example.net&#x27;"
        in panel.would.value
    )
    monkeypatch.setenv(ARMED, "mail.example.net")
    panel.preview_button.click()
    assert "confirm: is missing" in panel.would.value
    panel.start_button.click()
    assert panel.error == "confirm: is missing; look at what would be sent and give its token"
    assert not Path("send.outbox").exists()


def test_live_sends_with_token_and_number(in_a_folder: Path) -> None:
    with Loopback(in_a_folder / "server") as server:
        panel = SendPanel(live_plan(in_a_folder, 4), mode="live")  # five go in the first minute
        panel.server.value = f"smtp://127.0.0.1:{server.port}"
        panel.number.value = "4"
        panel.preview_button.click()
        token = panel.would.value.split("Token</th>")[1].split(">")[1].split("<")[0]
        panel.token.value = token
        panel.preview_button.click()
        assert "Nothing is missing" in panel.would.value
        assert f"LIVE: {panel.server.value}" in panel.badge.value
        panel.start_button.click()
        assert panel.error == ""
        assert panel.message == "Done: 4 emails sent."
        assert server.counts.total() == 4


# --- in the workbench -----------------------------------------------------------------------------


def test_the_workbench_shows_what_is_sent() -> None:
    bench = Workbench(plan_of())
    bench.send.mode = "loopback"
    bench.send.speed.value = "400000"
    bench.send.start_button.click()
    assert bench.result is bench.send.result
    assert bench.console.result is bench.result
    assert bench.result.log.meta["mode"] == "loopback"
    assert bench.error == ""


def test_a_plan_with_problems_is_not_sent() -> None:
    panel = SendPanel(plan_of(), mode="loopback")
    panel.blocked = "Mend the plan first"
    assert panel.start_button.disabled
    panel.start()
    assert panel.error == "Mend the plan first"


def test_names_are_text() -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain("news.example.com", warmup=40)],
        tasks=[sessim.Task(HOSTILE[0], sender="hi@news.example.com", requests=3)],
    )
    panel = SendPanel(plan, mode="loopback")
    panel.speed.value = "400000"
    panel.preview_button.click()
    panel.start_button.click()
    assert "script" not in Tags(panel.figures.value + panel.would.value).tags
    assert "img" not in Tags(panel.figures.value + panel.would.value).tags
