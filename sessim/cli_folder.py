"""The folder that a command writes its results to."""

from __future__ import annotations

import os
from errno import EACCES, ENOENT
from pathlib import Path

from sessim.errors import ArgumentError


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
