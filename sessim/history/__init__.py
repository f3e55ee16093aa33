"""Task histories: read from files, rebuilt as an event log, checked, explained, fitted."""

from __future__ import annotations

from sessim.history.conformance import audit
from sessim.history.history import Evidence, History
from sessim.history.loading import load_history
from sessim.history.sightings import Sightings

__all__ = ["Evidence", "History", "Sightings", "audit", "load_history"]
