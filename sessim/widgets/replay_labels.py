"""The words of the panel that replays histories; :data:`sessim.widgets.labels.LABELS` has them."""

from __future__ import annotations

from typing import Final

REPLAY_LABELS: Final[dict[str, tuple[str, str]]] = {
    "app.replay": ("Replay", "Putar ulang"),
    "replay.path": ("History file", "Berkas riwayat"),
    "replay.path_hint": (
        (
            "Pages of ListSendTasks, webhook events, a mail log, an event log; also a folder, "
            "and gzip"
        ),
        (
            "Halaman ListSendTasks, peristiwa webhook, log email, log peristiwa; juga folder, "
            "dan gzip"
        ),
    ),
    "replay.add": ("Add", "Tambah"),
    "replay.upload": ("Upload", "Unggah"),
    "replay.upload_tip": (
        "Upload files of a history, up to 9 MB each; they are kept in the folder histories",
        "Unggah berkas riwayat, hingga 9 MB per berkas; disimpan di folder histories",
    ),
    "replay.files": ("Files of this history", "Berkas riwayat ini"),
    "replay.remove": ("Remove", "Hapus"),
    "replay.zone": ("Zone of times without one", "Zona untuk waktu tanpa zona"),
    "replay.format": ("Kind", "Jenis"),
    "replay.recognised": ("is recognised", "dikenali sendiri"),
    "replay.load": ("Replay", "Putar ulang"),
    "replay.load_tip": (
        "Read the files and rebuild what happened; nothing in them is run",
        "Baca berkas dan susun ulang kejadiannya; isinya tidak pernah dijalankan",
    ),
    "replay.no_file": (
        "Name a file first, or upload one.",
        "Sebutkan berkas dulu, atau unggah satu.",
    ),
    "replay.not_there": (
        "There is no file {path}; check the name.",
        "Tidak ada berkas {path}; periksa namanya.",
    ),
    "replay.begin": (
        "Add the files of a history, then press Replay.",
        "Tambahkan berkas riwayat, lalu tekan Putar ulang.",
    ),
    "replay.loading": ("Reading the files...", "Membaca berkas..."),
    "replay.loaded": (
        "{tasks} tasks, {pauses} pauses, {findings} findings; the last look was on {end}.",
        "{tasks} tugas, {pauses} jeda, {findings} temuan; terakhir terlihat pada {end}.",
    ),
    "replay.notes": ("What was read, and what was left out", "Yang dibaca, dan yang dilewati"),
    "replay.pauses": (
        "Pauses: press one to have it explained",
        "Jeda: tekan salah satu untuk penjelasannya",
    ),
    "replay.pause": ("Explain pause", "Jelaskan jeda"),
    "replay.choose": ("Choose a pause", "Pilih jeda"),
    "replay.between": ("{first} to {last}", "{first} sampai {last}"),
    "replay.intervals": (
        "Where two times are given, it happened between them: nobody looked in the meantime.",
        "Bila ada dua waktu, kejadiannya di antara keduanya: saat itu tidak ada yang melihat.",
    ),
    "replay.cut": (
        "The first {shown} of {total} are shown.",
        "Ditampilkan {shown} dari {total} yang pertama.",
    ),
    "replay.findings": ("Findings: what breaks the rules", "Temuan: yang melanggar aturan"),
    "replay.no_findings": ("Nothing breaks the rules.", "Tidak ada yang melanggar aturan."),
    "replay.rule": ("Rule", "Aturan"),
    "replay.finding": ("Finding", "Temuan"),
    "replay.severity": ("Severity", "Tingkat"),
    "replay.error": ("error", "kesalahan"),
    "replay.warning": ("warning", "peringatan"),
    "replay.explaining": ("Explaining the pause...", "Menjelaskan jeda..."),
    "replay.why": ("Why {name} was paused", "Mengapa {name} dijeda"),
    "replay.used": ("Sent by {domain} on {date}", "Dikirim oleh {domain} pada {date}"),
    "replay.emails": ("Emails", "Email"),
    "replay.share": ("Share of the limit", "Bagian dari batas"),
    "replay.changes": ("What else would have happened", "Yang akan terjadi bila berbeda"),
    "replay.change": ("Change", "Perubahan"),
    "replay.would_be": ("It would have been", "Statusnya akan"),
    "replay.hours": ("Hours later or earlier", "Jam lebih lambat atau awal"),
    "replay.shares": ("Shares in the pause", "Bagian dalam jeda"),
    "replay.part": ("Share", "Bagian"),
}
"""From each key to the words in each language."""
