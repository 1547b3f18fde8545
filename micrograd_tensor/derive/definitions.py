"""Definitions: what a program in plain NumPy calls that NumPy does not have."""

from __future__ import annotations

from collections.abc import Callable

from ..engine.row import Primitive


def defined(text: str, op: Primitive, free: Callable[[str], str]) -> str:
    """A program with the definition of what it calls for an op, before its first function.

    Args:
        text: of the program.
        op: what is called as ``mt.name``.
        free: the name that is most like one, and is not taken.
    """
    call = f"mt.{op.name}("
    if call not in text or not op.definition:
        return text
    name = free(op.name)
    definition = op.definition.replace(f"def {op.name}(", f"def {name}(")
    return text.replace(call, f"{name}(").replace("\n\n\ndef", f"\n\n\n{definition}\n\n\ndef", 1)
