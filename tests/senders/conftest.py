"""An authority of our own, a watch over where sockets connect to, outboxes that are closed."""

from __future__ import annotations

import datetime as dt
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from tests.senders.outboxes import OPENED

_connected: list[object] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        _connected.append(arguments[1])


sys.addaudithook(_note)  # stays for good: Python removes no audit hook


@pytest.fixture(autouse=True)
def connected() -> Iterator[list[object]]:
    """Return the addresses that sockets were connected to; no test may leave the machine."""
    _connected.clear()
    yield _connected
    hosts = {address[0] for address in _connected if isinstance(address, tuple)}
    assert hosts <= {"127.0.0.1", "::1"}


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def cafile(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


Certify = Callable[..., ssl.SSLContext]


@pytest.fixture(scope="session")
def certified(authority: trustme.CA) -> Certify:
    """Return a function that makes a server's context, for 127.0.0.1 unless told otherwise."""

    def make(
        *names: str,
        by: trustme.CA | None = None,
        until: dt.datetime | None = None,
        newest: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        issued = (by or authority).issue_cert(*(names or ("127.0.0.1",)), not_after=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        if newest is not None:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    return make


@pytest.fixture(autouse=True)
def closed_outboxes() -> Iterator[None]:
    """Leave no outbox open: the next test could not have it."""
    yield
    while OPENED:
        OPENED.pop().close()
