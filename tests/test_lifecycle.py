"""Statuses and transitions are data: rule R2's table, and the codes of the service's API."""

from __future__ import annotations

import pytest

from sessim.lifecycle import FINISHED, TRANSITIONS, TaskStatus, TaskType
from tests.stories import lines

TABLE = """
    To start   Sending
    To start   Paused
    Sending    Paused
    Paused     Sending
    Sending    Sent
    To start   Error
    Sending    Error
    Paused     Error
    Error      Sending
    Error      Paused
    To start   Cancelled
    Sending    Cancelled
    Paused     Cancelled
"""
CODES = {"To start": 1, "Sending": 5, "Paused": 6, "Error": 7, "Sent": 10, "Cancelled": 0}


def test_the_transitions_are_those_of_the_rules_and_no_others() -> None:
    allowed = {
        f"{before.label} {after.label}"
        for before, afters in TRANSITIONS.items()
        for after in afters
    }
    assert allowed == set(lines(TABLE))


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(TaskStatus)


@pytest.mark.parametrize("status", TaskStatus)
def test_only_an_error_goes_on_after_the_end_and_only_by_the_user(status: TaskStatus) -> None:
    assert status.finished == (status in FINISHED)
    assert status.finished == (not TRANSITIONS[status] or status == TaskStatus.ERROR)


def test_statuses_have_the_api_s_codes_and_the_console_s_words() -> None:
    assert {status.label: int(status) for status in TaskStatus} == CODES


def test_types_have_the_api_s_codes_and_the_console_s_words() -> None:
    kinds = {kind.label: int(kind) for kind in TaskType}
    assert kinds == {"Batch": 1, "Scheduled": 2, "Recurring": 3}
