"""The panel that sends: modes, preview, start, steering, following, and what it hands on."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from mailbox import Maildir
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import sessim
from sessim.senders.loopback import Loopback
from sessim.senders.states import State
from sessim.senders.switch import ARMED
from sessim.widgets import SendPanel, Workbench
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
    assert shown(panel) == {"outbox", "speed"}
    panel.mode_box.value = "live"
    assert shown(panel) == {"outbox", "server", "unsubscribe", "number", "token"}
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
