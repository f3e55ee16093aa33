"""Plans whose course depends on chance, small enough to be replicated often."""

from __future__ import annotations

from functools import cache
from typing import Any

import sessim

DOMAIN = "news.example.com"


def plan(requests: int = 60_000, invalid: Any = None, **keys: Any) -> sessim.Plan:
    """Return a plan whose domain rises by reputation: a bad list keeps it low for longer.

    The share of invalid addresses is drawn once a replication, the outcomes at each change.
    """
    rates = {
        "invalid_rate": {"uniform": [0.0, 0.06]} if invalid is None else invalid,
        "complaint_rate": 0.0,
        "open_rate": 0.2,
    }
    data = {
        "start": "2026-12-01",
        "horizon": "120d",
        "domains": [{"name": DOMAIN, "warmup": "reputation", "quality": rates}],
        "tasks": [
            {"name": "Launch", "sender": f"a@{DOMAIN}", "requests": requests},
            {"name": "Digest", "sender": f"a@{DOMAIN}", "requests": 500,
             "start": "2026-12-01 08:00", "every": "24h", "count": 5},
        ],
        **keys,
    }  # fmt: skip
    return sessim.Plan.from_dict(data)


@cache
def replications(n: int = 60, seed: int = 7) -> sessim.Replications:
    """Return replications of the plan."""
    return sessim.replicate(plan(), n, seed)
