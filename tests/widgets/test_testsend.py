"""The panel of test sends (rule R8): what it asks, what it adds, and what it shows of it."""

from __future__ import annotations

import asyncio
import warnings
from mailbox import Maildir
from pathlib import Path

import pytest

import sessim
from sessim.widgets import TestSend
from sessim.widgets.testsend import Outcome, outcomes, split

SHOP, NEWS = "hello@shop.example.com", "News <news@news.example.com>"


def plan_of(limit: int = 10, *sends: sessim.TestSend) -> sessim.Plan:
    names = ("shop.example.com", "news.example.com")
    return sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain(name, warmup=limit) for name in names],
        tasks=[
            sessim.Task("A", sender=SHOP, requests=8),
            sessim.Task("B", sender=NEWS, requests=1, template="spring"),
        ],
        test_sends=sends,
    )


@pytest.fixture
def panel() -> TestSend:
    return TestSend(plan_of())


def write(panel: TestSend, **fields: str) -> None:
    filled = {"template": "hello", "subject": "Hello", "addresses": "a@x.com", **fields}
    for name, value in filled.items():
        getattr(panel, name).value = value


# --- adding -------------------------------------------------------------------------------------


def test_it_starts_with_what_the_plan_has(panel: TestSend) -> None:
    assert panel.sender.value == SHOP
    assert panel.sender.options == (SHOP, NEWS)
    assert panel.template.options == ("spring",)
    assert panel.at.value == "2026-12-01"


def test_sending_adds_to_the_plan(panel: TestSend) -> None:
    before = panel.plan
    write(panel, sender=NEWS, at="2026-12-02 09:30", addresses="a@x.com; b@x.com\nc@x.com")
    panel.send.click()
    (send,) = panel.plan.test_sends
    assert (send.sender, f"{send.at:%d %H:%M}", send.recipients) == (NEWS, "02 09:30", 3)
    assert before.test_sends == ()
    assert "3 addresses at 2026-12-02 09:30" in panel.message
    assert "not simulated yet" in panel.list.value
    assert panel.outcomes() is None


def test_removing_takes_out_the_chosen_one(panel: TestSend) -> None:
    for at in ("2026-12-01", "2026-12-02", "2026-12-03"):
        write(panel, at=at)
        panel.send.click()
    panel.remove_box.value = 1
    panel.remove.click()
    assert [f"{send.at:%d}" for send in panel.plan.test_sends] == ["01", "03"]
    assert panel.message == "The test send was removed."


def test_it_says_that_nothing_is_sent(panel: TestSend) -> None:
    assert panel.mode == "simulate"
    assert any("No mail leaves this computer" in str(child.value) for child in panel.children[2:3])


def test_in_loopback_the_mails_arrive_at_a_server_of_its_own(
    panel: TestSend, tmp_path: Path
) -> None:
    panel.mode, panel.folder = "loopback", str(tmp_path / "mails")
    write(panel, template="Hello!", addresses="a@x.com, b@x.com")

    async def press() -> None:  # as in a notebook, where a loop is running
        panel.send.click()

    asyncio.run(press())
    mails = {mail["To"]: mail["Subject"] for mail in Maildir(panel.folder, create=False)}
    assert mails == {"a@x.com": "Hello", "b@x.com": "Hello"}
    assert "2 mails are in" in panel.message
    assert len(panel.plan.test_sends) == 1


def test_in_loopback_what_makes_no_mail_is_said_and_nothing_added(
    panel: TestSend, tmp_path: Path
) -> None:
    panel.mode, panel.folder = "loopback", str(tmp_path / "mails")
    write(panel, template="Hello {{first}}!")
    panel.send.click()
    assert panel.error == "template: has variables (first); a test send has no list"
    assert panel.plan.test_sends == ()
    assert panel.addresses.value == "a@x.com"


# --- what is wrong, beside its field ------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("addresses", "a@x.com, nobody", "nobody&#x27; is not an e-mail address"),
        ("addresses", "a@x.com, A@X.com", "A@X.com is there twice"),
        ("addresses", ",".join(f"a{i}@x.com" for i in range(21)), "21 addresses"),
        ("addresses", " , ", "Required"),
        ("sender", "hello@else.example.com", "is not one of the plan"),
        ("sender", "hello", "is not an e-mail address"),
        ("at", "noon", "is no"),
        ("at", "2026-11-30", "is before the plan"),
        ("subject", "s" * 999, "At most 998 characters: 999"),
    ],
)
def test_a_wrong_field_is_told(panel: TestSend, field: str, value: str, said: str) -> None:
    write(panel, **{field: value})
    assert said in panel.fields[field].note.value
    panel.send.click()
    assert panel.plan.test_sends == ()
    assert "mend the fields" in panel.error
    assert getattr(panel, field).value == value


def test_an_empty_field_is_told_once_it_was_tried(panel: TestSend) -> None:
    assert "Required" not in panel.fields["subject"].note.value
    panel.send.click()
    assert "Required" in panel.fields["subject"].note.value
    assert "Required" in panel.fields["addresses"].note.value


def test_twenty_addresses_are_taken(panel: TestSend) -> None:
    write(panel, addresses="\n".join(f"a{i}@x.com" for i in range(20)))
    assert "20 of at most 20" in panel.fields["addresses"].note.value
    panel.send.click()
    assert panel.plan.test_sends[0].recipients == 20


def test_text_is_never_markup(panel: TestSend) -> None:
    write(panel, addresses="<img src=x onerror=alert(1)>", sender='"<b>" <hello@shop.example.com>')
    assert "<img" not in panel.fields["addresses"].note.value
    write(panel)
    panel.send.click()
    assert panel.plan.test_sends
    assert "<b>" not in panel.list.value


def test_without_a_plan_nothing_can_be_sent() -> None:
    panel = TestSend()
    assert panel.send.disabled
    write(panel, sender="x", at="y")
    panel.send.click()
    assert "no complete plan" in panel.error


def test_while_blocked_nothing_can_be_sent(panel: TestSend) -> None:
    panel.blocked = "Wait."
    assert panel.send.disabled
    write(panel)
    panel.send.click()
    assert panel.error == "Wait."
    assert panel.plan.test_sends == ()


def test_checking_warns_of_nothing(panel: TestSend) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write(panel)


# --- what came of it ----------------------------------------------------------------------------


def test_outcomes_tell_what_was_sent_and_what_failed_at_the_limit() -> None:
    noon = "2026-12-01 12:00"
    sends = (
        sessim.TestSend(SHOP, noon, 5),  # 2 left of 10
        sessim.TestSend(NEWS, noon, 9),  # takes the rest
        sessim.TestSend(NEWS, noon, 4),  # too late
        sessim.TestSend(SHOP, "2026-12-02", 10),
    )
    result = sessim.simulate(plan_of(10, *sends))
    assert outcomes(result) == [(2, 3), (9, 0), (0, 4), (10, 0)]
    panel = TestSend(result.plan, result)
    assert panel.outcomes() == outcomes(result)
    assert "3 failed at the daily limit, 2 sent" in panel.list.value
    assert "✓ 9 sent" in panel.list.value


def test_a_test_send_after_the_end_is_not_reached() -> None:
    plan = plan_of(
        10, sessim.TestSend(SHOP, "2026-12-09", 1), sessim.TestSend(SHOP, "2026-12-01", 1)
    )
    result = sessim.simulate(plan, until="2026-12-05")
    assert outcomes(result) == [None, Outcome(1, 0)]
    assert "not reached" in TestSend(plan, result).list.value


def test_the_result_of_another_plan_tells_nothing(panel: TestSend) -> None:
    panel.result = sessim.simulate(plan_of(10, sessim.TestSend(SHOP, "2026-12-01", 1)))
    write(panel, sender=NEWS)
    panel.send.click()
    assert panel.outcomes() is None


def test_addresses_are_split() -> None:
    assert split(" a@x.com,b@x.com;\n\n c@x.com ") == ["a@x.com", "b@x.com", "c@x.com"]
