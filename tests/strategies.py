"""Random plans, small enough to be simulated email by email and nasty in everything else.

``plans()`` draws plans in the form of a plan file: plain dicts, lists, strings and numbers. They
are valid: no start in a skipped hour or before the plan's, senders of the plan's domains only.
A plan has a few instants that its parts use over and over, so that starts, cancellations, test
sends and restarts often fall together; with most rates emails fall on whole minutes too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

MOST_EMAILS = 3000
DAYS = [1, 2, 3, 5, 5, 8, 8, 20]  # the horizon lies on the day so many days after the first

# Zones, each with dates just before its clock changes (where it has any).
ZONES = {
    "Asia/Shanghai": ["2026-12-01", "2027-02-27"],
    "UTC": ["2026-12-29"],
    "Europe/Berlin": ["2026-03-27", "2026-10-23"],
    "America/Havana": ["2026-03-06", "2026-10-30"],  # skips and repeats 00:00 to 01:00
    "America/Santiago": ["2026-09-04", "2026-04-02"],  # skips 00:00, repeats 23:00 to 24:00
    "Australia/Lord_Howe": ["2026-10-02", "2026-04-03"],  # half an hour at 02:00
}
TIMES = [
    *("00:00", "00:00", "00:00", "00:01", "00:30", "01:00", "01:30", "02:00", "02:15", "02:30"),
    *("03:00", "08:00", "09:00", "12:00", "20:00", "22:00", "23:00", "23:30", "23:50", "23:58"),
]
DOMAINS = ["news.example.com", "shop.example.org", "mail.example.net"]
RATES = [
    20,
    3,
    1,
    1000,
    0.5,
    "1/7",
    "70/3",
    "1/60",
    "1/60",
    "1/60",
    "1/90",
    "1/600",
    "1/600",
    "1/3600",
]
DELAYS = [1, 3600, 3600, 90_000]
HOURS = [1, 1, 2, 6, 12, 23, 24, 24, 24, 25, 48]


@dataclass(frozen=True)
class Frame:
    """What the parts of one plan share. All instants are wall-clock times that exist."""

    zone: ZoneInfo
    first_day: date
    days: int
    start: datetime
    end: datetime  # the horizon
    pool: list[datetime]  # for starts, cancellations...: none before the start


def exists(wall: datetime, zone: ZoneInfo) -> bool:
    """Tell whether the zone's clocks ever show that time."""
    there_and_back = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there_and_back.replace(tzinfo=None, fold=0) == wall


def begin(day: date, zone: ZoneInfo) -> datetime:
    """Return the first time that the clocks show on a day."""
    wall = datetime.combine(day, time())
    while not exists(wall, zone):
        wall += timedelta(minutes=1)
    return wall


def text(wall: datetime) -> str:
    """Return a wall-clock time as it stands in a plan."""
    return f"{wall:%Y-%m-%d %H:%M}"


@st.composite
def wall_times(draw: st.DrawFn, zone: ZoneInfo, first_day: date, days: int) -> datetime:
    """Draw a wall-clock time that exists, on the first day or on one of so many after it."""
    day = first_day + timedelta(days=draw(st.integers(0, days)))
    wall = datetime.combine(day, time.fromisoformat(draw(st.sampled_from(TIMES))))
    return wall if exists(wall, zone) else begin(day, zone)


@st.composite
def frames(draw: st.DrawFn, zones: list[str]) -> Frame:
    """Draw a zone, a start, a horizon, and the instants for the plan's parts."""
    name = draw(st.sampled_from(zones))
    zone = ZoneInfo(name)
    first_day = date.fromisoformat(draw(st.sampled_from(ZONES[name])))
    first_day += timedelta(days=draw(st.integers(0, 2)))
    days = draw(st.sampled_from(DAYS))
    start = begin(first_day, zone)
    if draw(st.booleans()):
        start = draw(wall_times(zone, first_day, 0))
    end = draw(wall_times(zone, first_day + timedelta(days=days), 0))
    drawn = draw(st.lists(wall_times(zone, first_day, min(days, 3)), min_size=1, max_size=5))
    pool = [max(wall, start) for wall in drawn]
    return Frame(zone, first_day, days, start, end, pool)


# --- domains ------------------------------------------------------------------------------------

LIMITS = st.one_of(
    st.sampled_from([0, 1, 2, 5]), st.integers(5, 60), st.integers(20, 600), st.integers(20, 600)
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a warm-up by rule."""
    start = draw(st.integers(1, 60))
    factor = draw(st.sampled_from([1, 1.1, 1.4, 1.5, 2, 2.5]))
    return {"start": start, "factor": factor, "cap": start + draw(st.integers(0, 600))}


WARMUPS = st.one_of(
    st.lists(LIMITS, min_size=1, max_size=7),
    st.lists(LIMITS, min_size=1, max_size=7),
    st.lists(LIMITS, min_size=1, max_size=4).map(sorted),
    st.lists(st.integers(50, 600) | st.just(0), min_size=3, max_size=6),
    LIMITS,
    rules(),
    st.sampled_from(["none", "standard"]),
)


@st.composite
def domains(draw: st.DrawFn, frame: Frame, name: str) -> dict[str, Any]:
    """Draw a domain."""
    domain: dict[str, Any] = {"name": name, "warmup": draw(WARMUPS)}
    shift = draw(st.sampled_from([None, None, None, 0, -1, -3, 1, 2]))
    if shift is not None:
        domain["warmup_start"] = (frame.first_day + timedelta(days=shift)).isoformat()
    advance = draw(st.sampled_from([None, None, None, "calendar", "sending", "sending"]))
    if advance is not None:
        domain["advance"] = advance
    return domain


# --- tasks --------------------------------------------------------------------------------------

SIZES = st.one_of(
    st.integers(1, 20),
    st.sampled_from([10, 30, 60, 100]),
    st.integers(50, 500),
    st.just(MOST_EMAILS),
)


@st.composite
def senders(draw: st.DrawFn, names: list[str]) -> str:
    """Draw a sender address of one of the domains, bare or behind a name."""
    address = f"{draw(st.sampled_from(['hello', 'billing', 'a']))}@{draw(st.sampled_from(names))}"
    return draw(st.sampled_from([address, f"Example Shop <{address}>"]))


@st.composite
def starts(draw: st.DrawFn, frame: Frame) -> str:
    """Draw the start of a scheduled task: an instant of the pool, or only its date."""
    wall = draw(st.sampled_from(frame.pool))
    may_be_date = begin(wall.date(), frame.zone) >= frame.start
    if may_be_date and draw(st.integers(0, 3)) == 0:
        return wall.date().isoformat()
    return text(wall)


@st.composite
def recurrences(draw: st.DrawFn, frame: Frame) -> tuple[dict[str, Any], datetime, int]:
    """Draw a recurring task's keys, with its first due time and the most runs that it can have."""
    early = [wall for wall in frame.pool if wall < frame.end]
    first = draw(st.sampled_from(early or [frame.start]))
    hours = draw(st.one_of(st.integers(1, 30), st.sampled_from(HOURS)))
    keys: dict[str, Any] = {"start": text(first), "every": f"{hours}h"}
    bound = draw(st.sampled_from(["count", "until", "horizon"]))
    last = frame.end
    if bound == "until":
        last_day = first.date() + timedelta(days=draw(st.integers(0, frame.days)))
        in_pool = [text(wall) for wall in frame.pool if wall >= first]
        keys["until"] = draw(st.sampled_from([last_day.isoformat(), *in_pool]))
        last = datetime.fromisoformat(keys["until"])
    most = ((last - first).days + 2) * 24 // hours + 1
    if bound == "count":
        keys["count"] = most = draw(st.integers(1, 14))
    keys |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "every_by": st.sampled_from(["wall", "elapsed"]),
                "overlap": st.sampled_from(["skip", "queue"]),
            },
        )
    )
    return keys, first, most


@st.composite
def tasks(
    draw: st.DrawFn, frame: Frame, names: list[str], number: int, most_emails: int
) -> dict[str, Any]:
    """Draw a task that has at most so many emails in all its runs together."""
    task: dict[str, Any] = {"name": f"Task {number}", "sender": draw(senders(names))}
    kind = draw(st.sampled_from(["immediate", "scheduled", "recurring", "recurring"]))
    dues = [frame.start]
    runs = 1
    if kind == "scheduled":
        task["start"] = draw(starts(frame))
        dues = [datetime.fromisoformat(task["start"])]
    if kind == "recurring":
        keys, first, runs = draw(recurrences(frame))
        task |= keys
        dues = [first, first + timedelta(hours=int(keys["every"][:-1]))]
    most_requests = max(1, most_emails // runs)
    task["requests"] = min(most_requests, draw(SIZES))
    if draw(st.integers(0, 3)) == 0:
        ties = [wall for wall in dues if wall >= frame.start and exists(wall, frame.zone)]
        task["cancel_at"] = text(draw(st.sampled_from([*frame.pool, *ties])))
    return task


# --- plans --------------------------------------------------------------------------------------


@st.composite
def account_rules(draw: st.DrawFn, frame: Frame) -> dict[str, Any]:
    """Draw the keys of the plan that say how the account works; what is absent is the default."""
    keys = draw(
        st.fixed_dictionaries(
            {"rate": st.sampled_from(RATES)},
            optional={
                "discipline": st.sampled_from(["fair", "fifo"]),
                "window": st.sampled_from(["rolling", "day"]),
                "restart": st.sampled_from(["manual", "auto"]),
            },
        )
    )
    if keys.get("restart") == "manual":
        instants = st.lists(st.sampled_from(frame.pool).map(text), min_size=1, unique=True)
        some_times = wall_times(frame.zone, frame.first_day, 5).filter(lambda w: w >= frame.start)
        more_instants = st.lists(some_times.map(text), min_size=1, max_size=5, unique=True)
        keys["restart_at"] = draw(st.sampled_from(TIMES) | instants | more_instants)
    elif draw(st.integers(0, 2)) == 0:
        keys["restart_delay"] = draw(st.sampled_from(DELAYS))
    return keys


@st.composite
def test_sends(draw: st.DrawFn, frame: Frame, names: list[str]) -> dict[str, Any]:
    """Draw a test send before the horizon."""
    instants = [wall for wall in frame.pool if wall < frame.end] or [frame.start]
    return {
        "sender": draw(senders(names)),
        "at": text(draw(st.sampled_from(instants))),
        "recipients": draw(st.integers(1, 20)),
    }


def _grows(domain: dict[str, Any]) -> bool:
    """Tell whether the domain's limits let it send a few dozen emails a day sooner or later."""
    warmup = domain["warmup"]
    if isinstance(warmup, dict):
        return bool(warmup["cap"] >= 50 and (warmup["factor"] > 1 or warmup["start"] >= 50))
    if isinstance(warmup, list):
        return bool(min(warmup) > 0 and warmup[-1] >= 50)
    return isinstance(warmup, str) or bool(warmup >= 50)


def surely_ends(plan: dict[str, Any]) -> bool:
    """Tell whether the plan finishes by itself: no recurrence and no pause for ever."""
    bounded = all("every" not in t or "count" in t or "until" in t for t in plan["tasks"])
    by_itself = plan.get("restart", "auto") == "auto"
    return bounded and by_itself and all(_grows(domain) for domain in plan["domains"])


# --- quality ------------------------------------------------------------------------------------


GOOD = {
    "invalid_rate": 0.02,
    "spam_bounce_rate": 0.01,
    "soft_failure_rate": 0.02,
    "complaint_rate": 0,
    "open_rate": 0.2,
    "click_rate": 0.05,
    "unsubscribe_rate": 0.003,
}
OTHERWISE = [
    {"invalid_rate": 0.045, "soft_failure_rate": 0.04},  # hardly raised for its delivered
    {"invalid_rate": 0.06, "open_rate": 0.6},  # raised for its opens
    {"invalid_rate": 0.05, "open_rate": 0.52},
    {"invalid_rate": 0.1},  # lowered
    {"invalid_rate": 0.12},  # blocked
    {"invalid_rate": 1},
    {"spam_bounce_rate": 0.03},
    {"spam_bounce_rate": 0.06},
    {"spam_bounce_rate": 0.2},
    {"soft_failure_rate": 0.06},
    {"soft_failure_rate": 0.4},
    {"complaint_rate": 0.002},
    {"complaint_rate": 0.01},
    dict.fromkeys(GOOD, 0),
]


@st.composite
def qualities(draw: st.DrawFn) -> dict[str, Any]:
    """Draw good rates, or others that pass some threshold of reputation."""
    other = draw(st.sampled_from([{}] * len(OTHERWISE) + OTHERWISE))
    rates = GOOD | (dict.fromkeys(GOOD, 0) if 1 in other.values() else {}) | other
    silent = draw(st.sets(st.sampled_from(["complaint_rate", "unsubscribe_rate"])))
    return {name: rate for name, rate in rates.items() if name not in silent}


@st.composite
def with_quality(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a plan with expected outcomes, most of its domains judged by their reputation."""
    plan = draw(plans(most_tasks=4, most_domains=2))
    plan |= {"outcomes": "expected", "levels_per_day": draw(st.sampled_from([1, 1, 2, 20]))}
    plan["resume_on_raise"] = draw(st.booleans())
    plan.pop("window", None)
    plan["rate"] = draw(st.sampled_from([20, 3, 1, 1000, "1/7", "1/60"]))
    for task in plan["tasks"]:  # nobody judges a few emails
        if draw(st.integers(0, 3)):
            task.pop("cancel_at", None)
        if "every" not in task:
            task["requests"] = draw(st.sampled_from([100, 310, 360, 700, 1300]))
        elif "count" in task:
            task["requests"] = draw(st.sampled_from([50, 310, 500]))
            task["count"] = min(task["count"], 3)
    for domain in plan["domains"]:
        domain["quality"] = draw(qualities())
        if domain is plan["domains"][0] or draw(st.booleans()):
            domain |= {"warmup": "reputation", "level": draw(st.sampled_from([1, 1, 1, 1, 2, 0]))}
            domain.pop("advance", None)
            if draw(st.integers(0, 3)):
                domain.pop("warmup_start", None)
    for task in plan["tasks"]:
        if draw(st.booleans()):
            task["quality"] = draw(qualities())
        if task["requests"] > 1 and draw(st.booleans()):
            first = draw(st.integers(1, task["requests"] - 1))
            sizes = {"engaged": first, "others": task["requests"] - first}
            task["segments"] = [
                {"name": name, "requests": size, "quality": draw(qualities())}
                for name, size in sizes.items()
            ]
    return plan


@st.composite
def plans(
    draw: st.DrawFn,
    *,
    most_tasks: int = 6,
    most_domains: int = 3,
    zones: tuple[str, ...] = tuple(ZONES),
) -> dict[str, Any]:
    """Draw a plan of at most 3000 emails (a few test sends come on top)."""
    frame = draw(frames(list(zones)))
    names = DOMAINS[: draw(st.integers(1, most_domains))]
    plan: dict[str, Any] = {"timezone": frame.zone.key, "start": text(frame.start)}
    if frame.start == begin(frame.first_day, frame.zone) and draw(st.booleans()):
        plan["start"] = frame.first_day.isoformat()
    plan |= draw(account_rules(frame))
    plan["domains"] = [draw(domains(frame, name)) for name in names]
    number_of_tasks = draw(st.integers(1, most_tasks))
    most_emails = MOST_EMAILS // number_of_tasks
    plan["tasks"] = [
        draw(tasks(frame, names, number, most_emails)) for number in range(1, number_of_tasks + 1)
    ]
    if draw(st.integers(0, 2)) == 0:
        plan["test_sends"] = draw(st.lists(test_sends(frame, names), min_size=1, max_size=3))
    if not (surely_ends(plan) and draw(st.booleans())):
        plan["horizon"] = text(frame.end)
        if draw(st.integers(0, 3)) == 0:
            plan["horizon"] = frame.end.date().isoformat()
    return plan
