"""Replications of one plan side by side: the account's rules on arrays, a row a replication.

Days begin and runs are due at the same instants in every replication. Between two of these the
emails of all are sent at once, each replication going on to its own next change of state; so what
a step costs hardly depends on how many take it. What becomes of the emails is drawn for each by
itself. The numbers are those of :class:`sessim.model.Model`, to which plans with rarer rules are
left: see :func:`fits`. The rooms have the names of those that hold the same rules one level up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import SeedSequence

from sessim.clock import SECOND
from sessim.experiments.abreast import lots
from sessim.experiments.abreast.account import Account
from sessim.experiments.tally import Tally
from sessim.plan import Plan
from sessim.serving import UNLIMITED


def fits(plan: Plan) -> bool:
    """Say whether a plan keeps to the rules that are known here."""
    runs, lasts = plan.runs, plan.end_instant - plan.start_instant
    return (
        len(runs) > 0  # there are none if every recurrence begins after the horizon
        and lots.fits(plan)
        and plan.discipline == "fifo"
        and plan.window == "day"
        and plan.restart == "auto"
        and not (plan.restart_delay or plan.resume_on_raise or plan.test_sends)
        and all(task.cancel_at is None and task.overlap == "queue" for task in plan.tasks)
        and bool(np.all(runs.previous < np.arange(len(runs))))
        and int(runs.requests.sum()) * plan.rate.denominator * SECOND < UNLIMITED
        and lasts * plan.rate.numerator < UNLIMITED
    )


def simulate(
    plan: Plan, streams: Sequence[SeedSequence], until: int, first: int = 0
) -> Tally | None:
    """Simulate replications of a plan that :func:`fits` up to, and without, an instant.

    Parameters
    ----------
    streams
        For each replication what chance is derived from.
    first
        The number of the first of them.

    Gives the numbers that follow from what the model would have noted; None where the rates drawn
    are such that opens may raise a reputation: that is left to the model, too.
    """
    drawn = lots.Lots(plan, streams)
    return None if drawn.asks_for_opens else Account(plan, drawn).run(until, first)
