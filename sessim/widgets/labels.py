"""The words of the panels in English and Indonesian: one dictionary."""

from __future__ import annotations

from typing import Final

from sessim.widgets.app_labels import APP_LABELS
from sessim.widgets.builder_labels import BUILDER_LABELS
from sessim.widgets.deadline_labels import DEADLINE_LABELS
from sessim.widgets.replay_labels import REPLAY_LABELS
from sessim.widgets.send_labels import SEND_LABELS

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
    # --- console, dashboard, comparison, report, runner ---
    "console": ("Console", "Konsol"),
    "dashboard": ("Dashboard", "Dasbor"),
    "to_start": ("To start", "Belum mulai"),
    "sent": ("Sent", "Terkirim"),
    "error_status": ("Error", "Galat"),
    "cancelled": ("Cancelled", "Dibatalkan"),
    "task": ("Task", "Tugas"),
    "tasks": ("Tasks", "Tugas"),
    "domain": ("Domain", "Domain"),
    "domains": ("Domains", "Domain"),
    "run_number": ("Run", "Putaran"),
    "plan": ("Plan", "Rencana"),
    "time": ("Time", "Waktu"),
    "time_in": ("Time ({zone})", "Waktu ({zone})"),
    "step": ("Step", "Langkah"),
    "play": ("Play", "Putar"),
    "pause": ("Pause", "Jeda"),
    "play_hint": ("Let the simulated days go by", "Jalankan hari-hari simulasi"),
    "minutes": ("{n} minutes", "{n} menit"),
    "hours": ("{n} hours", "{n} jam"),
    "one_hour": ("1 hour", "1 jam"),
    "one_day": ("1 day", "1 hari"),
    "one_week": ("1 week", "1 minggu"),
    "earlier": ("Earlier", "Mundur"),
    "later": ("Later", "Maju"),
    "one_step_back": ("Back by one step", "Mundur satu langkah"),
    "one_step_on": ("On by one step", "Maju satu langkah"),
    "previous_change": ("Previous change", "Perubahan sebelumnya"),
    "next_change": ("Next change", "Perubahan berikutnya"),
    "change_hint": (
        "When a status changes; with a task chosen, one of its own",
        "Saat sebuah status berubah; bila tugas dipilih, status tugas itu",
    ),
    "all": ("All", "Semua"),
    "name_has": ("Name contains", "Nama memuat"),
    "show_life": ("Life of task", "Riwayat tugas"),
    "choose_task": ("Choose a task", "Pilih tugas"),
    "several": ("{n} tasks", "{n} tugas"),
    "life_of": ("Life of {name} (task {task})", "Riwayat {name} (tugas {task})"),
    "no_life": ("Nothing happens to this task.", "Tidak ada yang terjadi pada tugas ini."),
    "status": ("Status", "Status"),
    "reason": ("Reason", "Alasan"),
    "cut_life": (
        "{before} earlier and {after} later changes are not shown.",
        "{before} perubahan sebelumnya dan {after} sesudahnya tidak ditampilkan.",
    ),
    "cut_lives": (
        "Only the lives of the first {shown} of {total} chosen tasks are shown.",
        "Hanya riwayat {shown} dari {total} tugas terpilih yang ditampilkan.",
    ),
    "tasks_at": ("Tasks on {time}", "Tugas pada {time}"),
    "domains_at": ("Domains on {time}", "Domain pada {time}"),
    "cut_tasks": (
        "The first {shown} of {total} tasks are shown; filter by status, type or name.",
        "Ditampilkan {shown} dari {total} tugas; saring menurut status, jenis, atau nama.",
    ),
    "shown_tasks": (
        "{shown} of {total} tasks shown.",
        "{shown} dari {total} tugas ditampilkan.",
    ),
    "no_match": ("No task matches the filters.", "Tidak ada tugas yang cocok dengan saringan."),
    "no_result": (
        "There is no result yet: run the plan.",
        "Belum ada hasil: jalankan rencana.",
    ),
    "outside_span": (
        "{time} is outside the simulated time; the nearest instant is shown.",
        "{time} di luar waktu simulasi; ditampilkan waktu yang terdekat.",
    ),
    "warmup_day": ("Warm-up day", "Hari warm-up"),
    "days_limit": ("Day's limit", "Batas hari ini"),
    "used": ("Used", "Terpakai"),
    "left": ("Left", "Sisa"),
    "in_cache": ("Cache queue", "Antrean cache"),
    "backlog": ("Backlog", "Tunggakan"),
    "none_limit": ("no limit", "tanpa batas"),
    "not_open": ("not begun", "belum mulai"),
    "due": ("Due", "Jatuh tempo"),
    "finished": ("Finished", "Selesai"),
    "pauses": ("Pauses", "Jeda"),
    "start": ("Start", "Mulai"),
    "end": ("End", "Selesai"),
    "date": ("Date", "Tanggal"),
    "limit": ("Limit", "Batas"),
    "utilisation": ("Utilisation", "Pemakaian"),
    "paused_hours": ("Paused hours", "Jam jeda"),
    "why_due": ("due", "jatuh tempo"),
    "why_reset": (
        "restarted by itself: the limit began anew",
        "dimulai lagi sendiri: batas baru berlaku",
    ),
    "why_hand": ("restarted by hand", "dimulai lagi secara manual"),
    "why_sent": ("all its emails are sent", "semua emailnya terkirim"),
    "why_reached": ("daily limit reached", "batas harian tercapai"),
    "why_nothing": ("nothing left of the daily limit", "batas harian sudah habis"),
    "why_zero": ("daily limit is 0", "batas harian 0"),
    "why_earlier_paused": (
        "an earlier run of the task is paused",
        "putaran sebelumnya dari tugas ini dijeda",
    ),
    "why_earlier": (
        "an earlier run of the task is unfinished",
        "putaran sebelumnya dari tugas ini belum selesai",
    ),
    "why_failed": ("the sending failed", "pengiriman gagal"),
    "why_cancelled": ("cancelled by the user", "dibatalkan pengguna"),
    "why_called_off": ("later recurrences called off", "pengulangan berikutnya dibatalkan"),
    "why_user_paused": ("paused by the user", "dijeda pengguna"),
    "why_user_restarted": ("restarted by the user", "dilanjutkan pengguna"),
    "refused": ("restart refused", "mulai ulang ditolak"),
    "skipped": ("skipped", "dilewati"),
    "summary": ("Summary", "Ringkasan"),
    "figure": ("Figure", "Angka"),
    "value": ("Value", "Nilai"),
    "fig_finish": ("Finish", "Selesai"),
    "fig_requests": ("Requests due", "Permintaan jatuh tempo"),
    "fig_sent": ("Sent", "Terkirim"),
    "fig_unsent": ("Unsent at the end", "Belum terkirim di akhir"),
    "fig_failed": ("Failed", "Gagal"),
    "fig_cancelled": ("Cancelled", "Dibatalkan"),
    "fig_pauses": ("Pauses", "Jeda"),
    "fig_paused_hours": ("Paused hours, all runs", "Jam jeda, semua putaran"),
    "fig_largest_backlog": ("Largest backlog", "Tunggakan terbesar"),
    "fig_largest_backlog_at": ("Largest backlog on", "Tunggakan terbesar pada"),
    "fig_days_at_limit": ("Days at the limit, all domains", "Hari di batas, semua domain"),
    "fig_utilisation": ("Utilisation of the limits", "Pemakaian batas"),
    "figures_of_domains": (
        (
            "Days at the limit and utilisation are those of the tasks' domains, with what other "
            "tasks sent, on the days that the charts show."
        ),
        (
            "Hari di batas dan pemakaian adalah milik domain tugas itu, termasuk kiriman tugas "
            "lain, pada hari-hari yang ditampilkan grafik."
        ),
    ),
    "unfinished": ("not finished", "belum selesai"),
    "due_later": (
        "not finished: runs are due after the end",
        "belum selesai: ada putaran yang jatuh tempo setelah akhir",
    ),
    "never": ("never", "tidak pernah"),
    "drawing": ("Drawing the charts...", "Menggambar grafik..."),
    "show_tasks": ("Tasks shown", "Tugas yang ditampilkan"),
    "show_domains": ("Domains shown", "Domain yang ditampilkan"),
    "choose_several": (
        "Choose several with Ctrl or Shift; none chosen means all.",
        "Pilih beberapa dengan Ctrl atau Shift; tanpa pilihan berarti semua.",
    ),
    "show_all": ("Show all", "Tampilkan semua"),
    "no_tasks_there": (
        "None of the chosen tasks belongs to the chosen domains.",
        "Tidak ada tugas terpilih yang termasuk domain terpilih.",
    ),
    "export_folder": ("Folder", "Folder"),
    "export_png": ("Charts (PNG), as shown", "Grafik (PNG), seperti ditampilkan"),
    "export_csv": ("Tables (CSV), whole plan", "Tabel (CSV), seluruh rencana"),
    "export_html": ("Report (HTML), whole plan", "Laporan (HTML), seluruh rencana"),
    "written": ("Written: {files}", "Ditulis: {files}"),
    "download": ("Download {file}", "Unduh {file}"),
    "report": ("Warm-up report", "Laporan warm-up"),
    "report_head": (
        "Simulated by sessim {version}, {start} to {end} ({zone}).",
        "Disimulasikan oleh sessim {version}, {start} sampai {end} ({zone}).",
    ),
    "covers_all": (
        "The whole plan (tasks: {tasks}, domains: {domains}).",
        "Seluruh rencana (tugas: {tasks}, domain: {domains}).",
    ),
    "work_left": (
        "Work was left at the end.",
        "Masih ada pekerjaan tersisa di akhir.",
    ),
    "work_later": (
        "All that was due was done; runs are due after the end.",
        "Semua yang jatuh tempo selesai; ada putaran yang jatuh tempo setelah akhir.",
    ),
    "charts": ("Charts", "Grafik"),
    "days": ("Days", "Hari"),
    "days_caption": ("Each domain, day by day", "Tiap domain, hari demi hari"),
    "cut_rows": (
        "The first {shown} of {total} rows are shown; the CSV tables have all.",
        "Ditampilkan {shown} dari {total} baris; tabel CSV memuat semuanya.",
    ),
    "no_pauses": ("There was no pause.", "Tidak ada jeda."),
    "no_days": ("There was no day with work.", "Tidak ada hari dengan pekerjaan."),
    "run": ("Run", "Jalankan"),
    "stop": ("Stop", "Hentikan"),
    "progress": ("Progress", "Kemajuan"),
    "no_plan": ("There is no plan to run.", "Tidak ada rencana untuk dijalankan."),
    "running": ("Running...", "Sedang berjalan..."),
    "stopped": ("Stopped; the result before stays.", "Dihentikan; hasil sebelumnya tetap."),
    "stopped_first": ("Stopped.", "Dihentikan."),
    "done_all": (
        "Done: {sent} emails sent, all work finished on {end}.",
        "Selesai: {sent} email terkirim, semua pekerjaan selesai pada {end}.",
    ),
    "done_left": (
        "Done: {sent} emails sent, work left on {end}: {left} emails of due runs are unsent.",
        "Selesai: {sent} email terkirim, tersisa pada {end}: {left} email jatuh tempo.",
    ),
    "done_not_due": (
        "Done: {sent} emails sent, all that was due by {end}; runs are due after the end.",
        "Selesai: {sent} email terkirim, semua jatuh tempo sampai {end}; ada putaran setelahnya.",
    ),
    "figures_of": ("Figures, and the difference from {name}", "Angka, dan selisih dari {name}"),
    "finishes_of": (
        "When each task finished, and the difference from {name}",
        "Kapan tiap tugas selesai, dan selisih dari {name}",
    ),
    "same": ("same", "sama"),
    "points": ("{n} points", "{n} poin"),
    "hours_earlier": ("{n} h earlier", "{n} jam lebih awal"),
    "hours_later": ("{n} h later", "{n} jam lebih lambat"),
    "not_there": ("not in this plan", "tidak ada di rencana ini"),
    "too_few": (
        "Add two or more plans to compare them.",
        "Tambahkan dua rencana atau lebih untuk membandingkan.",
    ),
    "add_file": ("Add a plan file", "Tambah berkas rencana"),
    "file_name": ("Plan file", "Berkas rencana"),
    "add": ("Add", "Tambah"),
    "remove": ("Remove", "Hapus"),
    "variant_of": ("Variant of", "Varian dari"),
    "other_warmup": ("With warm-up", "Dengan warm-up"),
    "add_warmup": ("Add with that warm-up", "Tambah dengan warm-up itu"),
    "add_second": ("Add with a second domain", "Tambah dengan domain kedua"),
    "second_hint": (
        "Half of each list of the domain is sent from a second domain with the same warm-up",
        "Separuh tiap daftar domain itu dikirim dari domain kedua dengan warm-up yang sama",
    ),
    "split": (
        (
            "{plan}: each task of {first} is split; “(2)” behind a task's name is its other half, "
            "sent from {second}."
        ),
        (
            "{plan}: tiap tugas {first} dibagi; “(2)” di belakang nama tugas adalah separuh "
            "lainnya, dikirim dari {second}."
        ),
    ),
    "all_domains": ("All domains", "Semua domain"),
    "with_warmup_name": ("{plan}, {warmup}", "{plan}, {warmup}"),
    "with_second_name": ("{plan}, two domains", "{plan}, dua domain"),
    "name_taken": (
        "the name {name!r} is taken; choose another",
        "nama {name!r} sudah dipakai; pilih yang lain",
    ),
    # --- end of console, dashboard, comparison, report, runner ---
    # --- task builder ---
    **BUILDER_LABELS,
    # --- end of task builder ---
    # --- workbench, test sends ---
    **APP_LABELS,
    **SEND_LABELS,
    **DEADLINE_LABELS,
    **REPLAY_LABELS,
    # --- end of workbench, test sends ---
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

    def __contains__(self, key: str) -> bool:
        """Say whether there are words for a key."""
        return key in LABELS
