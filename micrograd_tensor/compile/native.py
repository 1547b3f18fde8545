"""Native: machine code as functions that Python calls."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

_FASTCALL = 0x80  # Python's METH_FASTCALL
_kept: list[Any] = []  # what Python may call stays as long as Python


class _Method(ctypes.Structure):
    """Python's ``PyMethodDef``."""

    _fields_ = (("name", ctypes.c_char_p), ("code", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


def builtin(address: int, name: str, owner: Any = None) -> Any:
    """The function at an address, ``PyObject *f(PyObject *ndarray, PyObject *const *args, Py_ssize_t n)`` of C.

    Args:
        address: where its machine code is.
        name: what it is called.
        owner: what has to stay, for the code to.
    """
    method = _Method(name.encode(), address, _FASTCALL, None)
    _kept.append((method, owner))
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.POINTER(_Method), ctypes.py_object, ctypes.py_object]
    return make(method, np.ndarray, __name__)
