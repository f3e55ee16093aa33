"""A disk that fails: the kernel itself answers fsync with EIO, in one thread, for good."""

from __future__ import annotations

import ctypes
import errno
import platform
import sys
from typing import Final

_NUMBERS: Final = {"x86_64": (74, 75), "aarch64": (82, 83)}  # of fsync and fdatasync
IS_POSSIBLE: Final = sys.platform == "linux" and platform.machine() in _NUMBERS

_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # linux/prctl.h
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000  # linux/seccomp.h


class Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("then", ctypes.c_uint8),
        ("otherwise", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("start", ctypes.POINTER(Instruction)))


def fail_fsync() -> None:
    """Let every fsync of this thread fail from now on; there is no way back."""
    fsync, fdatasync = _NUMBERS[platform.machine()]
    instructions = (Instruction * 5)(
        (_LOAD, 0, 0, 0),  # the system call's number
        (_EQUAL, 2, 0, fsync),
        (_EQUAL, 1, 0, fdatasync),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERROR | errno.EIO),
    )
    library = ctypes.CDLL(None, use_errno=True)
    program = Program(len(instructions), instructions)
    for call in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.byref(program))):
        if library.prctl(*call):
            raise OSError(ctypes.get_errno(), "the kernel takes no filter")
