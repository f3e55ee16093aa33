"""The words of the workbench and of test sends; :data:`sessim.widgets.labels.LABELS` takes them."""

from __future__ import annotations

from typing import Final

APP_LABELS: Final[dict[str, tuple[str, str]]] = {
    "app.plan": ("Plan", "Rencana"),
    "app.console": ("Console", "Konsol"),
    "app.dashboard": ("Dashboard", "Dasbor"),
    "app.compare": ("Compare", "Bandingkan"),
    "app.test_send": ("Test send", "Kirim uji"),
    "app.auto": ("Run again after each change", "Jalankan lagi setelah tiap perubahan"),
    "app.stale": (
        "The plan has changed since this result: press Run.",
        "Rencana berubah sejak hasil ini: tekan Jalankan.",
    ),
    "app.not_yet": (
        "Fill in a plan, then press Run.",
        "Isi rencana, lalu tekan Jalankan.",
    ),
    "app.keep_name": ("Name", "Nama"),
    "app.keep": ("Add the present result", "Tambah hasil saat ini"),
    "app.no_result": (
        "There is no result to add yet: press Run first.",
        "Belum ada hasil untuk ditambah: tekan Jalankan dulu.",
    ),
    "app.kept": ("{name} was added.", "{name} ditambahkan."),
    "app.mend_first": (
        "Mend the plan first: it has problems, which the tab Plan shows.",
        "Perbaiki rencana dulu: masalahnya ditampilkan di tab Rencana.",
    ),
    "test.mode": ("Sender mode", "Mode pengirim"),
    "test.mode.simulate": ("Simulate: nothing is sent", "Simulasi: tidak ada yang dikirim"),
    "test.mode.loopback": (
        "Loopback: to a server on this computer",
        "Loopback: ke server di komputer ini",
    ),
    "test.kept": ("{n} mails are in {folder}.", "{n} email ada di {folder}."),
    "test.remark": (
        (
            "No mail leaves this computer: Simulate sends none, Loopback sends to a server of "
            "sessim's own. The plan keeps sender, time and number of addresses; they count towards "
            "the day's limit, and what is beyond it fails at once."
        ),
        (
            "Tidak ada email yang keluar: Simulasi tidak mengirim, Loopback mengirim ke server "
            "sessim sendiri. Rencana menyimpan pengirim, waktu, dan jumlah alamat; semuanya masuk "
            "hitungan batas harian, dan yang melewatinya langsung gagal."
        ),
    ),
    "test.template": ("Template", "Templat"),
    "test.subject": ("Subject", "Subjek"),
    "test.sender": ("Sender", "Pengirim"),
    "test.addresses": ("Addresses", "Alamat"),
    "test.at": ("Time", "Waktu"),
    "test.template_hint": ("The name of a template, or its file", "Nama templat, atau berkasnya"),
    "test.subject_hint": ("At most 998 characters", "Paling banyak 998 karakter"),
    "test.sender_hint": ("An address of one of: {domains}", "Alamat dari salah satu: {domains}"),
    "test.addresses_hint": (
        "1 to 20, separated by commas or line breaks",
        "1 sampai 20, dipisah koma atau baris baru",
    ),
    "test.addresses_count": ("{n} of at most 20", "{n} dari paling banyak 20"),
    "test.at_hint": ("Local time of {zone}", "Waktu lokal {zone}"),
    "test.send_tip": (
        "Add the test send to the plan; Undo in the tab Plan takes it back",
        "Tambah kiriman uji ke rencana; Urungkan di tab Rencana membatalkannya",
    ),
    "test.missing": ("Required: please fill it in", "Wajib: mohon diisi"),
    "test.too_many": (
        "{n} addresses; a test send takes at most 20",
        "{n} alamat; kirim uji paling banyak 20",
    ),
    "test.twice": ("{address} is there twice; leave one out", "{address} ada dua kali; hapus satu"),
    "test.no_address": (
        "{text} is not an e-mail address; write name@domain",
        "{text} bukan alamat email; tulis nama@domain",
    ),
    "test.no_plan": (
        "There is no complete plan yet: a test send needs a plan's domain.",
        "Belum ada rencana lengkap: kirim uji perlu domain dari rencana.",
    ),
    "test.mend": (
        "Nothing was added: mend the fields marked ⚠.",
        "Tidak ada yang ditambahkan: perbaiki bidang bertanda ⚠.",
    ),
    "test.added": (
        "The test send was added to the plan: {n} addresses at {time}.",
        "Kirim uji ditambahkan ke rencana: {n} alamat pada {time}.",
    ),
    "test.removed": ("The test send was removed.", "Kirim uji dihapus."),
    "test.list": ("Test sends of the plan", "Kirim uji dalam rencana"),
    "test.none": ("The plan has no test send yet.", "Rencana belum punya kirim uji."),
    "test.number": ("No.", "No."),
    "test.recipients": ("Addresses", "Alamat"),
    "test.outcome": ("What came of it", "Hasilnya"),
    "test.sent": ("✓ {n} sent", "✓ {n} terkirim"),
    "test.failed": (
        "✕ {failed} failed at the daily limit, {n} sent",
        "✕ {failed} gagal di batas harian, {n} terkirim",
    ),
    "test.not_run": ("○ not simulated yet: press Run", "○ belum disimulasikan: tekan Jalankan"),
    "test.not_reached": (
        "○ not reached: the simulation ended before",
        "○ tidak tercapai: simulasi berakhir sebelumnya",
    ),
    "test.choose": ("Test send", "Kirim uji"),
}
"""From each key to the words in each language."""
