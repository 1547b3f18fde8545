"""Machine code: what LLVM makes of its assembly language, or made in an earlier process."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import sys
import threading
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from . import cache
from .assembly import UnreadError
from .native import builtin

_TUNING = {"speed_level": 3, "loop_vectorization": True, "slp_vectorization": False}
_lock = threading.Lock()
if hasattr(
    os, "register_at_fork"
):  # a child gets no locks of LLVM's that some thread of its parent would have to release
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def function(assembly: str, name: str) -> tuple[Any, bool]:
    """The function ``entry`` of a module, and whether its machine code comes from the disk.

    Raises:
        UnreadError: where it calls what is not there.
    """
    with _lock:
        for called in re.findall(r"^declare .*?@(\w+)\(", assembly, re.MULTILINE):
            _found(called)
        triple, cpu, features = _host()
        versions = sys.version, np.__version__, llvmlite.__version__, str(llvm.llvm_version_info)
        key = "\n".join([*versions, triple, cpu, features, str(_TUNING), assembly])
        code = cache.load(key)
        loaded = code is not None
        if code is None:
            code = _compiled(assembly)
            cache.store(key, code)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly("", llvm.create_context()), _machine())
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        return builtin(engine.get_function_address("entry"), name, engine), loaded


def _compiled(assembly: str) -> bytes:
    module = llvm.parse_assembly(assembly, llvm.create_context())
    machine, tuning = _machine(), llvm.create_pipeline_tuning_options()
    for name, value in _TUNING.items():
        setattr(tuning, name, value)
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    code: bytes = machine.emit_object(module)
    return code


@functools.cache
def _host() -> tuple[str, str, str]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _machine() -> Any:
    triple, cpu, features = _host()
    return llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


@functools.cache
def _found(name: str) -> None:
    """Tell LLVM where a function of Python or of the C library is; without this it would end the process."""
    for library in (ctypes.pythonapi, ctypes.CDLL("ucrtbase" if os.name == "nt" else None)):
        if hasattr(library, name):
            llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
            return
    raise UnreadError(f"{name} is not in the C library")
