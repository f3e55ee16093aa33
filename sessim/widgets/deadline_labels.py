"""The words of the deadline panel; :data:`sessim.widgets.labels.LABELS` takes them."""

from __future__ import annotations

from typing import Final

DEADLINE_LABELS: Final[dict[str, tuple[str, str]]] = {
    "app.deadline": ("Deadline", "Tenggat"),
    "deadline.of": ("What must be done", "Yang harus selesai"),
    "deadline.of.list": ("A new list from new domains", "Daftar baru dari domain baru"),
    "deadline.of.plan": ("All work of the plan", "Semua pekerjaan rencana"),
    "deadline.by": ("Deadline", "Tenggat"),
    "deadline.by_hint": ("The last day, to its end", "Hari terakhir, sampai akhir hari"),
    "deadline.start": ("Not before", "Tidak sebelum"),
    "deadline.start_hint": ("The first day that may be used", "Hari pertama yang boleh dipakai"),
    "deadline.size": ("Addresses", "Alamat"),
    "deadline.size_hint": ("How long the list is", "Panjang daftar"),
    "deadline.domains": ("New domains", "Domain baru"),
    "deadline.domains_hint": ("1 to 10; the list is split", "1 sampai 10; daftar dibagi"),
    "deadline.warmup": ("Warm-up", "Warm-up"),
    "deadline.warmup.reputation": ("By reputation", "Menurut reputasi"),
    "deadline.warmup.standard": ("Standard table", "Tabel standar"),
    "deadline.rate": ("Account rate", "Laju akun"),
    "deadline.rate_hint": ("Emails a second", "Email per detik"),
    "deadline.replications": ("Replications", "Replikasi"),
    "deadline.replications_hint": (
        "More make the percentage surer, and take longer",
        "Makin banyak makin pasti persentasenya, dan makin lama",
    ),
    "deadline.invalid_rate": ("Invalid %", "Tidak valid %"),
    "deadline.invalid_rate_hint": ("Dead addresses, of those sent", "Alamat mati, dari terkirim"),
    "deadline.spam_bounce_rate": ("Spam bounce %", "Pantulan spam %"),
    "deadline.spam_bounce_rate_hint": ("Refused as spam", "Ditolak sebagai spam"),
    "deadline.complaint_rate": ("Complaints %", "Keluhan %"),
    "deadline.complaint_rate_hint": ("Of those delivered", "Dari yang sampai"),
    "deadline.open_rate": ("Opens %", "Dibuka %"),
    "deadline.open_rate_hint": ("Of those delivered", "Dari yang sampai"),
    "deadline.width": ("Doubt ± %", "Keraguan ± %"),
    "deadline.width_hint": (
        "How far each rate may lie off; every replication draws anew",
        "Sejauh mana tiap angka bisa meleset; tiap replikasi menarik lagi",
    ),
    "deadline.slider": ("{name}, slider", "{name}, penggeser"),
    "deadline.answer": ("Answer", "Jawab"),
    "deadline.remark": (
        "A probability is counted from replications that had no part in the search.",
        "Peluang dihitung dari replikasi yang tidak ikut dalam pencarian.",
    ),
    "deadline.remark_plan": (
        "Rates here stand in for those of the plan's domains; a task or segment keeps its own.",
        "Angka di sini menggantikan milik domain rencana; tugas atau segmen memakai miliknya.",
    ),
    "deadline.ask": (
        "Set the deadline and what you assume, then press Answer.",
        "Atur tenggat dan anggapan Anda, lalu tekan Jawab.",
    ),
    "deadline.stale": (
        "The answer is of other settings: press Answer.",
        "Jawaban ini untuk setelan lain: tekan Jawab.",
    ),
    "deadline.working": (
        "Trying starts: {n} replications so far. Stop keeps the answer before.",
        "Mencoba tanggal mulai: {n} replikasi. Hentikan mempertahankan jawaban sebelumnya.",
    ),
    "deadline.stopped": (
        "Stopped; press Answer to ask again.",
        "Dihentikan; tekan Jawab untuk bertanya lagi.",
    ),
    "deadline.done": (
        "Answered: save the plan below, or change what you assume and press Answer.",
        "Terjawab: simpan rencana di bawah, atau ubah anggapan lalu tekan Jawab.",
    ),
    "deadline.no_day": ("Pick a day for “{name}”.", "Pilih hari untuk “{name}”."),
    "deadline.no_share": (
        "{name} is {value}; give 0 to 100.",
        "{name} adalah {value}; isi 0 sampai 100.",
    ),
    "deadline.start_by": (
        "Start on {start} at the latest: done by {by} with {chance}.",
        "Mulai paling lambat {start}: selesai sampai {by} dengan {chance}.",
    ),
    "deadline.start_by_sure": (
        "Start on {start} at the latest: done by {by}.",
        "Mulai paling lambat {start}: selesai sampai {by}.",
    ),
    "deadline.not_by": (
        "Not sure by {by}: started on {start}, it is done by then with only {chance}.",
        "Belum pasti sampai {by}: bila mulai {start}, selesai saat itu hanya dengan {chance}.",
    ),
    "deadline.not_by_sure": (
        "Not by {by}: started on {start}, it is done later.",
        "Tidak sampai {by}: bila mulai {start}, selesainya lebih lambat.",
    ),
    "deadline.no_room": (
        "Not by {by}, nor later: of {every} emails only {n} can be sent.",
        "Tidak sampai {by}, juga tidak sesudahnya: dari {every} email hanya {n} bisa dikirim.",
    ),
    "deadline.plan_by": (
        "The plan is done by {by} with {chance}.",
        "Rencana selesai sampai {by} dengan {chance}.",
    ),
    "deadline.plan_by_sure": ("The plan is done by {by}.", "Rencana selesai sampai {by}."),
    "deadline.plan_late_sure": (
        "The plan is not done by {by}.",
        "Rencana tidak selesai sampai {by}.",
    ),
    "deadline.chance": ("{p} ({low} to {high})", "{p} ({low} sampai {high})"),
    "deadline.certain": (
        (
            "Nothing here is left to chance: rates move a finish where a warm-up goes by "
            "reputation, or a recurring task loses addresses."
        ),
        (
            "Tidak ada yang bergantung pada peluang: angka menggeser waktu selesai bila warm-up "
            "menurut reputasi, atau tugas berulang kehilangan alamat."
        ),
    ),
    "deadline.file": ("Plan file", "Berkas rencana"),
    "deadline.save": ("Save plan", "Simpan rencana"),
    "deadline.saved": (
        "Saved as {path}: open it in the tab Plan, or with sessim.",
        "Disimpan sebagai {path}: buka di tab Rencana, atau dengan sessim.",
    ),
    "deadline.months": (
        "January February March April May June July August September October November December",
        "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    ),
}
"""From each key to the words in each language."""
