"""What the deadline panel shows: the answer in one sentence, the reason, and two charts."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import pandas as pd

from sessim.experiments import charts
from sessim.experiments.charts import Finishes, Span, when
from sessim.experiments.replications import Replications
from sessim.widgets import markup
from sessim.widgets.deadline_question import LIST, Answer
from sessim.widgets.labels import Words
from sessim.widgets.markup import Html
from sessim.widgets.pictures import picture

CSS: Final = """
.sessim-panel .sessim .sessim-answer { font-size: 1.25em; font-weight: 600; margin: 8px 0 4px; }
.sessim-deadline .sessim-field .widget-hslider { width: 100%; margin: 0 2px 0 0; }
.sessim-deadline .sessim-field .widget-hslider > .widget-label {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}
.sessim-deadline .sessim-field > .widget-hslider { padding-left: calc(8.5rem + 14px);
  box-sizing: border-box; }
.sessim-deadline .sessim-field > .widget-html { min-height: 0; order: 2; }
.sessim-deadline .sessim-field > .widget-hslider { order: 1; }
"""
"""A slider stands right below its field, from the field's left edge to its right one."""

_HEIGHT: Final = 3.6


def sentence(answer: Answer, words: Words) -> str:
    """Say the answer in one sentence."""
    odds, question, planned = answer.odds, answer.question, answer.planned
    if planned is not None and planned.left_out:
        emails, every = f"{planned.emails:,}", f"{planned.emails + planned.left_out:,}"
        return words("deadline.no_room", by=_day(question.by, words), n=emails, every=every)
    kind = "plan_by"
    if question.of == LIST:
        kind = "start_by" if answer.meets else "not_by"
    elif odds.is_certain and not answer.meets:
        kind = "plan_late"
    told: dict[str, str] = {"by": _day(question.by, words)}
    if planned is not None:
        told["start"] = _day(planned.start.date(), words)
    if odds.is_certain:
        return words(f"deadline.{kind}_sure", **told)
    return words(f"deadline.{kind}", chance=_chance(answer, words), **told)


def _day(day: dt.date, words: Words) -> str:
    """Write a day without its year: ``"9 December"``."""
    return f"{day.day} {words('deadline.months').split()[day.month - 1]}"


def _chance(answer: Answer, words: Words) -> str:
    low, high = answer.odds.interval
    return words(
        "deadline.chance",
        p=f"{answer.odds.probability:.0%}",
        low=f"{100 * low:.0f}",
        high=f"{high:.0%}",
    )


def said(answer: Answer, words: Words) -> str:
    """Return the sentence, and below it the reason with its figures."""
    parts = [Html(f'<p class="sessim-answer">{markup.html(sentence(answer, words))}</p>')]
    if answer.planned is not None:
        planned = answer.planned
        parts.append(markup.note(f"{planned.answer} {planned.reason}"))
    if answer.odds.is_certain:
        parts.append(markup.note(words("deadline.certain")))
    return markup.block(*parts)


def pictures(answer: Answer) -> str:
    """Return the fan of the emails a day, and when the replications are finished.

    There is neither of a plan that leaves emails out: it would look as if it were in time.
    """
    if answer.planned is not None and answer.planned.left_out:
        return ""
    found, by = answer.replications, answer.question.by

    def fan(ax: Any) -> None:
        charts.fan(found, "throughput", ax=ax)

    def finish(ax: Any) -> None:
        charts.finish(found, ax=ax, by=by)

    return markup.block(
        picture(_HEIGHT, fan, _of_fan(found)), picture(_HEIGHT, finish, _of_finish(answer))
    )


def _of_fan(found: Replications) -> str:
    daily = found.daily.groupby(["replication", "date"], observed=True)["sent"].sum()
    half = daily.groupby("date").median()
    day: pd.Timestamp = pd.Timestamp(half.index[int(half.argmax())])
    return (
        f"Emails sent each day in {len(found):,} replications, with the median of the daily limit: "
        f"the median is largest on {day.day} {day:%B}, {half.max():,.0f} emails."
    )


def _of_finish(answer: Answer) -> str:
    curve = Finishes(answer.replications, None)
    span = Span.between(curve.plan, curve.until, curve.until)
    instant = curve.quantile(0.5)
    half = f"half are by {when(span, instant)}" if instant is not None else "fewer than half are"
    return (
        f"The share of replications that are finished by each time: {half}; by the deadline, the "
        f"end of {answer.question.by.day} {answer.question.by:%B}, {answer.odds.probability:.0%}."
    )
