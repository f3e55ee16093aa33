"""Whatever form a history comes in, the same emails come out, and the reader knows the form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tencentcloud.ses.v20201002 import models

import sessim
from sessim.history.export import export, frame
from sessim.history.kinds import kind
from sessim.history.polling import Poller, Slips
from tests import results
from tests.history.logs import PLAN
from tests.history.test_rebuild import assert_same

COUNTS = ["task", "status", "requests", "sent"]


def counts(result: sessim.Result) -> pd.DataFrame:
    return result.tasks[COUNTS].astype({"status": "str"})


def same_counts(history: sessim.Result, result: sessim.Result) -> None:
    pd.testing.assert_frame_equal(counts(history), counts(result))


# --- polls ----------------------------------------------------------------------------------------


def answers(result: sessim.Result, **options: object) -> list[dict]:
    return list(Poller(result, every=60, **options).answers())


def test_the_services_own_client_reads_what_the_poller_writes_and_back(tmp_path: Path) -> None:
    result = results.no_pause()
    lines = []
    for answer in answers(result):
        page = answer["Response"]
        is_list = "Data" in page
        response = (
            models.ListSendTasksResponse() if is_list else models.ListEmailIdentitiesResponse()
        )
        response._deserialize(page)
        printed = json.loads(response.to_json_string())
        assert printed == page
        lines.append(f'{{"time": "{answer["time"]}", "Response": {response.to_json_string()}}}\n')
    file = tmp_path / "client.jsonl"
    file.write_text("".join(lines), "utf-8")
    same_counts(sessim.load_history(file), result)


def test_one_poll_a_file_with_the_time_in_its_name(tmp_path: Path) -> None:
    for answer in answers(results.no_pause()):
        if "Data" in answer["Response"]:
            stamp = answer["time"][:19].replace(":", "").replace("-", "")
            (tmp_path / f"tasks-{stamp}.json").write_text(json.dumps(answer["Response"], indent=2))
    same_counts(sessim.load_history(tmp_path), results.no_pause())


def test_a_list_of_pages_is_read_entry_by_entry(tmp_path: Path) -> None:
    file = tmp_path / "pages.json"
    file.write_text(json.dumps(answers(results.no_pause()), indent=1), "utf-8")
    same_counts(sessim.load_history(file), results.no_pause())


def test_without_any_time_the_latest_update_counts_and_is_said(tmp_path: Path) -> None:
    page = next(a["Response"] for a in answers(results.no_pause()) if "Data" in a["Response"])
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"Response": page}))
    history = sessim.load_history(file)
    assert any("UpdateTime was taken" in note for note in history.evidence.notes)
    assert any("read as Asia/Shanghai" in note for note in history.evidence.notes)


@pytest.mark.parametrize(
    "slips",
    [
        Slips(missed=0.2),
        Slips(lost=0.2),
        Slips(shifted=0.5),
        Slips(late=0.3),
        Slips(missed=0.1, lost=0.1, shifted=0.2, late=0.2),
    ],
    ids=["missed", "lost", "shifted", "late", "all"],
)
def test_slips_of_a_poller_change_no_total(slips: Slips, tmp_path: Path) -> None:
    result = results.many(30, 20, 2)
    poller = Poller(result, every=60, page=7, slips=slips, seed=3)
    file = poller.write(tmp_path / "polls.jsonl.gz")
    with file.open("ab") as last:  # a last poll without slips
        import gzip

        whole = Poller(result, page=100)
        instant = whole.instants[-1]
        time = result.plan.clock.local(instant + 60_000_000).isoformat()
        rows = whole.rows(instant)
        answer = {"time": time, "Response": {"TotalCount": len(rows), "Data": rows}}
        last.write(gzip.compress(json.dumps(answer).encode()))
    history = sessim.load_history(file)
    merged = history.tasks.merge(result.tasks, on="name", suffixes=("", "_true"))
    assert len(merged) == len(result.tasks)
    assert (merged["sent"] == merged["sent_true"]).all()
    assert (merged["status"].astype("str") == merged["status_true"].astype("str")).all()


def test_a_task_that_disappears_was_deleted_only_if_the_poll_was_complete(tmp_path: Path) -> None:
    row = {"TaskStatus": 5, "TaskType": 1, "FromEmailAddress": "a@b.example.com",
           "RequestCount": 100, "SendCount": 10, "CreateTime": "2026-12-01 09:00:00"}  # fmt: skip
    both = [{**row, "TaskId": 1}, {**row, "TaskId": 2}]
    one = [{**row, "TaskId": 1, "SendCount": 20}]
    for total, status in ((1, "Cancelled"), (2, "Sending")):
        polls = [
            {"time": "2026-12-01T09:15:00+08:00", "TotalCount": 2, "Data": both},
            {"time": "2026-12-01T09:30:00+08:00", "TotalCount": total, "Data": one},
        ]
        file = tmp_path / f"{total}.jsonl"
        file.write_text("\n".join(map(json.dumps, polls)))
        history = sessim.load_history(file)
        assert history.tasks["status"].tolist() == ["Sending", status]
        assert list(history.evidence.ids) == [1, 2]


# --- event logs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ending", ["csv", "parquet", "xes", "xes.gz", "jsonocel", "xmlocel", "sqlite"]
)
def test_an_exported_log_comes_back(ending: str, tmp_path: Path) -> None:
    result = results.launch()
    history = sessim.load_history(export(result, tmp_path / f"log.{ending}"))
    same_counts(history, result)
    columns = ["task", "run", "start", "end", "cached"]
    pd.testing.assert_frame_equal(
        history.pauses[columns].astype(
            {"start": "M8[ms, Asia/Shanghai]", "end": "M8[ms, Asia/Shanghai]"}
        ),
        result.pauses[columns].astype(
            {"start": "M8[ms, Asia/Shanghai]", "end": "M8[ms, Asia/Shanghai]"}
        ),
    )
    assert (history.pauses["start_earliest"] == history.pauses["start_latest"]).all()


@pytest.mark.parametrize("discipline", ["fifo", "fair"])
@pytest.mark.parametrize("ending", ["csv", "xes"])
def test_a_clean_log_breaks_no_rule_whether_its_plan_is_told_or_not(
    ending: str, discipline: str, tmp_path: Path
) -> None:
    """Neither names the discipline.

    In the larger plan one task's email fills the day at which others pause, at one instant.
    """
    small = sessim.Plan.from_dict(PLAN)
    for plan in (small, results.launch().plan):
        result = sessim.simulate(replace(plan, discipline=discipline))
        file = export(result, tmp_path / f"log.{ending}")
        for told in (None, result.plan):
            assert sessim.load_history(file, plan=told).findings["finding"].tolist() == []


def test_without_rows_of_turns_who_was_sent_before_an_older_run_is_found(tmp_path: Path) -> None:
    """The fair log held against the same plan in fifo: Offer was sent while Digest waited."""
    plan = sessim.Plan.from_dict(PLAN)
    rows = frame(sessim.simulate(replace(plan, discipline="fair")).log)
    rows = rows[(rows["lifecycle:transition"] != "unknown") & (rows["concept:instance"] > 0)]
    rows.to_csv(tmp_path / "log.csv", index=False)
    found = sessim.load_history(tmp_path / "log.csv", plan=plan).findings
    assert "out of line" in set(found["check"])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_limits_that_no_plan_told_are_no_rule(ending: str, tmp_path: Path) -> None:
    """A plan that says there are none contradicts those in the log, or else its pauses."""
    file = export(results.launch(), tmp_path / f"log.{ending}")
    assert sessim.load_history(file).findings["finding"].tolist() == []
    domains = [replace(domain, warmup="none") for domain in results.launch().plan.domains]
    none = replace(results.launch().plan, domains=domains)
    found = sessim.load_history(file, plan=none).findings
    assert set(found["check"]) == {"limit not as planned"}
    rows = frame(results.launch().log).drop(columns=["seq", "limit", "sent_today"])
    rows = rows[rows["concept:instance"] > 0]
    rows.to_csv(tmp_path / "others.csv", index=False)
    found = sessim.load_history(tmp_path / "others.csv", plan=none).findings
    assert set(found["check"]) == {"paused with quota left", "paused below the limit"}


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_sessims_own_log_comes_back(ending: str, tmp_path: Path) -> None:
    result = results.launch()
    file = tmp_path / f"events.{ending}"
    result.log.write(file)
    history = sessim.load_history(file)
    same_counts(history, result)
    assert_same(history.daily, result.daily, ["domain", "date", "sent", "cached", "backlog"])


def test_a_table_with_columns_of_its_own_needs_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(
        "Campaign;What;When;Mails\n"
        "A;start;2026-12-01 09:00;0\n"
        "A;suspend;2026-12-01 09:10;500\n"
        "A;resume;2026-12-02 00:00;500\n"
        "A;complete;2026-12-02 00:05;700\n"
    )
    with pytest.raises(sessim.HistoryError, match=r"no column for the case; name it with mapping"):
        sessim.load_history(file)
    mapping = {"case": "Campaign", "activity": "What", "time": "When", "sent": "Mails"}
    history = sessim.load_history(file, mapping=mapping)
    assert history.tasks["sent"].tolist() == [700]
    assert history.pauses["hours"].round(3).tolist() == [round(14 + 50 / 60, 3)]
    with pytest.raises(
        sessim.ArgumentError, match=r"mapping: 'cases' is not known; did you mean 'case'"
    ):
        sessim.load_history(file, mapping={"cases": "Campaign"})


# --- single emails --------------------------------------------------------------------------------


def test_webhook_events_count_emails_by_bulk(tmp_path: Path) -> None:
    events = [
        {"event": event, "email": f"{i}@x.example.net", "bulkId": "b1", "timestamp": 1796086800 + i,
         "from": "a@news.example.com"}
        for i in range(100)
        for event in ("processed", "delivered" if i < 95 else "dropped")
    ]  # fmt: skip
    events.append({"event": "open", "email": "x", "timestamp": 1796086800})
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)))
    assert kind(file) == "webhook"
    history = sessim.load_history(file)
    counts = history.tasks[["requests", "sent", "failed", "status"]]
    assert counts.to_numpy().tolist() == [[100, 95, 5, "Sent"]]  # dropped: they never left
    assert history.findings.empty
    assert any("move no task" in note for note in history.evidence.notes)


POSTFIX = """\
Dec  1 09:00:00 mx postfix/qmgr[11]: 4A1B2C3D4E: from=<hello@news.example.com>, nrcpt=1
Dec  1 09:00:01 mx postfix/smtp[12]: 4A1B2C3D4E: to=<a@x.example>, status=sent (250 ok)
2026-12-01T09:00:02.5+08:00 mx postfix/qmgr[11]: 5A1B2C3D4E: from=<hello@news.example.com>, nrcpt=1
2026-12-01T09:05:02.5+08:00 mx postfix/smtp[12]: 5A1B2C3D4E: to=<b@x.example>, status=deferred (x)
2026-12-01T09:10:02.5+08:00 mx postfix/smtp[12]: 5A1B2C3D4E: to=<b@x.example>, status=bounced (x)
Dec  1 09:12:00 mx sshd[1]: nothing of ours
"""


def test_a_mail_log_counts_emails_by_sender_and_day(tmp_path: Path) -> None:
    file = tmp_path / "mail.log"
    file.write_text(POSTFIX)
    assert kind(file) == "postfix"
    history = sessim.load_history(file)
    assert history.tasks[["name", "sent"]].to_numpy().tolist() == [
        ["hello@news.example.com 2026-12-01", 2]
    ]
    assert any(
        "no line of Postfix (first in mail.log, line 6)" in n for n in history.evidence.notes
    )


MAIL_LOG = """\
Dec  1 23:59:00 mx postfix/pickup[9]: 4A1B2C3D4E: uid=1000 from=<hello@news.example.com>
Dec  1 23:59:00 mx postfix/qmgr[11]: 4A1B2C3D4E: from=<hello@news.example.com>, size=9, nrcpt=4 (queue active)
Dec  1 23:59:01 mx postfix/smtp[12]: 4A1B2C3D4E: to=<a@x.example>, dsn=2.0.0, status=sent (250 ok)
Dec  1 23:59:02 mx postfix/smtp[12]: 4A1B2C3D4E: to=<b@x.example>, dsn=4.2.0, status=deferred (450 x)
Dec  1 23:59:02 mx postfix/smtp[12]: 4A1B2C3D4E: to=<c@x.example>, dsn=4.2.0, status=deferred (450 x)
Dec  1 23:59:03 mx postfix/smtp[12]: 4A1B2C3D4E: to=<d@x.example>, dsn=5.1.1, status=bounced (550 x)
Dec  2 00:10:00 mx postfix/qmgr[11]: 4A1B2C3D4E: from=<hello@news.example.com>, size=9, nrcpt=4 (queue active)
Dec  2 00:10:01 mx postfix/smtp[12]: 4A1B2C3D4E: to=<b@x.example>, dsn=2.0.0, status=sent (250 ok)
"""  # noqa: E501
EXPIRED = """\
Dec  6 23:59:00 mx postfix/qmgr[11]: 4A1B2C3D4E: from=<hello@news.example.com>, status=expired, returned to sender
"""  # noqa: E501


@pytest.mark.parametrize(("more", "failed", "status"), [("", 0, "Sending"), (EXPIRED, 1, "Sent")])
def test_a_mail_that_is_put_off_stays_in_its_task(
    tmp_path: Path, more: str, failed: int, status: str
) -> None:
    """Of four, a and b got it, d bounced, and c is still waited for until the mail expires.

    d's email was sent and came back; c's never arrived anywhere, and has failed.
    """
    (tmp_path / "mail.log").write_text(MAIL_LOG + more)
    (task,) = sessim.load_history(tmp_path / "mail.log").tasks.itertuples()
    assert task.name.startswith("hello@news.example.com ")
    assert (task.requests, task.sent, task.failed, task.status) == (4, 3, failed, status)
