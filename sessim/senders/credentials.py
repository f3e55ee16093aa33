"""Where user and password of a server come from; never from an argument."""

from __future__ import annotations

import getpass
import importlib
import os
import sys
from contextlib import suppress
from inspect import ismethod
from typing import Final

from sessim.errors import ArgumentError
from sessim.senders.settings import Credentials, Secret

USER: Final = "SESSIM_SMTP_USER"
PASSWORD: Final = "SESSIM_SMTP_PASSWORD"  # noqa: S105 - the name of the variable


def user() -> str | None:
    """Return whom the environment names, None if nobody."""
    return os.environ.get(USER) or None


def find(host: str) -> Credentials | None:
    """Look for the password of :func:`user`: in the keyring, the environment, and last by asking.

    Parameters
    ----------
    host
        The server; the keyring's service is ``sessim:`` and this name.

    Returns
    -------
    Credentials or None
        None if nobody is named: then the server has to do without.

    Raises
    ------
    ArgumentError
        If somebody is named, and no password is found.
    """
    name = user()
    if not name:
        return None
    password = _from_keyring(host, name) or os.environ.get(PASSWORD) or _asked(host, name)
    if not password:
        raise ArgumentError(
            f"{PASSWORD}: is missing, and the keyring has no password of {name} for {host} either; "
            f"give one, or unset {USER} to send without"
        )
    return Credentials(name, Secret(password))


def _from_keyring(host: str, user: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")  # an extra
    except ImportError:
        return None
    with suppress(keyring.errors.KeyringError):  # locked, or there is none on this machine
        found: str | None = keyring.get_password(f"sessim:{host}", user)
        return found
    return None


def _asked(host: str, user: str) -> str | None:
    asks_its_reader = ismethod(getpass.getpass)  # a notebook's kernel puts its own in the place
    if asks_its_reader or (sys.stdin is not None and sys.stdin.isatty()):
        with suppress(NotImplementedError):  # nobody reads: the notebook is run by a program
            return getpass.getpass(f"Password of {user} at {host}: ") or None
    return None
