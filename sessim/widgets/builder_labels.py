"""The words of the task builder; :data:`sessim.widgets.labels.LABELS` takes them in."""

from __future__ import annotations

from typing import Final

FIELDS: Final[dict[str, tuple[str, str]]] = {
    "type": ("Task Type", "Jenis Tugas"),
    "name": ("Name", "Nama"),
    "start": ("Start Time", "Waktu Mulai"),
    "every": ("Recurrence (hours)", "Pengulangan (jam)"),
    "count": ("Number of runs", "Jumlah pengiriman"),
    "until": ("Until", "Sampai"),
    "every_by": ("Counted by", "Dihitung menurut"),
    "overlap": ("If still unsent", "Jika belum selesai"),
    "sender": ("Sender", "Pengirim"),
    "group": ("Recipient group", "Grup penerima"),
    "requests": ("How many", "Berapa banyak"),
    "recipients": ("CSV file", "Berkas CSV"),
    "subject": ("Subject", "Subjek"),
    "template": ("Template", "Templat"),
    "reply_to": ("Reply-to", "Balas ke"),
    "cancel_at": ("Cancel at", "Batalkan pada"),
    "domain.name": ("Domain", "Domain"),
    "warmup": ("Warm-up plan", "Rencana warm-up"),
    "number": ("Emails a day", "Email per hari"),
    "numbers": ("Emails by day", "Email tiap hari"),
    "rule_start": ("On day 1", "Pada hari 1"),
    "factor": ("Times, each day", "Kali, tiap hari"),
    "cap": ("At most", "Paling banyak"),
    "csv": ("CSV file", "Berkas CSV"),
    "level": ("Level at the start", "Tingkat awal"),
    "quality": ("Quality rates", "Angka mutu"),
    "segments": ("Segments", "Segmen"),
    "invalid_rate": ("Invalid", "Tidak valid"),
    "spam_bounce_rate": ("Spam bounce", "Pantulan spam"),
    "soft_failure_rate": ("Soft failure", "Gagal sementara"),
    "complaint_rate": ("Complaints", "Keluhan"),
    "open_rate": ("Opens", "Dibuka"),
    "click_rate": ("Clicks", "Diklik"),
    "unsubscribe_rate": ("Unsubscribed", "Berhenti"),
    "warmup_start": ("Day 1 is", "Hari 1 adalah"),
    "advance": ("Days that count", "Hari yang dihitung"),
    "account.start": ("Start", "Mulai"),
    "timezone": ("Time zone", "Zona waktu"),
    "rate": ("Emails a second", "Email per detik"),
    "discipline": ("Order of tasks", "Urutan tugas"),
    "window": ("Limit holds for", "Batas berlaku untuk"),
    "restart": ("Paused restart", "Setelah dijeda"),
    "restart_at": ("Restart at", "Mulai ulang pada"),
    "restart_delay": ("Delay (seconds)", "Penundaan (detik)"),
    "horizon": ("Horizon", "Horizon"),
    "resume_on_raise": (
        "Go on when a limit rises within a day",
        "Lanjut saat batas naik dalam sehari",
    ),
    "path": ("Plan file", "Berkas rencana"),
}
"""The name of each field of the form."""

HINTS: Final[dict[str, tuple[str, str]]] = {
    "name": ("Not that of another task", "Bukan nama tugas lain"),
    "start": ("For example 2026-12-03 09:00", "Misalnya 2026-12-03 09:00"),
    "every": ("24 is daily, 168 weekly", "24 harian, 168 mingguan"),
    "count": ("Empty: no end but the horizon", "Kosong: sampai horizon"),
    "until": ("A date or time; empty: no end", "Kosong: tanpa akhir"),
    "every_by": ("Matters where clocks change", "Penting bila jam bergeser"),
    "overlap": ("When a run is due before", "Bila pengiriman berikut sudah tiba"),
    "sender": ("Or: Name <name@domain>", "Atau: Nama <nama@domain>"),
    "requests": ("Emails of one run", "Email dalam satu pengiriman"),
    "recipients": (
        "Choose one, or upload up to 9 MB",
        "Pilih, atau unggah hingga 9 MB",
    ),
    "subject": ("Required to send", "Wajib untuk mengirim"),
    "template": (
        "Required to send: a file, or a text with {{name}}",
        "Wajib untuk mengirim: berkas, atau teks {{nama}}",
    ),
    "reply_to": ("Optional", "Opsional"),
    "cancel_at": ("Optional: when you stop it", "Opsional: kapan dihentikan"),
    "domain.name": ("For example news.example.com", "Misalnya news.example.com"),
    "number": ("The same limit every day", "Batas yang sama tiap hari"),
    "numbers": ("500, 1000, 2000; the last one stays", "500, 1000, 2000; yang terakhir tetap"),
    "rule_start": ("Emails on the first day", "Email pada hari pertama"),
    "factor": ("For example 1.3", "Misalnya 1,3"),
    "cap": ("Emails a day, from then on", "Email per hari, sejak itu"),
    "csv": ("A column named limit, one row a day", "Kolom bernama limit, satu baris per hari"),
    "level": ("0 to 20; a new domain has 1", "0 sampai 20; domain baru mulai dari 1"),
    "invalid_rate": ("Dead addresses, of those sent", "Alamat mati, dari yang dikirim"),
    "spam_bounce_rate": ("Refused as spam, of those sent", "Ditolak sebagai spam, dari dikirim"),
    "soft_failure_rate": ("Fails for now, of those sent", "Gagal sementara, dari yang dikirim"),
    "complaint_rate": ("Of those delivered", "Dari yang sampai"),
    "open_rate": ("Of those delivered", "Dari yang sampai"),
    "click_rate": ("Of those delivered", "Dari yang sampai"),
    "unsubscribe_rate": ("Of those delivered", "Dari yang sampai"),
    "warmup_start": (
        "Empty: when the domain's first task is due",
        "Kosong: saat tugas pertama domain tiba",
    ),
    "account.start": ("A date, or a local time", "Tanggal, atau waktu lokal"),
    "timezone": ("Its days are the days of the limits", "Harinya adalah hari batas"),
    "rate": ("Of the whole account", "Untuk seluruh akun"),
    "restart_at": ("09:00, or times with commas", "09:00, atau beberapa waktu dengan koma"),
    "restart_delay": ("From the reset to the restart", "Dari reset sampai mulai ulang"),
    "horizon": ("90d, or a date; empty: one year", "90d, atau tanggal; kosong: satu tahun"),
}
"""What is said below a field while nothing is wrong."""

CHOICES: Final[dict[str, tuple[str, str]]] = {
    "elapsed": ("Elapsed hours", "Jam yang berlalu"),
    "wall": ("Wall clock", "Jam dinding"),
    "queue": ("Queue behind it", "Antre di belakangnya"),
    "skip": ("Skip the new run", "Lewati yang baru"),
    "group.number": ("A number", "Jumlah"),
    "group.csv": ("A CSV file", "Berkas CSV"),
    "fifo": ("First due, first sent", "Yang lebih awal dulu"),
    "fair": ("In turns", "Bergiliran"),
    "day": ("A calendar day", "Satu hari kalender"),
    "rolling": ("24 hours from the last reset", "24 jam sejak reset terakhir"),
    "auto": ("By itself, at the reset", "Otomatis, saat reset"),
    "manual": ("By hand, at set times", "Manual, pada waktu tertentu"),
    "calendar": ("Every date", "Setiap tanggal"),
    "sending": ("Only dates with mail", "Hanya tanggal dengan email"),
    "warmup.reputation": (
        "reputation: levels that quality raises and lowers",
        "reputation: tingkat yang naik dan turun menurut mutu",
    ),
    "warmup.none": ("No limit", "Tanpa batas"),
    "warmup.number": ("The same number every day", "Jumlah yang sama tiap hari"),
    "warmup.list": ("A list of numbers", "Daftar angka"),
    "warmup.rule": ("A rule: start, factor, cap", "Aturan: awal, faktor, batas"),
    "warmup.csv": ("A CSV file", "Berkas CSV"),
}
"""What can be chosen."""

BUTTONS: Final[dict[str, tuple[str, str]]] = {
    "add": ("Add this task", "Tambah tugas ini"),
    "add_tip": ("Add the task to the plan", "Tambahkan tugas ke rencana"),
    "new": ("New task", "Tugas baru"),
    "new_tip": ("Fill in a new task", "Isi tugas baru"),
    "duplicate_tip": ("Duplicate the chosen task", "Duplikat tugas terpilih"),
    "up_tip": ("Move the chosen task up", "Naikkan tugas terpilih"),
    "down_tip": ("Move the chosen task down", "Turunkan tugas terpilih"),
    "delete_tip": ("Delete the chosen task", "Hapus tugas terpilih"),
    "undo": ("Undo", "Urungkan"),
    "undo_tip": ("Take back the last change", "Batalkan perubahan terakhir"),
    "redo": ("Redo", "Ulangi"),
    "redo_tip": ("Make the change again", "Lakukan lagi perubahannya"),
    "new_plan": ("New plan", "Rencana baru"),
    "new_plan_tip": ("Begin from scratch; Undo takes it back", "Mulai dari awal; bisa diurungkan"),
    "add_domain": ("Add a domain", "Tambah domain"),
    "add_domain_tip": ("Add a domain to the plan", "Tambahkan domain ke rencana"),
    "add_sender_domain": ("Add {domain}", "Tambah {domain}"),
    "add_sender_domain_tip": (
        "Add the sender's domain to the plan",
        "Tambahkan domain pengirim ke rencana",
    ),
    "delete_domain_tip": ("Delete the chosen domain", "Hapus domain terpilih"),
    "upload": ("Upload", "Unggah"),
    "upload_tip": (
        "Upload a CSV file of recipients of up to 9 MB; choose a larger one from the plan's folder",
        "Unggah berkas CSV penerima hingga 9 MB; yang lebih besar pilih dari folder rencana",
    ),
    "upload_template_tip": ("Upload a template", "Unggah templat"),
    "upload_limits_tip": ("Upload a CSV file of limits", "Unggah berkas CSV batas"),
    "calendar_tip": ("Pick from a calendar: {field}", "Pilih dari kalender: {field}"),
    "load": ("Load", "Muat"),
    "load_tip": ("Load the plan file; Undo takes it back", "Muat berkas rencana; bisa diurungkan"),
    "save": ("Save", "Simpan"),
    "save_tip": ("Save the plan to the file", "Simpan rencana ke berkas"),
    "copy_yaml": ("Copy YAML", "Salin YAML"),
    "copy_python": ("Copy Python", "Salin Python"),
    "copied": ("Copied", "Tersalin"),
    "show_problem": ("Show", "Tampilkan"),
    "show_problem_tip": (
        "Show the field of the first problem",
        "Tampilkan bidang masalah pertama",
    ),
}
"""What stands on buttons, and what they say about themselves (``_tip``)."""

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "tab_tasks": ("Tasks", "Tugas"),
    "tab_domains": ("Domains", "Domain"),
    "tab_account": ("Account", "Akun"),
    "tab_file": ("Plan file and code", "Berkas dan kode"),
    "list": ("Tasks", "Tugas"),
    "list_hint": (
        "Choose a task to change it, or fill in another one below.",
        "Pilih tugas untuk mengubahnya, atau isi tugas lain di bawah.",
    ),
    "domain_list": ("Domains", "Domain"),
    "domain_hint": ("Choose a domain to change it.", "Pilih domain untuk mengubahnya."),
    "batch_is_for": (
        (
            "Batch is for marketing and notification mail to a group. Mail triggered by an event "
            "(a sign-in code, a receipt) belongs to the SendEmail API instead."
        ),
        (
            "Batch adalah untuk email pemasaran atau pemberitahuan ke satu grup. Email yang dipicu "
            "peristiwa (kode masuk, tanda terima) sebaiknya lewat API SendEmail."
        ),
    ),
    "required": ("* required", "* wajib"),
    "none": ("none", "tidak ada"),
    "quality_tip": (
        "Show or fold away what becomes of the emails",
        "Tampilkan atau lipat apa yang terjadi pada email",
    ),
    "rates": (
        (
            "From 0 to 1, or in percent: 0.02 or 2%. Or a distribution, from which each "
            "replication draws: uniform: [0, 0.04]."
        ),
        (
            "Dari 0 sampai 1, atau dalam persen: 0,02 atau 2%. Atau sebaran, yang ditarik tiap "
            "replikasi: uniform: [0, 0.04]."
        ),
    ),
    "rates_task": ("Empty: as its domain has it.", "Kosong: seperti domainnya."),
    "rates_segments": (
        "Empty: as its domain has it. The list's segments keep rates of their own.",
        "Kosong: seperti domainnya. Segmen daftar ini memakai angkanya sendiri.",
    ),
    "rates_domain": (
        "Empty: 0. A task's own rates go before these.",
        "Kosong: 0. Angka milik tugas didahulukan.",
    ),
    "task_n": (
        "Task {n}: {name}. Changes hold at once; Undo takes them back.",
        "Tugas {n}: {name}. Perubahan langsung berlaku; bisa diurungkan.",
    ),
    "task_label": ("task {n} {name}", "tugas {n} {name}"),
    "domain_label": ("domain {n} {name}", "domain {n} {name}"),
    "test_send_label": ("test send {n}", "kirim uji {n}"),
    "missing": ("Required: please fill it in", "Wajib: mohon diisi"),
    "name_taken": (
        "Another one has this name; choose a different one",
        "Nama ini sudah dipakai; pilih yang lain",
    ),
    "no_tasks": ("There is no task yet: add one", "Belum ada tugas: tambahkan satu"),
    "no_domains": ("There is no domain yet: add one", "Belum ada domain: tambahkan satu"),
    "too_many_domains": (
        "An account has at most {most} domains; delete some",
        "Satu akun paling banyak {most} domain; hapus beberapa",
    ),
    "unknown_domain": (
        "{domain} is not one of the plan's domains; add it, or use another sender",
        "{domain} bukan domain rencana ini; tambahkan, atau pakai pengirim lain",
    ),
    "not_whole": (
        "{text} is not a whole number; give one from 0",
        "{text} bukan bilangan bulat; isi angka mulai 0",
    ),
    "day_without_number": (
        "A comma has no number before it; write one for each day",
        "Ada koma tanpa angka di depannya; tulis angka untuk tiap hari",
    ),
    "variables_differ": (
        "Template and recipient group must have the same variables.",
        "Variabel templat dan grup penerima harus sama.",
    ),
    "only_in_template": ("Only in the template: {names}.", "Hanya di templat: {names}."),
    "only_in_group": ("Only in the group: {names}.", "Hanya di grup: {names}."),
    "emails": ("= {n} emails in one run", "= {n} email sekali kirim"),
    "counted": ("{n} recipients", "{n} penerima"),
    "variables": ("Variables: {names}", "Variabel: {names}"),
    "no_variables": ("No variables", "Tanpa variabel"),
    "template_name": (
        "No such file: taken as a template of the service",
        "Tidak ada berkasnya: dianggap templat layanan",
    ),
    "of_zone": ("Local time of {zone}", "Waktu lokal {zone}"),
    "mend": (
        "The task was not added: mend the fields marked ⚠, then add it again.",
        "Tugas belum ditambahkan: perbaiki bidang bertanda ⚠, lalu tambahkan lagi.",
    ),
    "add_while_editing": (
        "A task of the plan is in the form: press New task first.",
        "Formulir memuat tugas dari rencana: tekan Tugas baru dulu.",
    ),
    "choose_task": ("Choose a task in the list first.", "Pilih dulu tugas dalam daftar."),
    "added": ("Task {name} was added.", "Tugas {name} ditambahkan."),
    "deleted": ("{name} was deleted; Undo brings it back.", "{name} dihapus; bisa diurungkan."),
    "undone": ("The last change was taken back.", "Perubahan terakhir dibatalkan."),
    "redone": ("The change was made again.", "Perubahan dilakukan lagi."),
    "emptied": (
        "A new plan. Undo brings the other one back.",
        "Rencana baru. Yang sebelumnya bisa dikembalikan.",
    ),
    "kept": ("The file was kept as {path} beside the plan.", "Berkas disimpan sebagai {path}."),
    "loaded": ("Loaded {path}.", "{path} dimuat."),
    "saved": ("Saved {path}.", "{path} disimpan."),
    "write_path": ("Write the name of a plan file", "Tulis nama berkas rencana"),
    "not_saved": (
        "Not saved: the plan has problems. Mend them first.",
        "Belum disimpan: rencana masih bermasalah. Perbaiki dulu.",
    ),
    "exists": (
        "{path} exists. Save again to replace it, or write another name.",
        "{path} sudah ada. Simpan lagi untuk mengganti, atau tulis nama lain.",
    ),
    "comments": (
        "{path} has comments that would be lost. Save again to replace it, or write another name.",
        "Komentar di {path} akan hilang. Simpan lagi untuk mengganti, atau tulis nama lain.",
    ),
    "folder": ("Paths in the plan begin in: {folder}", "Jalur dalam rencana berawal di: {folder}"),
    "valid": (
        "✓ The plan is complete. Tasks: {tasks}, domains: {domains}, emails: {emails}.",
        "✓ Rencana lengkap. Tugas: {tasks}, domain: {domains}, email: {emails}.",
    ),
    "problems": (
        "⚠ {n} to mend; until then the last complete plan is kept:",
        "⚠ {n} perlu diperbaiki; sampai itu rencana lengkap terakhir dipakai:",
    ),
    "to_do": ("⚠ {n} to do before the plan is complete:", "⚠ {n} lagi sampai rencana lengkap:"),
    "more": ("and {n} more", "dan {n} lagi"),
    "note": ("Note: {text}", "Catatan: {text}"),
    "stale": (
        "This is the last complete plan: what is to be mended is not in it.",
        "Ini rencana lengkap terakhir: yang perlu diperbaiki belum termasuk.",
    ),
    "no_plan": ("There is no complete plan yet.", "Belum ada rencana lengkap."),
    "yaml": ("As YAML", "Sebagai YAML"),
    "python": ("As Python", "Sebagai Python"),
    "unnamed": ("(no name)", "(tanpa nama)"),
    "list_counts": ("{each} \u00d7 {runs}", "{each} \u00d7 {runs}"),
    "at_once": ("at once", "langsung"),
    "limit_number": ("{n} a day", "{n} per hari"),
    "limit_rule": (
        "{start} \u00d7 {factor} a day, up to {cap}",
        "{start} \u00d7 {factor} per hari, maks. {cap}",
    ),
    "curve": (
        "Daily limit: {first} on day 1, {last} from day {day} on; {total} emails in {day} days.",
        (
            "Batas harian: {first} pada hari 1, {last} mulai hari {day}; "
            "{total} email dalam {day} hari."
        ),
    ),
    "curve_rises": (
        "Daily limit: {first} on day 1, {last} on day {day}, and rising after that.",
        "Batas harian: {first} pada hari 1, {last} pada hari {day}, dan naik terus.",
    ),
    "curve_fixed": ("Daily limit: {first}, every day.", "Batas harian: {first}, setiap hari."),
    "curve_reputation": (
        "Level {level} to begin with: {first} a day. Good mail raises it, bad mail lowers it.",
        "Mulai dari tingkat {level}: {first} per hari. Email baik menaikkan, buruk menurunkan.",
    ),
    "curve_none": ("No daily limit.", "Tanpa batas harian."),
    "curve_picture": ("Step chart. {text}", "Grafik bertingkat. {text}"),
    "curve_x": ("Warm-up day", "Hari warm-up"),
    "curve_y": ("Emails a day, at most", "Email per hari, maks."),
    "curve_y_log": ("Emails a day (log)", "Email per hari (log)"),
    "curve_from": ("Day 1 is {date}.", "Hari 1 adalah {date}."),
}
"""Sentences and headings."""

BUILDER_LABELS: Final[dict[str, tuple[str, str]]] = {
    **{f"builder.field.{key}": words for key, words in FIELDS.items()},
    **{f"builder.hint.{key}": words for key, words in HINTS.items()},
    **{f"builder.choice.{key}": words for key, words in CHOICES.items()},
    **{f"builder.{key}": words for key, words in (BUTTONS | TEXTS).items()},
}
"""All of them, under the keys that the panel asks for."""
