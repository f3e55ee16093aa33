"""What the commands share: how one is added, exit statuses, counts, the folder for results."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from errno import EACCES, ENOENT
from pathlib import Path
from typing import Any, Final

from sessim.errors import ArgumentError

FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
"""Exit statuses beside 0."""

Add = Callable[[str, Callable[[Any], int], str], ArgumentParser]
"""Adds a command: its name, what it does, and that in words."""


def check_counts(options: Namespace) -> None:
    """Say which of the replications, workers and the seed is too small, if one is."""
    for name, least in (("replications", 1), ("workers", 1), ("seed", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ArgumentError(f"--{name}: {value} is too small; give a whole number from {least}")


def make_folder(out: str) -> None:
    """Make the folder for the results, before hours of work go into them."""
    try:
        if not out:
            raise FileNotFoundError(ENOENT, "it has no name")
        Path(out).mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, "it may not be written to")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ArgumentError(
            f"--out: {out!r} cannot be the folder for results ({reason}); name another"
        ) from None
