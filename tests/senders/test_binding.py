"""What is taken in is exactly what was confirmed, whenever a list is edited in between."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessim.errors import RecipientError
from sessim.recipients import RecipientFile
from sessim.senders import starting
from sessim.senders.binding import Witnessed
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.sending import Sending
from sessim.senders.store import Header
from sessim.senders.switch import preview
from tests.senders.faults import Faults
from tests.senders.plans import begin, list_of, live, people, plan_to, task_to

CHANGED = r"^list 'list.csv' was changed after it was confirmed; look at what would be sent now"

Edit = Callable[[Path], object]


def one_more(file: Path) -> None:
    file.write_text(file.read_text() + "eve@elsewhere.example,Eve\n")


def another(file: Path) -> None:
    file.write_text(file.read_text().replace("user1@", "eve@"))


def another_value(file: Path) -> None:
    file.write_text(file.read_text().replace("Name 1", "Eve"))


def columns_swapped(file: Path) -> None:
    rows = [line.split(",") for line in file.read_text().splitlines()]
    file.write_text("".join(f"{second},{first}\n" for first, second in rows))


def emptied(file: Path) -> None:
    file.write_text("email,first\n")


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> Callable[[Edit, Path], None]:
    """Return a function that has a file edited when the confirmation has been looked at."""

    def plan_edit(edit: Edit, file: Path) -> None:
        confirmed = starting.require_confirmed

        def look_and_edit(*arguments: Any) -> None:
            confirmed(*arguments)
            edit(file)

        monkeypatch.setattr(starting, "require_confirmed", look_and_edit)

    return plan_edit


@pytest.mark.parametrize("edit", [one_more, another, another_value, columns_swapped, emptied])
@pytest.mark.parametrize("name", ["list.csv", "gone.csv"])
def test_a_list_edited_after_it_was_confirmed_is_not_sent_to(
    tmp_path: Path, edited: Callable[[Edit, Path], None], edit: Edit, name: str
) -> None:
    plan = plan_to(task_to(list_of(tmp_path, *people(3))))
    gone = list_of(tmp_path, "user1@site.example", "x@y.example", name="gone.csv")
    with Faults() as server:
        order = live(plan, server.port, suppress=gone, speed=1000)
        edited(edit, tmp_path / name)
        with pytest.raises(RecipientError, match=CHANGED.replace("list.csv", name)):
            begin(order, tmp_path / "a")
        assert not (tmp_path / "a").exists()
        assert server.commands == []


def test_a_list_edited_while_it_is_taken_in_is_given_up_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit is behind what has been read, or ahead of it: both are no longer what was shown."""
    many = people(30_000)  # more than is read at once
    plan = plan_to(task_to(list_of(tmp_path, *many)))
    file = tmp_path / "list.csv"
    found: list[int] = []
    read = RecipientFile.read

    def edited(group: RecipientFile, digest: Any = None) -> Any:
        for number, row in enumerate(read(group, digest)):
            if number == 1000:
                file.write_bytes(file.read_bytes().replace(b"user29999@", b"user2999X@"))
            found.append(row.line)
            yield row

    order = live(plan, 9, recipients=30_000)
    token = preview(order).token
    held = preview(order).lists
    monkeypatch.setattr(starting, "_confirmed", lambda *_: held)
    monkeypatch.setattr(RecipientFile, "read", edited)
    with pytest.raises(RecipientError, match=CHANGED):
        Sending.start(order, tmp_path / "a", confirm=token)
    assert len(found) == 30_000
    assert not (tmp_path / "a").exists()


def test_what_was_refused_left_nothing_in_the_outbox(tmp_path: Path) -> None:
    group = RecipientFile(list_of(tmp_path, *people(3)))
    with Outbox.create(tmp_path / "a", Header("live")) as outbox:
        with pytest.raises(RecipientError, match=CHANGED):
            outbox.add_list("task 1", Witnessed(group, "0" * 64))
        assert outbox.lists() == []
        seen = hashlib.sha256()
        list(group.read(seen))
        taken = outbox.add_list("task 1", Witnessed(group, seen.hexdigest()))
        assert taken.recipients == 3


@pytest.mark.parametrize("mode", ["loopback", "live"])
@pytest.mark.parametrize(("edit", "now"), [(one_more, 4), (emptied, 0)])
def test_a_plan_read_before_its_list_was_edited_is_read_again(
    tmp_path: Path, mode: str, edit: Edit, now: int
) -> None:
    """Its numbers are those of the old list: the new rows would never be sent, or fail."""
    plan = plan_to(task_to(list_of(tmp_path, *people(3))))
    edit(tmp_path / "list.csv")
    order = live(plan, 9) if mode == "live" else Order(plan)
    with pytest.raises(RecipientError) as caught:
        begin(order, tmp_path / "a")
    assert str(caught.value) == (
        f"list 'list.csv' has {now} recipients now, and had 3 when the plan was read; "
        "read the plan again"
    )
    assert not (tmp_path / "a").exists()
