from __future__ import annotations

import copy
import json
import pickle

import pytest

from sessim.errors import ArgumentError
from sessim.senders.extensions import Features, mechanism
from sessim.senders.settings import Credentials, Guard, Secret, Server, Timeouts
from tests.senders.sending import CREDENTIALS, PASSWORD


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": ""}, "host: '' is no host name"),
        ({"host": "a b"}, "host: 'a b' is no host name"),
        ({"host": "a\r\nb"}, "host: 'a\\r\\nb' is no host name"),
        ({"host": "http://a"}, "host: 'http://a' is no host name"),
        ({"port": 0}, "port: 0 is not from 1 to 65535"),
        ({"port": 65536}, "port: 65536 is not from 1 to 65535"),
        ({"tls": "maybe"}, "tls: 'maybe' is not one of none, starttls, implicit"),
        ({"ehlo_name": "a\r\nMAIL"}, "ehlo_name: 'a\\r\\nMAIL' is no host name"),
        ({"connections": 0}, "connections: 0 is not from 1 to 100"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Server(**({"host": "mail.example.com"} | changes))  # type: ignore[arg-type]
    assert str(caught.value) == said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "mail.example.com", "m_1.test"])
def test_hosts(host: str) -> None:
    assert str(Server(host)) == f"{host}:465"


def test_the_timeouts_are_those_of_the_rfc() -> None:
    waits = Timeouts()
    assert (waits.greeting, waits.mail, waits.rcpt) == (300, 300, 300)
    assert (waits.data, waits.body, waits.dot) == (120, 180, 600)


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = CREDENTIALS.password
    shown = f"{secret} {secret!r} {secret!s} {secret:>5} {CREDENTIALS!r} {[secret]}"
    assert PASSWORD not in shown
    assert repr(secret) == "Secret(***)"
    assert secret.reveal() == PASSWORD
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_a_secret_is_written_nowhere(write: object) -> None:
    for thing in (CREDENTIALS.password, CREDENTIALS):
        if thing is CREDENTIALS and write is copy.copy:
            continue  # a shallow copy holds the same secret
        with pytest.raises(TypeError) as caught:
            write(thing)  # type: ignore[operator]
        assert PASSWORD not in str(caught.value)


def test_secrets_compare_and_have_no_hash() -> None:
    assert Secret("ä") == Secret("ä")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    with pytest.raises(TypeError):
        hash(Secret("a"))


@pytest.mark.parametrize(("user", "password"), [("", "x"), ("a\0b", "x"), ("a", "x\0y")])
def test_credentials_that_no_mechanism_carries(user: str, password: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Credentials(user, Secret(password))
    assert password not in str(caught.value) or password == "x"


def test_a_password_echoed_by_the_server_is_scrubbed() -> None:
    forms = [PASSWORD, CREDENTIALS.plain().decode(), CREDENTIALS.login_password().decode()]
    assert CREDENTIALS.scrubbed(" | ".join(forms)) == "*** | *** | ***"
    assert Credentials("a", Secret("")).scrubbed("as it is") == "as it is"


def test_the_guard_for_one_peer() -> None:
    guard = Guard.only("127.0.0.1", 25)
    assert guard.peer("localhost", "127.0.0.1", 25)
    assert not guard.peer("127.0.0.1", "192.0.2.1", 25)
    assert not guard.peer("127.0.0.1", "127.0.0.1", 26)
    assert guard.recipient("a@example.com")


@pytest.mark.parametrize(
    ("words", "features"),
    [
        ("host", Features()),
        ("PIPELINING", Features()),  # the first line is a name
        ("h\nPIPELINING\n8BITMIME\nSMTPUTF8\nSTARTTLS", Features(True, True, True, True)),
        ("h\npipelining\nsize 1000", Features(pipelining=True, size=1000)),
        ("h\nSIZE", Features()),
        ("h\nSIZE many", Features()),
        ("h\nSIZE \u0663", Features()),
        ("h\nAUTH PLAIN\nAUTH=LOGIN", Features(auth=("PLAIN", "LOGIN"))),
        ("h\n\n \nX-Y z", Features()),
    ],
)
def test_features(words: str, features: Features) -> None:
    assert Features.of(words) == features


def test_no_mechanism() -> None:
    assert mechanism(Features(auth=("GSSAPI",)), CREDENTIALS) == ()
