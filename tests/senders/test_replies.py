from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessim.errors import SessimError
from sessim.senders import stops
from sessim.senders.replies import EXPIRES, Action, Outcome, Stage, classify, lost, retry_delay
from sessim.senders.stops import (
    AuthenticationRefused,
    ConfigurationRefused,
    EncryptionMissing,
    MailSystemRefused,
    NotUnderstood,
    OutOfStep,
    PolicyRefused,
    RouteRefused,
    SenderBlocked,
    ServerRefused,
    TaskStopped,
)

ROW_STAGES = (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)


@pytest.mark.parametrize(
    ("stages", "said", "outcome", "least"),
    [
        (ROW_STAGES, "450 4.2.0 busy", "deferred", 300),
        (ROW_STAGES, "451 4.3.0 local error", "deferred", 300),
        (ROW_STAGES, "452 4.3.1 system full", "deferred", 300),
        (ROW_STAGES, "452 4.2.2 mailbox full", "deferred", 300),
        (ROW_STAGES, "400 what", "deferred", 300),
        ((Stage.RCPT, Stage.DATA), "451 4.7.1 Greylisted", "deferred", 300),
        ((Stage.RCPT,), "450 4.7.1 try again later", "deferred", 300),
        ((Stage.RCPT,), "450 4.2.0 <a@b>: Recipient address rejected: Greylisted", "deferred", 300),
        ((Stage.RCPT,), "451 gray-listing in action", "deferred", 300),
        ((Stage.RCPT,), "452 4.5.3 Too many recipients", "deferred", 300),
        (ROW_STAGES, "450 4.7.0 slow", "throttled", 60),
        (ROW_STAGES, "450 4.7.28 unusual rate of mail", "throttled", 60),
        (ROW_STAGES, "451 too many messages, slow down", "throttled", 60),
        (ROW_STAGES, "452 4.3.2 rate limit exceeded", "throttled", 60),
        ((Stage.MAIL,), "450 4.7.1 Error: too much mail from 192.0.2.1", "throttled", 60),
        (ROW_STAGES, "421 4.7.0 rate", "throttled", 60),
        (ROW_STAGES, "421 4.3.2 shutting down", "deferred", 60),
        (ROW_STAGES, "550 5.7.1 spam", "rejected", 0),
        (ROW_STAGES, "552 5.3.4 too big", "rejected", 0),
        (ROW_STAGES, "554 no", "rejected", 0),
        (ROW_STAGES, "555 5.5.4 unknown parameter", "rejected", 0),
        ((Stage.RCPT,), "501 5.1.3 bad address", "rejected", 0),
        ((Stage.DOT,), "250 2.0.0 queued as 1", "accepted", 0),
        ((Stage.DOT,), "200 ok", "accepted", 0),
    ],
)
def test_rows(stages: tuple[Stage, ...], said: str, outcome: str, least: float) -> None:
    code, enhanced, words = parts(said)
    for stage in stages:
        verdict = classify(stage, code, enhanced, words)
        assert (verdict.outcome, verdict.retry_after) == (outcome, least)
        assert verdict.action is (Action.RECONNECT if code == 421 else Action.NEXT)


def parts(said: str) -> tuple[int, str, str]:
    code, _, rest = said.partition(" ")
    first, _, others = rest.partition(" ")
    return (int(code), first, others) if first.count(".") == 2 else (int(code), "", rest)


@pytest.mark.parametrize(
    ("stage", "code", "error"),
    [
        (Stage.GREETING, 554, ServerRefused),
        (Stage.AUTH, 535, AuthenticationRefused),
        (Stage.AUTH, 534, AuthenticationRefused),
        (Stage.STARTTLS, 502, EncryptionMissing),
        (Stage.MAIL, 530, ConfigurationRefused),
        (Stage.RCPT, 530, ConfigurationRefused),
        (Stage.MAIL, 538, ConfigurationRefused),
        (Stage.MAIL, 503, OutOfStep),
        (Stage.DATA, 503, OutOfStep),
        (Stage.MAIL, 500, NotUnderstood),
    ],
)
def test_what_stops_a_task(stage: Stage, code: int, error: type[TaskStopped]) -> None:
    assert classify(stage, code).stops is error
    assert classify(stage, code).outcome in {Outcome.DEFERRED, None}


@pytest.mark.parametrize(
    ("enhanced", "of_500", "of_503"),
    [
        ("5.0.0", NotUnderstood, OutOfStep),
        ("5.1.3", None, None),  # addresses and the mailbox: the row is refused, not the task
        ("5.2.1", None, None),
        ("5.3.0", MailSystemRefused, MailSystemRefused),
        ("5.3.2", MailSystemRefused, MailSystemRefused),
        ("5.3.4", None, None),  # too big: this message is
        ("5.4.4", RouteRefused, RouteRefused),
        ("5.5.1", NotUnderstood, OutOfStep),
        ("5.5.4", NotUnderstood, OutOfStep),
        ("5.6.1", None, None),  # the content
        ("5.7.1", PolicyRefused, PolicyRefused),
        ("5.7.25", PolicyRefused, PolicyRefused),
    ],
)
def test_a_command_refused_is_told_as_rfc_3463_means_its_code(
    enhanced: str, of_500: type[TaskStopped] | None, of_503: type[TaskStopped] | None
) -> None:
    for code, error in ((500, of_500), (503, of_503)):
        for stage in ROW_STAGES:
            verdict = classify(stage, code, enhanced, "no")
            assert verdict.stops is error
            assert error is not None or verdict.outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("550 5.7.1 blocked", "refuses the sender"),
        ("550 5.1.8 no such sender", "refuses the sender"),
        ("550 no", "refuses the sender"),
        ("554 5.3.2 not accepting messages", "its mail system cannot take mail"),
        ("550 5.4.6 loop", "network or routing behind it fail"),
        ("555 5.5.4 SIZE", "does not understand a command"),
    ],
)
def test_a_sender_refused_is_told_as_rfc_3463_means_its_code(words: str, what: str) -> None:
    error = SenderBlocked("host:25", f"5 times in a row, last: {words}", words, [1, 2])
    assert f"{what} (5 times in a row, last: {words}): " in str(error)
    assert ("unblocked" in str(error)) == (what == "refuses the sender")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert error.keys == (1, 2)


@pytest.mark.parametrize("code", [211, 214, 220, 221, 235, 354, 399])
@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.RSET, Stage.DOT])
def test_what_answers_another_command_is_no_success(stage: Stage, code: int) -> None:
    assert classify(stage, code) is lost(stage)


@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH])
def test_4xx_before_the_first_message_is_for_later(stage: Stage) -> None:
    for code in (421, 454, 450):
        assert classify(stage, code).action is Action.RECONNECT


@pytest.mark.parametrize(
    ("words", "error"),
    [("Error: need EHLO and AUTH first !", ConfigurationRefused),
     ("This mail server requires authentication", ConfigurationRefused),
     ("Error: need RCPT command", OutOfStep)],
)  # fmt: skip
def test_who_has_to_log_in_first_is_not_told_of_a_mistake_in_sessim(
    words: str, error: type[Exception]
) -> None:
    assert classify(Stage.MAIL, 503, "", words).stops is error


@pytest.mark.parametrize(
    ("words", "crowded"),
    [("too many connections", True), ("Too many concurrent SMTP connections", True),
     ("too many from you", True), ("connection rate limit", True), ("busy", False)],
)  # fmt: skip
def test_too_many_connections(words: str, crowded: bool) -> None:
    assert classify(Stage.GREETING, 421, "4.7.0", words).is_crowded == crowded


@pytest.mark.parametrize(
    ("stage", "code", "enhanced", "words", "suppress"),
    [
        (Stage.RCPT, 550, "5.1.1", "", True),
        (Stage.RCPT, 550, "5.1.2", "", True),
        (Stage.DOT, 550, "5.1.1", "", True),
        (Stage.RCPT, 550, "", "No such user here", True),
        (Stage.RCPT, 550, "", "User unknown", True),
        (Stage.RCPT, 550, "5.1.10", "", True),
        (Stage.RCPT, 550, "5.7.1", "no such user allowed", False),
        (Stage.RCPT, 550, "", "policy", False),
        (Stage.RCPT, 550, "5.1.8", "", False),
        (Stage.MAIL, 550, "5.1.1", "", False),
    ],
)
def test_bad_addresses_are_to_be_suppressed(
    stage: Stage, code: int, enhanced: str, words: str, suppress: bool
) -> None:
    assert classify(stage, code, enhanced, words).suppress == suppress


@given(st.sampled_from(Stage), st.integers(200, 599), st.text(max_size=20))
def test_no_reply_is_taken_for_another(stage: Stage, code: int, words: str) -> None:
    """Accepted is only a 2xx to the final dot; after it, what makes no sense is unknown."""
    verdict = classify(stage, code, "", words)
    is_accepted = stage is Stage.DOT and 200 <= code < 300
    assert (verdict.outcome is Outcome.ACCEPTED) == is_accepted
    is_unknown = stage is Stage.DOT and 300 <= code < 400
    assert (verdict.outcome is Outcome.UNKNOWN) == is_unknown
    assert not (code < 400 and verdict.outcome is Outcome.REJECTED)
    assert not (400 <= code < 500 and verdict.stops)


@pytest.mark.parametrize("stage", Stage)
def test_a_lost_connection_is_ambiguous_after_the_final_dot_only(stage: Stage) -> None:
    assert (lost(stage).outcome is Outcome.UNKNOWN) == (stage is Stage.DOT)
    assert lost(stage).action is Action.RECONNECT


# --- trying again ---


@given(st.integers(1, 10_000), st.floats(0, 1e6), st.integers())
def test_delays_are_never_shorter_than_asked_for(attempt: int, least: float, seed: int) -> None:
    for outcome in (Outcome.DEFERRED, Outcome.THROTTLED):
        delay = retry_delay(outcome, attempt, random.Random(seed), least)
        assert delay is not None
        assert max(60, least) <= delay <= 1.25 * max(4 * 3600, least)


def test_delays_grow_and_reach_their_longest() -> None:
    class Middle(random.Random):
        def random(self) -> float:
            return 0.0

    delays = [retry_delay(Outcome.DEFERRED, n, Middle()) for n in range(1, 9)]
    assert delays == [300, 600, 1200, 2400, 4800, 9600, 14400, 14400]
    assert EXPIRES == 432_000


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN])
def test_nothing_that_is_over_is_tried_again(outcome: Outcome) -> None:
    assert retry_delay(outcome, 1, random.Random(1), 5.0) is None


# --- the errors ---

ERRORS = [kind for kind in vars(stops).values()
          if isinstance(kind, type) and issubclass(kind, TaskStopped)]  # fmt: skip


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_are_one_sentence_with_host_words_and_remedy(kind: type[TaskStopped]) -> None:
    error = kind("mail.example.com:465", "550 no")
    text = str(error)
    assert isinstance(error, SessimError)
    assert text.startswith("mail.example.com:465: ")
    assert "(550 no)" in text
    assert kind.remedy in text
    assert "\n" not in text
    assert not isinstance(error, OSError)  # those may be tried again
    assert str(pickle.loads(pickle.dumps(error))) == text
