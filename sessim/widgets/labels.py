"""The words of the panels in English and Indonesian: one dictionary."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "id")

LABELS: Final[dict[str, tuple[str, str]]] = {
    "email_sending": ("Email Sending", "Pengiriman Email"),
    "send": ("Send", "Kirim"),
    "batch": ("Batch", "Batch"),
    "scheduled": ("Scheduled", "Dijadwalkan"),
    "recurring": ("Recurring", "Berulang"),
    "create_sending_task": ("Create Sending Task", "Buat Tugas Pengiriman"),
    "sending_progress": ("Sending Progress", "Progres Pengiriman"),
    "task_type": ("Task Type", "Jenis Tugas"),
    "task_status": ("Task Status", "Status Tugas"),
    "requests": ("Requests", "Permintaan"),
    "start_time": ("Start Time", "Waktu Mulai"),
    "recurrence": ("Recurrence", "Pengulangan"),
    "paused": ("Paused", "Dijeda"),
    "sending": ("Sending", "Mengirim"),
    "cache_queue": ("cache queue", "antrean cache"),
    "warmup_plan": ("warm-up plan", "rencana warm-up"),
    "recipient_group": ("recipient group", "grup penerima"),
}
"""From each key to the words in each of :data:`LANGUAGES`."""


class Words:
    """The labels in one language.

    Parameters
    ----------
    language
        ``"en"`` or ``"id"``; anything else raises ``ValueError``.
    """

    def __init__(self, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language={language!r} is not known; choose 'en' or 'id'")
        self.language = language
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """Return the words of a key, with ``values`` put into its braces."""
        words = LABELS[key][self._column]
        return words.format(**values) if values else words
