"""User and password: from where they come, and that they go nowhere but to the server (I7)."""

from __future__ import annotations

import base64
import getpass
import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from sessim.errors import ArgumentError
from sessim.senders import credentials
from sessim.senders.order import Order
from sessim.senders.sending import Sending
from sessim.senders.settings import Secret
from sessim.senders.stops import AuthenticationRefused
from tests.senders.conftest import Certify
from tests.senders.faults import FEATURES, Faults, Visit
from tests.senders.plans import begin, list_of, live, people, plan_to, states_of, task_to
from tests.senders.test_matrix_connecting import AUTH

USER = "hello@news.example.com"
CANARY = "Canary-7319-pässword-never-shown"
HERE = "127.0.0.1"


def forms(password: str) -> list[bytes]:
    """Return how a password may show: itself, escaped, and in base64 wherever it begins."""
    raw = password.encode()
    shown = [raw, password.encode("unicode_escape"), json.dumps(password)[1:-1].encode()]
    for before in range(3):  # what shares four letters with its neighbours is left out
        code = base64.b64encode(b"\0" * before + raw)
        shown.append(code[4 * (before > 0) : len(code) - 4 - len(code) % 4])
    return [*shown, base64.b64encode(f"\0{USER}\0{password}".encode()).rstrip(b"=")[:-1]]


def leaks(*shown: bytes | str) -> list[bytes]:
    """Return the forms of the canary that are in something."""
    whole = b"\n".join(text.encode() if isinstance(text, str) else text for text in shown)
    return [form for form in forms(CANARY) if form in whole]


def files(folder: Path) -> list[bytes]:
    """Return the bytes of every file below a folder: outbox, its log, tables, charts."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_the_forms_are_found() -> None:
    for before in ("", "x", "ab", f"\0{USER}\0"):
        code = base64.b64encode((before + CANARY + "z").encode())
        assert leaks(code)
    assert leaks(f"...{CANARY}") == [forms(CANARY)[0]]
    assert leaks(json.dumps(CANARY))
    assert not leaks(CANARY[:-1], USER)


# --- where they come from -------------------------------------------------------------------------


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """Put a keyring in the place that keeps its passwords in this dictionary."""
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")
    kept: dict[tuple[str, str], str] = {}

    class InMemory(backend.KeyringBackend):  # type: ignore[misc]
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            if ("", "") in kept:
                raise keyring.errors.KeyringLocked("the keyring is locked")
            return kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            kept[service, username] = password

    monkeypatch.setattr("keyring.core._keyring_backend", InMemory())
    return kept


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (credentials.USER, credentials.PASSWORD):
        monkeypatch.delenv(name, raising=False)


def only_with(password: str) -> dict[str, Any]:
    """Return rules of a server that lets in who has this password, and says what others gave."""
    wanted = base64.b64encode(f"\0{USER}\0{password}".encode()).decode()

    def judge(visit: Visit) -> str | None:
        given = visit.line.rpartition(" ")[2]
        return None if given == wanted else f"535 5.7.8 no, not {given}"

    return {"auth": judge}


def secure(port: int, cafile: str, folder: Path, **keys: Any) -> Order:
    plan = plan_to(task_to(list_of(folder, *people(5))))
    server = f"smtps://127.0.0.1:{port}"
    return live(plan, port, server=server, cafile=cafile, speed=1000, **keys)


@pytest.mark.parametrize("source", ["keyring", "environment", "locked keyring", "terminal"])
def test_a_send_logs_in_and_tells_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ring: dict[tuple[str, str], str],
    certified: Certify, cafile: str, caplog: pytest.LogCaptureFixture, source: str,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    monkeypatch.setenv(credentials.USER, USER)
    if source == "keyring":
        ring[f"sessim:{HERE}", USER] = CANARY
        monkeypatch.setenv(credentials.PASSWORD, "an old one: the keyring goes first")
    elif source == "terminal":
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr(getpass, "getpass", lambda prompt: CANARY)
    else:
        monkeypatch.setenv(credentials.PASSWORD, CANARY)
        if source != "environment":
            ring["", ""] = "locked"
    with Faults(only_with(CANARY), AUTH, certified(), implicit=True) as server:
        with begin(secure(server.port, cafile, tmp_path), tmp_path / "a") as sending:
            result = sending.run()
            shown = [repr(it) for it in (sending, sending.order, sending.outbox, vars(sending))]
            shown += [repr(vars(sending._courier)), repr(vars(sending._courier._pool))]
            assert not leaks(*shown, *files(tmp_path))
        assert states_of(tmp_path / "a") == {"accepted": 5}
        assert server.said("AUTH")
    out, err = capfd.readouterr()
    assert not leaks(out, err, caplog.text, result.events.to_csv(), *files(tmp_path))


def test_nobody_named_is_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(credentials.PASSWORD, CANARY)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: pytest.fail("asked"))
    assert credentials.find(HERE) is None


class Kernel:
    """What a notebook's kernel puts in the place of getpass."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer

    def getpass(self, prompt: str) -> str:
        if self.answer is None:
            raise NotImplementedError("no frontend")
        return self.answer


@pytest.mark.parametrize("answer", [CANARY, "", None])
def test_a_notebook_asks_its_reader(
    monkeypatch: pytest.MonkeyPatch, ring: object, answer: str | None
) -> None:
    monkeypatch.setenv(credentials.USER, USER)
    monkeypatch.setattr(getpass, "getpass", Kernel(answer).getpass)
    if not answer:
        with pytest.raises(ArgumentError, match=rf"^{credentials.PASSWORD}: is missing"):
            credentials.find(HERE)
    else:
        found = credentials.find(HERE)
        assert found is not None
        assert found.password == Secret(CANARY)


def test_who_is_named_does_not_send_as_nobody_for_want_of_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ring: object, certified: Certify, cafile: str
) -> None:
    monkeypatch.setenv(credentials.USER, USER)
    monkeypatch.setattr("sys.stdin", None)
    with Faults({}, AUTH, certified(), implicit=True) as server:
        sending = begin(secure(server.port, cafile, tmp_path), tmp_path / "a")
        with pytest.raises(ArgumentError, match="is missing, and the keyring has no password"):
            sending.__enter__()
        monkeypatch.setenv(credentials.PASSWORD, CANARY)
        with Sending.resume(tmp_path / "a") as sending:
            sending.run()
        assert server.said("AUTH")
    assert states_of(tmp_path / "a") == {"accepted": 5}


# --- refused: where errors might tell -------------------------------------------------------------


def test_a_refused_password_is_in_no_error_and_nothing_is_marked_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ring: object, certified: Certify,
    cafile: str, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(credentials.USER, USER)
    monkeypatch.setenv(credentials.PASSWORD, CANARY)
    with Faults(only_with("another"), AUTH, certified(), implicit=True) as server:
        with begin(secure(server.port, cafile, tmp_path), tmp_path / "a") as sending:
            result = sending.run()
            problem = sending.problem
        assert len(server.said("AUTH")) == 1
    assert isinstance(problem, AuthenticationRefused)
    assert "the server refused the credentials (AUTH: 535 5.7.8 no, not ***)" in str(problem)
    assert result.tasks["status"].tolist() == ["Error"]
    assert states_of(tmp_path / "a") == {"pending": 5}
    told = traceback.TracebackException.from_exception(problem, capture_locals=True)
    assert "Secret(***)" in "".join(told.format())  # there were locals to be shown
    shown = [*told.format(), str(vars(problem)), caplog.text, result.events.to_csv()]
    assert not leaks(*shown, *files(tmp_path))
    with (
        Faults(only_with(CANARY), AUTH, certified(), implicit=True, port=server.port),
        Sending.resume(tmp_path / "a") as sending,  # the password has been put right
    ):
        sending.run()
    assert states_of(tmp_path / "a") == {"accepted": 5}


@pytest.mark.parametrize("features", [AUTH, FEATURES])
def test_a_command_tells_no_password(
    tmp_path: Path, certified: Certify, cafile: str, features: tuple[str, ...]
) -> None:
    env = {**os.environ, credentials.USER: USER, credentials.PASSWORD: CANARY}
    env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

    def sessim(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sessim", *map(str, arguments)],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    with Faults(only_with("another"), features, certified(), implicit=True) as server:
        order = secure(server.port, cafile, tmp_path)
        order.plan.to_yaml(tmp_path / "plan.yaml")
        options = (
            *("--mode", "live", "--server", order.server, "--cafile", cafile),
            *("--speed", 1000),
        )
        looked = sessim("send", "plan.yaml", "--outbox", "a", *options)
        token = looked.stdout.rpartition("token: ")[2].strip()
        sent = sessim(
            "send", "plan.yaml", "--outbox", "a", *options, "--confirm", token, "--out", "o"
        )
    assert (looked.returncode, sent.returncode) == (2, 1)
    assert "Traceback" not in sent.stderr
    (line,) = sent.stderr.splitlines()
    offered = "the server refused the credentials" if features is AUTH else "for AUTH it offers"
    assert offered in line
    assert not leaks(looked.stdout, looked.stderr, sent.stdout, sent.stderr, *files(tmp_path))


# --- notebooks ------------------------------------------------------------------------------------

CELLS = """
import sessim
from sessim.senders import Order, Sending, preview
plan = sessim.Plan.from_yaml("plan.yaml")
order = Order(plan, "live", {server!r}, cafile={cafile!r}, speed=1000)
found = preview(order)
print(found)
order, found
---
%xmode Verbose
sending = Sending.start(order, "a", confirm=found.token)
with sending:
    display(sending.run().tasks)
    display(vars(sending), vars(sending._courier), sending._courier._pool.credentials)
---
raise sending.problem
---
import pickle
pickle.dumps(sending._courier._pool.credentials)
"""


@pytest.mark.notebook
def test_a_notebook_holds_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certified: Certify, cafile: str
) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv(credentials.USER, USER)
    monkeypatch.setenv(credentials.PASSWORD, CANARY)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with Faults(only_with("another"), AUTH, certified(), implicit=True) as server:
        order = secure(server.port, cafile, tmp_path)
        order.plan.to_yaml(tmp_path / "plan.yaml")
        text = CELLS.format(server=order.server, cafile=cafile)
        book = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in text.split("---")]
        )
        resources = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(
            book, timeout=60, allow_errors=True, kernel_name="python3", resources=resources
        ).execute()
    nbformat.write(book, tmp_path / "book.ipynb")
    errors = [output.ename for cell in book.cells for output in cell.outputs if "ename" in output]
    assert errors == ["AuthenticationRefused", "TypeError"]
    shown = (tmp_path / "book.ipynb").read_text("utf-8")
    assert "Secret(***)" in shown
    assert not leaks(shown, *files(tmp_path))
