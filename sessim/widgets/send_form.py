"""What the panel that sends asks for, when, and the order that it comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from sessim.errors import SessimError
from sessim.plan import Plan
from sessim.widgets.labels import Words

if TYPE_CHECKING:
    from sessim.senders.order import Order

_ONLY_LOOPBACK: Final = ("speed",)
_ONLY_LIVE: Final = ("server", "unsubscribe", "number", "token")
FIELDS: Final = ("outbox", *_ONLY_LOOPBACK, "redirect_to", "only", "test_to", *_ONLY_LIVE)
"""The inputs, each a line of text."""

BLAMED: Final = {"recipients": "number", "confirm": "token"}
"""The inputs of what is called otherwise in an order."""

_Number = TypeVar("_Number", int, float)

_BETWEEN: Final = re.compile(r"[\s,;]+")


def asked(mode: str, plan: Plan | None) -> frozenset[str]:
    """Return which inputs a mode needs: what it would ignore is not asked for."""
    if mode == "simulate":
        return frozenset()
    others = _ONLY_LOOPBACK if mode == "live" else _ONLY_LIVE
    tests = () if plan is not None and plan.test_sends else ("test_to",)
    return frozenset(FIELDS) - {*others, *tests}


def order(plan: Plan, mode: str, given: Mapping[str, str], words: Words) -> Order:
    """Make an order of what stands in the inputs.

    Raises
    ------
    SessimError
        If a number is none, or the order cannot be used.
    """
    from sessim.senders.order import Order  # slow to import

    needed = asked(mode, plan)
    given = {name: text if name in needed else "" for name, text in given.items()}
    found = Order(
        plan,
        "live" if mode == "live" else "loopback",
        given["server"],
        speed=_number(float, given["speed"], words) if "speed" in needed else 1.0,
        redirect_to=given["redirect_to"] or None,
        unsubscribe=given["unsubscribe"] or None,
        only=_several(given["only"]),
        test_to=_several(given["test_to"]),
    )
    if given["number"]:
        found = replace(found, recipients=_number(int, given["number"], words))
    return found


def _several(given: str) -> tuple[str, ...]:
    return tuple(filter(None, _BETWEEN.split(given)))


def _number(kind: type[_Number], given: str, words: Words) -> _Number:
    try:
        return kind(given.replace(",", ""))
    except ValueError:
        raise SessimError(words("send.not_number", text=repr(given))) from None
