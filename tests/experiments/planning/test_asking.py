"""``plan_for`` as an analyst asks it; answers are simulated, or counted by hand from the table.

One new domain on the standard warm-up may send 500, 1,000, 2,000, 5,000, 10,000 ... a day: in all
318,500 in 10 days, 968,500 in 13 and 1,368,500 in 14.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from sessim import ArgumentError, Domain, MailList, Plan, Planned, Task, plan_for
from sessim.experiments.planning.goals import Goal

TWO = (Domain("news.example.com"), Domain("mail.example.com"))
BOOKED = Plan(
    start="2026-12-01",
    domains=[
        Domain("a.example.com", warmup_start="2026-11-20"),
        Domain("b.example.com", warmup=50_000),
        Domain("free.example.com", warmup="none"),
    ],
    tasks=[
        Task("Digest", sender="D <d@a.example.com>", requests=40_000,
             start="2026-12-01 08:00", every="24h", count=20),
        Task("Big", sender="x@b.example.com", requests=210_000),
    ],
)  # fmt: skip


def christmas(**options: Any) -> Planned:
    """Two million addresses by 24 December from two new domains, asked on 23 November."""
    question: dict[str, Any] = {"by": "2026-12-24", "start": "2026-11-23", "domains": TWO}
    return plan_for({"Newsletter": 2_000_000}, **(question | options))


def keeps_its_promise(planned: Planned) -> None:
    """Simulate: every new task is sent on its day, unpaused, and no limit is passed."""
    result = sessim.simulate(planned.plan)
    own = result.tasks.set_index("name").loc[planned.tasks["task"]]
    assert (own["status"] == "Sent").all()
    assert (own["pauses"] == 0).all()
    days = planned.tasks["start"].dt.date.to_numpy()
    assert (own["finished"].dt.date.to_numpy() == days).all()
    assert own["finished"].max() == planned.finish
    assert planned.meets == (planned.finish < planned.deadline)
    assert (result.daily["sent"] <= result.daily["limit"]).fillna(True).all()


def covers(planned: Planned, sizes: dict[str, int]) -> None:
    """Check that tasks are small enough and hold each address of each list once, in order."""
    assert planned.tasks["requests"].between(1, 10_000).all()
    for name, size in sizes.items():
        own = planned.tasks[planned.tasks["list"] == name]
        assert own["first_row"].iloc[0] == 1
        assert own["last_row"].iloc[-1] == size
        assert (own["first_row"].to_numpy()[1:] == own["last_row"].to_numpy()[:-1] + 1).all()
        assert own["start"].is_monotonic_increasing


# --- two million by Christmas ---------------------------------------------------------------------


def test_when_must_i_start() -> None:
    """14 days: in 13, two domains may send 2 x 968,500 = 1,937,000; the 14th takes 63,000."""
    planned = christmas(goal="latest")
    assert planned.start == sessim_time("2026-12-11")
    assert planned.meets
    assert planned.probability == 1
    assert planned.binding["planned"].iloc[-1] == 63_000
    assert list(planned.binding["binding"]) == ["domain limit"] * 13 + ["list sizes"]
    assert planned.bound is not None
    assert planned.bound.gap == 0
    assert "Start on 11 December 2026 at the latest" in repr(planned)
    assert "1,937,000 of 2,000,000" in planned.reason
    keeps_its_promise(planned)
    covers(planned, {"Newsletter": 2_000_000})


def sessim_time(text: str, zone: str = "Asia/Shanghai") -> Any:
    import pandas as pd

    return pd.Timestamp(text, tz=zone)


def test_what_fits_into_the_last_day_starts_then() -> None:
    planned = plan_for({"N": 1000}, by="2026-12-24", start="2026-11-23", domains=TWO, goal="latest")
    assert planned.start == sessim_time("2026-12-24")
    keeps_its_promise(planned)


def test_as_fast_as_can_be() -> None:
    planned = christmas()
    assert planned.start == sessim_time("2026-11-23")
    # 63,000 emails at 20 a second are 52 minutes and a half after midnight of day 14.
    assert planned.finish == sessim_time("2026-12-06 00:52:30")
    keeps_its_promise(planned)


def test_one_domain_is_enough_if_it_begins_at_once() -> None:
    planned = christmas(goal="fewest")
    assert planned.domains == ("news.example.com",)
    assert [domain.name for domain in planned.plan.domains] == ["news.example.com"]
    keeps_its_promise(planned)


def test_as_many_as_can_be() -> None:
    """By 6 December, day 14: twice 1,368,500, of which 100,000 are for the other list."""
    planned = plan_for(
        {"Urgent": 100_000, "Newsletter": None}, by="2026-12-06", start="2026-11-23", domains=TWO
    )
    assert planned.tasks.groupby("list")["requests"].sum()["Newsletter"] == 2_637_000
    keeps_its_promise(planned)


def test_what_would_have_to_change() -> None:
    """By 4 December, day 12: twice 668,500 = 1,337,000 can be sent, by three domains 2,005,500."""
    planned = christmas(by="2026-12-04")
    assert not planned.meets
    assert {change.kind: change.amount for change in planned.changes} == {
        "days": 2,
        "domains": 1,
        "emails": 663_000,
    }
    assert "2 more days, 1 more domain or 663,000 fewer emails would do" in planned.answer
    covers(planned, {"Newsletter": 2_000_000})
    keeps_its_promise(planned)
    # Each change does, and a smaller one does not.
    assert christmas(by="2026-12-06").meets
    assert not christmas(by="2026-12-05").meets
    for size, meets in ((1_337_000, True), (1_337_001, False)):
        other = plan_for({"N": size}, by="2026-12-04", start="2026-11-23", domains=TWO)
        assert other.meets == meets
    assert christmas(by="2026-12-04", domains=[*TWO, Domain("x.example.com")]).meets


def test_the_account_s_rate_may_be_what_binds() -> None:
    """20 a second are 1,727,999 emails in a day, one less than would end with it."""
    free = Domain("free.example.com", warmup="none")
    planned = plan_for({"All": 4_000_000}, by="2026-12-02", start="2026-12-01", domains=[free])
    assert [(change.kind, change.amount) for change in planned.changes] == [
        ("days", 1),
        ("emails", 4_000_000 - 2 * 1_727_999),
        ("rate", 24),
    ]
    assert list(planned.binding["binding"]) == ["account rate", "account rate", "list sizes"]
    keeps_its_promise(planned)


# --- any question ---------------------------------------------------------------------------------

WARMUPS = st.sampled_from(["standard", "legacy", "none", 3_000, (500, 1000, 2000), (100, 0, 400)])


@st.composite
def domains(draw: st.DrawFn) -> list[Domain]:
    count = draw(st.integers(1, 3))
    starts = st.sampled_from([None, "2026-11-20", "2026-12-01", "2026-12-04"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            Domain(
                f"{'abc'[i]}.example.com",
                warmup=draw(WARMUPS),
                warmup_start=draw(starts),
                advance=draw(st.sampled_from(["calendar", "sending"])),
            )
            for i in range(count)
        ]


@pytest.mark.filterwarnings("ignore::sessim.SessimWarning")
@settings(max_examples=25)
@given(
    own=domains(),
    sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=3),
    days=st.integers(0, 12),
    goal=st.sampled_from(["fastest", "fewest", "latest"]),
    whole=st.booleans(),
    rate=st.sampled_from([20, 1, "1/3"]),
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Havana"]),
    at=st.sampled_from(["00:00", "09:30"]),
)
def test_what_is_promised_happens(
    own: list[Domain], sizes: list[int], days: int, goal: Goal, whole: bool, rate: Any, zone: str,
    at: str,
) -> None:  # fmt: skip
    by = dt.date(2026, 12, 1) + dt.timedelta(days=days)
    lists = [MailList(f"L{i}", size, whole=whole) for i, size in enumerate(sizes)]
    planned = plan_for(
        lists, by=by, start="2026-12-01", domains=own, goal=goal, rate=rate, timezone=zone, at=at
    )
    covers_or_says_so(planned, dict(zip([entry.name for entry in lists], sizes, strict=True)))
    assert planned.meets == (not planned.changes and planned.bound is not None)


def covers_or_says_so(planned: Planned, sizes: dict[str, int]) -> None:
    if planned.emails == sum(sizes.values()):
        covers(planned, sizes)
        keeps_its_promise(planned)
    else:  # a year is not enough
        assert not planned.meets


@pytest.mark.filterwarnings("ignore::sessim.SessimWarning")
@settings(max_examples=15)
@given(own=domains(), days=st.integers(0, 10), rate=st.sampled_from([20, 1]))
def test_the_largest_list_is_what_domains_that_are_always_busy_send(
    own: list[Domain], days: int, rate: int
) -> None:
    """The judge is the simulation, with more than enough for every domain from the first second."""
    by = dt.date(2026, 12, 1) + dt.timedelta(days=days)
    question: dict[str, Any] = {"by": by, "start": "2026-12-01", "domains": own, "rate": rate}
    plenty = Plan(
        start="2026-12-01", rate=rate, domains=own, discipline="fair", horizon=by,
        tasks=[Task(d.name, sender=f"a@{d.name}", requests=10**8) for d in own],
    )  # fmt: skip
    most = int(sessim.simulate(plenty).daily["sent"].sum())
    try:
        planned = plan_for({"All": None}, **question)
    except ArgumentError:
        assert most == 0
        return
    # The plan leaves out the email at each midnight: it may count for the day before the limit.
    assert most - (days + 1) <= planned.emails <= most
    keeps_its_promise(planned)


# --- beside what is booked ------------------------------------------------------------------------


def test_bookings_stay_as_they_are() -> None:
    lists = {"News": {"engaged": 300_000, "others": 2_700_000}}
    own = ["a.example.com", "b.example.com"]
    planned = plan_for(lists, by="2026-12-10", booked=BOOKED, domains=own)
    keeps_its_promise(planned)
    covers(planned, {"News, engaged": 300_000, "News, others": 2_700_000})
    before, after = (
        sessim.simulate(plan).tasks.set_index("name").loc[["Digest", "Big"]]
        for plan in (BOOKED, planned.plan)
    )
    assert (before["finished"].dt.date == after["finished"].dt.date).all()
    assert (before["pauses"] == after["pauses"]).all()
    # The engaged are all sent before the others.
    starts = planned.tasks.groupby("list")["start"]
    assert starts.max()["News, engaged"] <= starts.min()["News, others"]
    # Big fills b.example.com until 5 December.
    used = planned.days[planned.days["domain"] == "b.example.com"].set_index("date")
    assert list(used["booked"].iloc[:5]) == [50_000] * 4 + [10_000]
    assert list(used["planned"].iloc[:4]) == [0] * 4


@st.composite
def bookings(draw: st.DrawFn) -> Plan:
    """Draw a plan of tasks on two domains, some due late in the evening."""
    times = st.sampled_from(["00:00", "08:00", "23:00", "23:50"])
    warmups = st.sampled_from(["standard", 3_000, 20_000, "none"])
    own = [
        Domain(f"{name}.example.com", warmup=draw(warmups), warmup_start="2026-11-25")
        for name in "ab"
    ]
    tasks = []
    for i in range(draw(st.integers(1, 3))):
        again = {"every": "24h", "count": draw(st.integers(1, 4))} if draw(st.booleans()) else {}
        start = f"2026-12-0{draw(st.integers(1, 5))} {draw(times)}"
        sender = f"x@{draw(st.sampled_from('ab'))}.example.com"
        size = draw(st.integers(1, 30_000))
        tasks.append(Task(f"B{i}", sender=sender, requests=size, start=start, **again))
    rate = draw(st.sampled_from([20, 1, "1/3"]))
    return Plan(
        start="2026-12-01", domains=own, tasks=tasks, rate=rate,
        discipline=draw(st.sampled_from(["fifo", "fair"])),
    )  # fmt: skip


@settings(max_examples=20)
@given(booked=bookings(), sizes=st.tuples(st.integers(1, 60_000), st.integers(1, 30_000)))
def test_no_booked_task_is_done_on_another_day(booked: Plan, sizes: tuple[int, int]) -> None:
    planned = plan_for({"N": sizes[0], "M": sizes[1]}, by="2026-12-08", booked=booked)
    keeps_its_promise(planned)
    before = sessim.simulate(booked).tasks.set_index("name")
    after = planned.result.tasks.set_index("name").loc[before.index]
    assert (before["finished"].dt.date == after["finished"].dt.date).all()


def test_new_domains_join_and_others_may_be_left_out() -> None:
    planned = plan_for(
        {"News": 100_000},
        by="2026-12-20",
        booked=BOOKED,
        domains=["a.example.com", Domain("new.example.com")],
    )
    assert set(planned.domains) == {"a.example.com", "new.example.com"}
    assert len(planned.plan.domains) == 4
    assert planned.tasks["sender"].str.startswith("D <d@a.example.com>").any()


def test_a_list_s_own_deadline_start_and_domain() -> None:
    lists = [
        MailList("Late", 3_000, start="2026-12-05"),
        MailList("Urgent", 60_000, by="2026-12-02", domain="a.example.com"),
        MailList("One", 9_000, whole=True, subject="Hello", template="hello.html"),
    ]
    planned = plan_for(lists, by="2026-12-09", booked=BOOKED)
    keeps_its_promise(planned)
    own = planned.tasks.groupby("list")
    assert own["start"].min()["Late"] >= sessim_time("2026-12-05")
    assert own["start"].max()["Urgent"] <= sessim_time("2026-12-02")
    assert own["domain"].unique()["Urgent"] == ["a.example.com"]
    assert len(own["domain"].unique()["One"]) == 1
    assert {task.subject for task in planned.plan.tasks} == {None, "Hello"}


def test_a_reserve_is_left_free() -> None:
    planned = christmas(reserve=0.1)
    days = planned.days
    assert (days["planned"] <= days["limit"] * 0.9).all()
    assert set(days["binding"]) <= {"reserve", "list sizes"}


def test_a_third_is_left_free_however_many_digits_it_has() -> None:
    """Of 5,000 a third is 1,666 whole emails; 16 digits times 5,000 are more than 64 bits hold."""
    planned = christmas(reserve=1 / 3)
    days = planned.days.query("binding == 'reserve'")
    assert days["planned"].isin(days["limit"] - days["limit"] * 3_333_333_333 // 10**10).all()
    assert 5_000 - 1_666 in set(days["planned"])
    keeps_its_promise(planned)


def test_a_deadline_within_a_day() -> None:
    """By 00:30 the last day has time for 20 x 1,800 - 1 emails, and 63,000 would be left."""
    assert not christmas(by="2026-12-06 00:30").meets
    planned = christmas(by="2026-12-06 00:53")
    assert planned.meets
    keeps_its_promise(planned)


def test_from_nine_o_clock() -> None:
    planned = christmas(at="09:00")
    assert set(planned.tasks["start"].dt.hour) == {9}
    keeps_its_promise(planned)


# --- what goes to the service ---------------------------------------------------------------------


def test_the_rows_are_calls_of_the_official_client() -> None:
    models = pytest.importorskip("tencentcloud.ses.v20201002.models")
    planned = plan_for(
        {"News": 25_000}, by="2026-12-20", start="2026-12-01", timezone="Europe/Berlin",
        domains=[Domain("a.example.com", warmup=20_000)], sender="Example <hi@{domain}>",
    )  # fmt: skip
    ids = {name: 100 + i for i, name in enumerate(planned.tasks["task"])}
    rows = planned.batch_requests(ids, template=7, subject="Hello")
    assert len(rows) == 3
    for i, row in enumerate(rows.drop(columns="ReceiversName").to_dict("records")):
        request = models.BatchSendEmailRequest()
        request._deserialize(row)  # warns, hence fails, of a field that the service does not know
        assert request.FromEmailAddress == "Example <hi@a.example.com>"
        assert request.ReceiverId == 100 + i
        assert request.TaskType == 2
        assert request.Template.TemplateID == 7
    # Midnight in Berlin is seven o'clock in the console's zone.
    assert [row["BeginTime"] for row in rows["TimedParam"]] == [
        "2026-12-01 07:00:00", "2026-12-01 07:00:00", "2026-12-02 07:00:00",
    ]  # fmt: skip
    assert planned.batch_requests()["ReceiverId"].isna().all()
    with pytest.raises(ArgumentError, match="has no id for the list 'News 1'"):
        planned.batch_requests({})
    with pytest.raises(ArgumentError, match=r"^receivers: 7 are none; give ids by task name"):
        planned.batch_requests(7)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"^receivers: 'News 1': 'x' is no id; give"):
        planned.batch_requests(ids | {"News 1": "x"})


def test_the_plan_goes_into_a_file_and_back(tmp_path: Any) -> None:
    planned = christmas(goal="latest")
    planned.plan.to_yaml(tmp_path / "plan.yaml")
    assert Plan.from_yaml(tmp_path / "plan.yaml") == planned.plan


def test_the_same_question_gets_the_same_answer() -> None:
    assert christmas().plan == christmas().plan


# --- what cannot be asked -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"by": "2026-11-01"}, "by: 2026-11-01 is before the start, 2026-11-23; give a later"),
        ({"by": "soon"}, "by: 'soon' is not a date or time"),
        ({"by": "2029-01-01"}, "by: 2029-01-01 is after 2027-11-22, the last day planned"),
        ({"lists": {}}, "lists: is empty"),
        ({"lists": 5}, "lists: 5 are none"),
        ({"lists": ["N"]}, "lists: 'N' is no list; give a sessim.MailList"),
        ({"lists": {"N": 0}}, "list 'N': size 0 is no number of addresses; give a whole number"),
        ({"replications": 0}, "replications: 0 is no number of replications; give a whole number"),
        ({"lists": {"N": -5}}, "list 'N': size -5 is no number of addresses"),
        ({"lists": {"N": 1.5}}, "list 'N': size 1.5 is no number of addresses"),
        ({"lists": {"N": True}}, "list 'N': size True is no number"),
        ({"lists": {"N": {}}}, "list 'N': has no segments"),
        ({"lists": {"N": 3 * 10**9}}, "hold 3,000,000,000 emails together"),
        ({"lists": [MailList("N", 5)] * 2}, "lists: 'N' is given twice"),
        ({"lists": [MailList("N", 5, domain="x.example.com")]}, "'x.example.com' is not one of"),
        ({"lists": [MailList("N", 5, by="2026-11-01")]}, "by: 2026-11-01 is before the start"),
        ({"lists": [MailList("N", 5, start="2027-01-01")]}, "is after its deadline, 2026-12-24"),
        ({"domains": None}, "domains: are missing"),
        ({"domains": []}, "domains: is empty"),
        ({"domains": [5]}, "domains: 5 is no domain"),
        ({"domains": 5}, "domains: 5 are none; give a list of sessim.Domain"),
        ({"domains": [*TWO, TWO[0]]}, "domains: 'news.example.com' is given twice"),
        ({"domains": [Domain("z.example.com", warmup=0)]}, "z.example.com cannot send anything"),
        ({"domains": [Domain(f"d{i}.example.com") for i in range(11)]}, "has at most 10"),
        ({"goal": "best"}, "goal: 'best' is unknown"),
        ({"goal": "latest", "lists": {"N": None}}, "goal: 'latest' needs the size of every list"),
        ({"sure": 2}, "sure: 2 is no probability"),
        ({"sure": "0.9"}, "sure: '0.9' is no probability"),
        ({"sure": None}, "sure: None is no probability"),
        ({"reserve": 1}, "reserve: 1 is no share"),
        ({"reserve": "a tenth"}, "reserve: 'a tenth' is no share"),
        ({"reserve": float("nan")}, "reserve: nan is no share"),
        ({"timezone": 5}, "timezone: 5 is not a time zone; write one as Asia/Shanghai"),
        ({"rate": 1e-6}, "rate: 1/1000000 emails a second from 00:00 to the day's end, less"),
        ({"rate": "1/60", "at": "23:59"}, "rate: 1/60 emails a second from 23:59 to the day's"),
        ({"timezone": "Mars"}, "timezone: 'Mars' is not a known time zone"),
        ({"lists": {"N": None, "M": None}}, "lists: 'N' and 'M' have no size; one list may be"),
        ({"at": "noon"}, "at: 'noon' is not a time of day"),
        ({"sender": "me@example.com"}, "sender: 'me@example.com' has no {domain} in it"),
        ({"sender": 5}, "sender: 5 has no {domain} in it"),
        ({"solver": "magic"}, "solver: "),
        ({"booked": "plan.yaml"}, "booked: 'plan.yaml' is no plan"),
        ({"booked": BOOKED, "rate": 5}, "rate: is that of the booked plan"),
        ({"booked": BOOKED, "start": None, "domains": ["c.example.com"]},
         "'c.example.com' is unknown to the booked plan; did you mean"),
        ({"booked": BOOKED, "start": None, "domains": [Domain("a.example.com")]},
         "'a.example.com' differs from the booked plan's"),
        ({"booked": BOOKED}, "start: '2026-11-23' is before the booked plan's, 2026-12-01"),
        ({"booked": BOOKED, "start": None, "lists": {"Big": 5, "Digest": 5},
          "domains": ["free.example.com"]}, None),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(changed: dict[str, Any], said: str | None) -> None:
    question: dict[str, Any] = {
        "lists": {"N": 1000}, "by": "2026-12-24", "start": "2026-11-23", "domains": TWO,
    }  # fmt: skip
    question |= changed
    lists = question.pop("lists") if not isinstance(question["lists"], list) else None
    entries = question.pop("lists") if lists is None and "lists" in question else lists
    if said is None:
        assert plan_for(entries, **question).meets
        return
    with pytest.raises(ArgumentError) as caught:
        plan_for(entries, **question)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_is_yes_or_no() -> None:
    """A text would count as yes, "no" as well."""
    with pytest.raises(ArgumentError, match=r"^list 'N', whole: 'no' is not True or False"):
        MailList("N", 5, whole="no")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::sessim.SessimWarning")
@pytest.mark.parametrize("goal", ["fastest", "latest", "fewest", "largest"])
def test_one_email_is_sent(goal: Goal) -> None:
    only = Domain("a.example.com", warmup=[1, 0], warmup_start="2026-12-01")
    found = plan_for({"N": 1}, by="2026-12-24", start="2026-12-01", domains=[only], goal=goal)
    assert re.search(r"1 email\b.* is sent by 1 December", found.answer)


@pytest.mark.filterwarnings("ignore::sessim.SessimWarning")
def test_lists_that_cannot_stay_whole_are_no_yes() -> None:
    """Ten domains of 50 on the first day alone, and a list of 100 for one of them."""
    domains = [
        Domain(f"d{i}.example.com", warmup=[50, 0], warmup_start="2026-12-01") for i in range(10)
    ]
    question: dict[str, Any] = {"by": "2026-12-24", "start": "2026-12-01", "domains": domains}
    found = plan_for([MailList("N", 100, whole=True)], **question)
    assert not found.meets
    assert found.bound is None
    assert found.answer.startswith(
        "Not by 24 December 2026: 100 emails, divided where they should stay whole, from "
    )
    assert plan_for([MailList("N", 50, whole=True)], **question).meets


def test_of_a_list_that_stays_whole_as_many_fewer_are_asked_as_its_own_domain_cannot_send() -> None:
    """Two domains of 100 on one day: divided, 200 of 250 could go out, but whole only 100."""
    question: dict[str, Any] = {
        "by": "2026-12-01", "start": "2026-12-01",
        "domains": [Domain(f"d{i}.example.com", warmup=100) for i in range(2)],
    }  # fmt: skip
    found = plan_for([MailList("N", 250, whole=True)], **question)
    assert [str(change) for change in found.changes if change.kind == "emails"] == [
        "150 fewer emails"
    ]
    assert plan_for([MailList("N", 100, whole=True)], **question).meets
    assert not plan_for([MailList("N", 101, whole=True)], **question).meets
    both = [MailList("N", 250, whole=True), MailList("M", 90, whole=True)]
    assert "150 fewer emails" in plan_for(both, **question).answer
    many = [MailList(f"N{i}", 50, whole=True) for i in range(8)]
    assert "fewer emails" not in plan_for(many, **question).answer


@pytest.mark.filterwarnings("ignore::sessim.SessimWarning")
def test_emails_for_which_there_is_never_room_are_counted() -> None:
    domain = Domain("a.example.com", warmup=[50, 0], warmup_start="2026-12-01")
    found = plan_for(
        [MailList("Late", 100, start="2026-12-10"), MailList("Now", 50)],
        by="2026-12-24", start="2026-12-01", domains=[domain],
    )  # fmt: skip
    assert (found.emails, found.left_out, found.meets) == (50, 100, False)
    assert found.probability == 0
    assert found.odds.quantile(0.5) is None
    assert found.answer.startswith("Not by 24 December 2026, nor later: of 150 emails 50 can be")


@pytest.mark.filterwarnings("ignore::sessim.SessimWarning")
def test_domains_that_send_nothing_when_a_list_may_go_out() -> None:
    domain = Domain("a.example.com", warmup=[50, 0], warmup_start="2026-12-01")
    with pytest.raises(ArgumentError, match="cannot send anything on a day that a list"):
        plan_for(
            [MailList("Late", 100, start="2026-12-10")],
            by="2026-12-24", start="2026-12-01", domains=[domain],
        )  # fmt: skip


# --- the chart ------------------------------------------------------------------------------------


def test_the_chart_shows_the_tables() -> None:
    import matplotlib.pyplot as plt

    planned = plan_for({"News": 900_000}, by="2026-12-08", booked=BOOKED)
    figure, ax = plt.subplots()
    assert planned.plot(ax=ax) is ax
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    booked, *others = heights
    days = len(planned.binding)
    assert booked[:days] == list(planned.binding["booked"])
    assert list(np.sum(others, axis=0)[:days]) == list(planned.binding["planned"])
    plt.close(figure)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"invalid_rate": 3}, "list 'N', quality: invalid_rate is 3; give a number from 0 to 1"),
        ({"open_rate": {}}, "list 'N', quality: open_rate is an empty distribution; give one"),
        ({"invalid_rate": 0.7, "soft_failure_rate": 0.6}, "list 'N', quality: invalid_rate, spam"),
    ],
)
def test_rates_of_a_list_are_its_own_mistake(rates: dict[str, Any], said: str) -> None:
    with pytest.raises(sessim.ArgumentError) as error:
        MailList("N", 5, quality=rates)
    assert str(error.value).startswith(said)
