"""What a server's replies mean for a row, a connection and a task, as data."""

from __future__ import annotations

import random
import re
from collections.abc import Container
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from sessim.senders.stops import (
    AuthenticationRefused,
    ConfigurationRefused,
    EncryptionMissing,
    MailSystemRefused,
    NotUnderstood,
    OutOfStep,
    PolicyRefused,
    RouteRefused,
    ServerRefused,
    TaskStopped,
)

MINUTE: Final = 60.0  # seconds
HOUR: Final = 60 * MINUTE

EXPIRES: Final = 5 * 24 * HOUR
"""Seconds after which a row that is still refused for now is given up (RFC 5321, 4.5.4.1)."""


class Outcome(StrEnum):
    """What became of one row."""

    ACCEPTED = "accepted"  # the server has it
    REJECTED = "rejected"  # refused for good
    DEFERRED = "deferred"  # not accepted, to be tried again
    THROTTLED = "throttled"  # as deferred, and the server asks for less
    UNKNOWN = "unknown"  # complete on the wire, never answered: perhaps delivered


class Stage(StrEnum):
    """The command that a reply belongs to."""

    CONNECT = "connecting"
    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "message"
    DOT = "final dot"
    RSET = "RSET"


class Action(Enum):
    """What to do about the connection and the task."""

    GO_ON = "the command did what it should"
    NEXT = "this row is answered; the connection is still good"
    RECONNECT = "the connection is over"
    STOP = "the task stops"


class Reply(NamedTuple):
    """A server's reply: code, enhanced code (RFC 3463, empty if there is none), its words."""

    code: int
    enhanced: str = ""
    words: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, [str(self.code), self.enhanced, self.words]))


# --- the table ----------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """What a reply means.

    ``retry_after`` is the shortest time to the next try in seconds; ``suppress``: the address
    itself is bad; ``is_crowded``: the server has too many connections; ``stops``: the error that
    stops the task.
    """

    action: Action
    outcome: Outcome | None = None
    retry_after: float = 0.0
    suppress: bool = False
    is_crowded: bool = False
    stops: type[TaskStopped] | None = None


class Rule(NamedTuple):
    """A row of the table: patterns of code, enhanced code and words at some stages."""

    stages: frozenset[Stage]
    code: str
    verdict: Verdict
    enhanced: str = ""
    words: str = ""

    def covers(self, stage: Stage, reply: Reply) -> bool:
        """Tell whether the rule is about a reply."""
        return (
            stage in self.stages
            and re.fullmatch(self.code, str(reply.code)) is not None
            and re.match(self.enhanced, reply.enhanced) is not None
            and re.search(self.words, reply.words, re.IGNORECASE) is not None
        )


_DONE: Final = frozenset(range(200, 300)) - {211, 214, 220, 221, 235}
"""What may say that a command of a message is done: RFC 5321, 4.2.1, has clients go by the first
digit. The others answer HELP, STARTTLS, QUIT and AUTH, so the server is somewhere else."""

DONE: Final[dict[Stage, Container[int]]] = {
    Stage.GREETING: range(220, 221),
    Stage.EHLO: range(250, 251),
    Stage.STARTTLS: range(220, 221),
    Stage.AUTH: range(235, 236),
    Stage.MAIL: _DONE,
    Stage.RCPT: _DONE,
    Stage.DATA: range(354, 355),
    Stage.DOT: _DONE - {251, 252},  # of RCPT and VRFY
    Stage.RSET: _DONE,
}
"""The codes with which each command has done what it should."""

ANY: Final = frozenset(Stage)
ROW: Final = frozenset({Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY, Stage.DOT})
ADDRESS: Final = frozenset({Stage.RCPT, Stage.DOT})

GO_ON: Final = Verdict(Action.GO_ON)
ACCEPTED: Final = Verdict(Action.NEXT, Outcome.ACCEPTED)
REJECTED: Final = Verdict(Action.NEXT, Outcome.REJECTED)
BAD_ADDRESS: Final = Verdict(Action.NEXT, Outcome.REJECTED, suppress=True)
DEFERRED: Final = Verdict(Action.NEXT, Outcome.DEFERRED, 5 * MINUTE)
GREYLISTED: Final = Verdict(Action.NEXT, Outcome.DEFERRED, 5 * MINUTE)
THROTTLED: Final = Verdict(Action.NEXT, Outcome.THROTTLED, MINUTE)
CLOSED: Final = Verdict(Action.RECONNECT, Outcome.DEFERRED, MINUTE)
SLOWED: Final = Verdict(Action.RECONNECT, Outcome.THROTTLED, MINUTE)
CROWDED: Final = Verdict(Action.RECONNECT, Outcome.THROTTLED, MINUTE, is_crowded=True)
LOST_BEFORE: Final = Verdict(Action.RECONNECT, Outcome.DEFERRED, MINUTE)
LOST_AFTER: Final = Verdict(Action.RECONNECT, Outcome.UNKNOWN)


def _stop(error: type[TaskStopped]) -> Verdict:
    return Verdict(Action.STOP, Outcome.DEFERRED, stops=error)


_CONNECTIONS = r"too many (\w+ )?(connections|sessions)|connection (limit|rate)|concurren"
_RATE = r"\brate\b|too many|too (fast|much)|throttl|slow down|limit exceeded|exceeded .*limit"
_PROTOCOL = r"(5\.[05]\.|$)"  # or nothing more precise; what is left is about the row
_NOBODY = r"no such|unknown (user|recipient|mailbox)|(user|recipient|mailbox) unknown|not exist"

RULES: Final = (
    # Whatever comes with 421, the server closes the connection after it.
    Rule(ANY, "421", CROWDED, words=_CONNECTIONS),
    Rule(frozenset({Stage.GREETING, Stage.EHLO}), "421", CROWDED, words="too many"),
    Rule(ANY, "421", SLOWED, words=_RATE),
    Rule(ANY, "421", SLOWED, enhanced=r"4\.7\."),
    Rule(ANY, "421", CLOSED),
    # Before the first message.
    Rule(frozenset({Stage.GREETING, Stage.EHLO}), "4..", CROWDED, words=_CONNECTIONS),
    Rule(frozenset({Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH}), "4..", CLOSED),
    Rule(frozenset({Stage.GREETING, Stage.EHLO}), "5..", _stop(ServerRefused)),
    Rule(frozenset({Stage.STARTTLS}), "5..", _stop(EncryptionMissing)),
    Rule(frozenset({Stage.AUTH}), "5..", _stop(AuthenticationRefused)),
    # Of every message.
    Rule(ROW, "53[048]", _stop(ConfigurationRefused)),
    Rule(ROW, "503", _stop(ConfigurationRefused), words=r"\bauth"),  # many servers' 530
    Rule(ROW, "50[03]", REJECTED, enhanced=r"5\.3\.4$"),  # this message is too big
    Rule(ROW, "50[03]", _stop(MailSystemRefused), enhanced=r"5\.3\."),
    Rule(ROW, "50[03]", _stop(RouteRefused), enhanced=r"5\.4\."),
    Rule(ROW, "50[03]", _stop(PolicyRefused), enhanced=r"5\.7\."),
    Rule(ROW, "500", _stop(NotUnderstood), enhanced=_PROTOCOL),
    Rule(ROW, "503", _stop(OutOfStep), enhanced=_PROTOCOL),
    Rule(ROW, "4..", GREYLISTED, words="gr[ae]y-?list"),
    Rule(ROW, "452", DEFERRED, enhanced=r"4\.5\.3"),
    Rule(ROW, "4..", THROTTLED, words=_RATE),
    Rule(frozenset({Stage.RCPT}), "45[01]", GREYLISTED, enhanced=r"4\.7\.1$"),
    Rule(ROW, "4..", THROTTLED, enhanced=r"4\.7\."),
    Rule(ROW, "4..", DEFERRED),
    Rule(ADDRESS, "5..", BAD_ADDRESS, enhanced=r"5\.1\.(1|2|3|6|10)$"),
    Rule(ADDRESS, "55[013]", BAD_ADDRESS, enhanced="$", words=_NOBODY),
    Rule(ROW, "5..", REJECTED),
)
"""The first rule that covers a reply decides; a reply that none covers makes no sense there."""


def classify(stage: Stage, code: int, enhanced: str = "", words: str = "") -> Verdict:
    """Say what a reply to a command means.

    Parameters
    ----------
    stage
        The command that the reply belongs to.
    code, enhanced, words
        The reply: three digits, enhanced status code or nothing, text.

    Returns
    -------
    Verdict
        A reply that makes no sense at its stage counts as a connection that was lost there.
    """
    if code in DONE.get(stage, ()):
        return ACCEPTED if stage is Stage.DOT else GO_ON
    reply = Reply(code, enhanced, words)
    for rule in RULES:
        if rule.covers(stage, reply):
            return rule.verdict
    return lost(stage)


def lost(stage: Stage) -> Verdict:
    """Say what the end of a connection means while the reply to a command is awaited.

    Before the final dot is written no server has the message; after it, only its reply tells.
    """
    return LOST_AFTER if stage is Stage.DOT else LOST_BEFORE


def makes_sense(stage: Stage, reply: Reply) -> bool:
    """Tell whether a reply may be one to a command, whatever it says."""
    return classify(stage, *reply) is not lost(stage)


def is_about_address(reply: Reply) -> bool:
    """Tell whether a reply speaks of an address (RFC 3463, x.1.x), as those to MAIL and RCPT do."""
    return reply.enhanced[1:4] == ".1."


# --- when to try again --------------------------------------------------------------------------


class Schedule(NamedTuple):
    """Delays that grow: the first one in seconds, the factor, the longest in seconds."""

    first: float
    factor: float
    longest: float

    def delay(self, attempt: int) -> float:
        """Return the delay after try number ``attempt`` (from 1), in seconds."""
        # The power of a large attempt overflows long after the longest delay is reached.
        return min(self.first * self.factor ** min(attempt - 1, 64), self.longest)


SCHEDULES: Final = {
    Outcome.DEFERRED: Schedule(5 * MINUTE, 2.0, 4 * HOUR),
    Outcome.THROTTLED: Schedule(MINUTE, 2.0, HOUR),
}
"""When rows are tried again; what has no schedule never is."""

JITTER: Final = 0.25


def retry_delay(
    outcome: Outcome, attempt: int, rng: random.Random, at_least: float = 0.0
) -> float | None:
    """Return how long to wait before a row is tried again.

    Parameters
    ----------
    outcome
        What became of the last try.
    attempt
        Its number, from 1.
    rng
        Where the jitter comes from: up to a quarter is added, nothing is ever taken off.
    at_least
        What the server's reply asked for (``Delivery.retry_after``), in seconds.

    Returns
    -------
    float or None
        Seconds; ``None`` for outcomes after which no row is tried again.
    """
    schedule = SCHEDULES.get(outcome)
    if schedule is None:
        return None
    return max(schedule.delay(attempt), at_least) * (1 + JITTER * rng.random())
