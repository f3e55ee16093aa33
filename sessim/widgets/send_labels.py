"""The words of the panel that sends; :data:`sessim.widgets.labels.LABELS` takes them."""

from __future__ import annotations

from typing import Final

SEND_LABELS: Final[dict[str, tuple[str, str]]] = {
    "app.send": ("Send", "Kirim"),
    "send.mode": ("Sender mode", "Mode pengirim"),
    "send.mode.simulate": ("Simulate: nothing is sent", "Simulasi: tidak ada yang dikirim"),
    "send.mode.loopback": (
        "Loopback: to a server on this computer",
        "Loopback: ke server di komputer ini",
    ),
    "send.mode.live": ("Live: to a real server", "Langsung: ke server sungguhan"),
    "send.badge.simulate": (
        "SIMULATE: no connection is opened",
        "SIMULASI: tidak ada koneksi yang dibuka",
    ),
    "send.badge.loopback": (
        "LOOPBACK: a server of sessim's own on 127.0.0.1",
        "LOOPBACK: server sessim sendiri di 127.0.0.1",
    ),
    "send.badge.live": ("LIVE: {host}", "LANGSUNG: {host}"),
    "send.outbox": ("Outbox", "Kotak keluar"),
    "send.outbox_hint": (
        "A new file that keeps every recipient; or one to go on with",
        "Berkas baru yang menyimpan tiap penerima; atau yang akan dilanjutkan",
    ),
    "send.speed": ("Speed", "Kecepatan"),
    "send.speed_hint": (
        "Seconds of the plan in one: 86400 is a day a second",
        "Detik rencana dalam satu detik: 86400 berarti sehari per detik",
    ),
    "send.redirect_to": ("Redirect to", "Alihkan ke"),
    "send.redirect_to_hint": (
        "All mail goes to this address instead; empty: to the recipients",
        "Semua email pergi ke alamat ini saja; kosong: ke para penerima",
    ),
    "send.only": ("Only to", "Hanya ke"),
    "send.only_hint": (
        "Nothing goes elsewhere: ann@example.org, example.org, *.example.org; empty: anywhere",
        "Tidak ada yang ke luar: ann@example.org, example.org, *.example.org; kosong: ke mana saja",
    ),
    "send.test_to": ("Test sends to", "Kirim uji ke"),
    "send.test_to_hint": (
        "Addresses that the plan's test sends go to, with commas in between",
        "Alamat tujuan kirim uji dalam rencana, dipisahkan koma",
    ),
    "send.server": ("Server", "Server"),
    "send.server_hint": (
        (
            "smtps://HOST:PORT or smtp+starttls://HOST:PORT; the password comes from keyring or "
            "environment, never from here"
        ),
        (
            "smtps://HOST:PORT atau smtp+starttls://HOST:PORT; kata sandi dari keyring atau "
            "lingkungan, tidak pernah dari sini"
        ),
    ),
    "send.unsubscribe": ("Unsubscribe link", "Tautan berhenti"),
    "send.unsubscribe_hint": (
        "https link for one-click unsubscribing",
        "Tautan https untuk berhenti berlangganan sekali klik",
    ),
    "send.number": ("Number of emails", "Jumlah email"),
    "send.number_hint": (
        "Confirms how many emails go out, if more than 20",
        "Menegaskan berapa email yang keluar, bila lebih dari 20",
    ),
    "send.token": ("Token", "Token"),
    "send.token_hint": (
        "Of the preview: it belongs to this plan, these lists and this server",
        "Dari pratinjau: milik rencana, daftar, dan server ini",
    ),
    "send.preview": ("Preview", "Pratinjau"),
    "send.preview_tip": (
        "Say what would be sent; nothing is opened or written",
        "Tampilkan apa yang akan dikirim; tidak ada yang dibuka atau ditulis",
    ),
    "send.start": ("Start sending", "Mulai kirim"),
    "send.go_on": ("Go on with the outbox", "Lanjutkan kotak keluar"),
    "send.go_on_tip": (
        "After a stop or a crash: what was sent is not sent again",
        "Setelah berhenti atau macet: yang sudah terkirim tidak dikirim lagi",
    ),
    "send.tasks": ("Task", "Tugas"),
    "send.all_tasks": ("All tasks", "Semua tugas"),
    "send.pause": ("Pause", "Jeda"),
    "send.unpause": ("Resume", "Lanjutkan"),
    "send.cancel": ("Cancel task", "Batalkan tugas"),
    "send.cancel_tip": (
        "Choose a task: what it has not sent will never be sent",
        "Pilih tugas: yang belum terkirim tidak akan pernah dikirim",
    ),
    "send.stop": ("Stop", "Hentikan"),
    "send.stop_tip": (
        "Each connection finishes the message in hand; go on later",
        "Tiap koneksi menyelesaikan pesan yang sedang dikirim; lanjutkan nanti",
    ),
    "send.waiting": (
        (
            "Stopping: waiting for the server's answer to {n} messages, at most {seconds} seconds; "
            "Stop again lists them as unknown."
        ),
        (
            "Menghentikan: menunggu jawaban server untuk {n} pesan, paling lama {seconds} detik; "
            "Hentikan lagi mencatatnya sebagai tidak diketahui."
        ),
    ),
    "send.no_plan": ("There is no plan to send.", "Tidak ada rencana untuk dikirim."),
    "send.simulates": (
        "Simulate sends nothing: choose Loopback or Live to send.",
        "Simulasi tidak mengirim: pilih Loopback atau Langsung untuk mengirim.",
    ),
    "send.missing": ("Missing for a live send: {said}", "Kurang untuk kirim langsung: {said}"),
    "send.ready": (
        "Nothing is missing: Start sending sends for real.",
        "Tidak ada yang kurang: Mulai kirim akan mengirim sungguhan.",
    ),
    "send.would": ("What would be sent", "Yang akan dikirim"),
    "send.from": ("From", "Dari"),
    "send.emails": ("Emails", "Email"),
    "send.refused": ("Rows left out", "Baris dilewati"),
    "send.recipients": ("Recipients", "Penerima"),
    "send.redirected": ("{address}, and nobody else", "{address}, dan tidak ke yang lain"),
    "send.outside": ("Outside, which fail", "Di luar, yang gagal"),
    "send.at": ("{rows} at {name}", "{rows} di {name}"),
    "send.more": ("{n} other domains", "{n} domain lain"),
    "send.first": ("First due", "Jatuh tempo pertama"),
    "send.last": ("Last done", "Selesai terakhir"),
    "send.previewed": (
        "The preview is below: nothing was sent.",
        "Pratinjau di bawah: tidak ada yang dikirim.",
    ),
    "send.not_number": ("{text} is not a number", "{text} bukan angka"),
    "send.sending": ("Sending: {sent} of {requests} emails.", "Mengirim: {sent} dari {requests}."),
    "send.paused": ("Pausing: {name}.", "Menjeda: {name}."),
    "send.unpaused": ("Going on: {name}.", "Melanjutkan: {name}."),
    "send.cancelled": ("Cancelling: {name}.", "Membatalkan: {name}."),
    "send.done": (
        "Done: {sent} emails sent; the mails are in {mails}.",
        "Selesai: {sent} email terkirim; email ada di {mails}.",
    ),
    "send.done_live": ("Done: {sent} emails sent.", "Selesai: {sent} email terkirim."),
    "send.stopped": (
        "Stopped with {sent} of {requests} emails sent: Go on with the outbox sends the rest.",
        "Dihentikan, {sent} dari {requests} email terkirim: Lanjutkan kotak keluar untuk sisanya.",
    ),
    "send.ended": (
        "The plan's time is over with {sent} of {requests} emails sent.",
        "Waktu rencana habis, {sent} dari {requests} email terkirim.",
    ),
    "send.held": ("Paused by you: {names}.", "Dijeda oleh Anda: {names}."),
    "send.now": ("Tasks at {time}", "Tugas pada {time}"),
    "send.rows": ("Rows of the outbox", "Baris kotak keluar"),
    "send.state": ("State", "Keadaan"),
    "send.count": ("Rows", "Baris"),
    "send.state.pending": ("Pending", "Menunggu"),
    "send.state.intent": ("Being sent", "Sedang dikirim"),
    "send.state.accepted": ("Accepted", "Diterima"),
    "send.state.rejected": ("Rejected", "Ditolak"),
    "send.state.deferred": ("Deferred", "Ditunda"),
    "send.state.expired": ("Expired", "Kedaluwarsa"),
    "send.state.suppressed": ("Suppressed", "Ditekan"),
    "send.state.unknown": ("Unknown", "Tidak diketahui"),
    "send.state.cancelled": ("Cancelled", "Dibatalkan"),
    "send.nothing_yet": ("Nothing has been sent here yet.", "Belum ada yang dikirim di sini."),
}
"""From each key to the words in each language."""
