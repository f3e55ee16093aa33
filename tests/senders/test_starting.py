"""A send that is killed while it begins, and what never shows when it begins wrongly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sessim.errors import ArgumentError, OutboxError
from sessim.senders.order import Order, server_of
from sessim.senders.outbox import Outbox
from sessim.senders.sending import Sending
from tests.senders.faults import Faults
from tests.senders.plans import begin, list_of, live, people, plan_to, task_to

NOBODY = "user1@site.example"


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return outboxes as a kill would leave them: before and after each step of a start."""
    copies: list[Path] = []

    def watched(step: Any) -> Any:
        def copying(outbox: Outbox, *arguments: Any) -> Any:
            keep(outbox.path)
            found = step(outbox, *arguments)
            keep(outbox.path)
            return found

        return copying

    def keep(path: Path) -> None:
        copies.append(tmp_path / f"killed{len(copies)}")
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", f"{copies[-1]}{ending}")

    monkeypatch.setattr(Outbox, "add_list", watched(Outbox.add_list))
    monkeypatch.setattr(Outbox, "suppress", watched(Outbox.suppress))
    return copies


def test_a_start_that_was_cut_short_sends_nothing_to_who_gets_nothing(
    tmp_path: Path, killed: list[Path]
) -> None:
    first = task_to(list_of(tmp_path, *people(3)), "First")
    second = task_to(list_of(tmp_path, *people(4), name="other.csv"), "Second")
    suppress = list_of(tmp_path, NOBODY, name="gone.csv")
    with Faults() as server:
        order = live(plan_to(first, second, rate=1000), server.port, suppress=suppress, speed=2000)
        with begin(order, tmp_path / "a"):
            pass
        *halves, whole = killed
        assert len(halves) == 5
        for path in halves:
            with pytest.raises(OutboxError, match="was cut short before anything was sent"):
                Sending.resume(path)
        with Sending.resume(whole) as sending:
            sending.run()
        written_to = [address for address in [*people(3), *people(4)] if address != NOBODY]
        assert sorted(server.recipients) == sorted(written_to)


def test_mails_need_a_folder(tmp_path: Path) -> None:
    plan = plan_to(task_to(list_of(tmp_path, *people(3))))
    (tmp_path / "a.mails").touch()
    with pytest.raises(OutboxError, match=r"^'a.mails' is no folder to keep mails in; name anoth"):
        Sending.start(Order(plan), tmp_path / "a")
    for folder in ("", ".", "/", tmp_path):
        with pytest.raises(OutboxError, match="is not a file; name another"):
            Sending.start(Order(plan), folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mails", "list.csv"]


@pytest.mark.parametrize(
    "url", ["smtps://ann:canary@mail.site.example", "smtp://ann:can/ary@host", "//ann:canary@host"]
)
def test_a_password_in_the_servers_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ArgumentError, match="holds a user or a password") as caught:
        server_of(url)
    assert "can" not in str(caught.value)
