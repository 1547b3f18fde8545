"""Definitions: what a program in plain NumPy calls that NumPy does not have."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from ..engine.row import Primitive


class Definition(NamedTuple):
    """A function that a program defines.

    Attributes:
        name: what the program calls it.
        call: what stands in its place in the source of the op.
        text: its definition.
    """

    name: str
    call: str
    text: str

    def called_in(self, text: str) -> str:
        """A text that calls it by its name."""
        return text.replace(self.call, f"{self.name}(")


def definition(op: Primitive, free: Callable[[str], str]) -> Definition | None:
    """The definition of what is called for an op as ``mt.name``; None where NumPy has it.

    Args:
        op: a row of the table.
        free: the name that is most like one, and is not taken.
    """
    if not op.definition:
        return None
    name = free(op.name)
    return Definition(name, f"mt.{op.name}(", op.definition.replace(f"def {op.name}(", f"def {name}("))


def unused(name: str, taken: Container[str]) -> str:
    """A name in a program that is no value's.

    >>> unused("cache", {"x", "cache"})
    'cache_'
    """
    while name in taken:
        name += "_"
    return name


def calls_package(lines: Iterable[str]) -> bool:
    """Whether lines of a program call this package, which they then have to import.

    >>> calls_package(["amt = amt.sum()  # mt.x"]), calls_package(["y = mt.conv2d(x, w)"])
    (False, True)
    """
    return any(re.search(r"\bmt\.", line.partition("#")[0]) for line in lines)


def defined(text: str, op: Primitive, free: Callable[[str], str]) -> str:
    """A program with the definition of what it calls for an op, before its first function."""
    made = definition(op, free)
    if made is None or made.call not in text:
        return text
    return made.called_in(text).replace("\n\n\ndef", f"\n\n\n{made.text}\n\n\ndef", 1)
