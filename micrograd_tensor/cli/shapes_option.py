"""The ``--shapes`` option: shapes of inputs, and values of settings, as they are written there."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from .unusable import UnusableError

_WORDS = ("True", "False", "None")
_MOST = 100_000_000
"""The numbers that an input has at most."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value that is given as it is."""

    value: Any


def values_of(texts: str) -> dict[str, Any]:
    """What ``--shapes x=4x5,y=4<3,stride=(1)`` says: shapes of floats, of whole numbers below one, and values.

    An empty pair of parentheses is the shape of a single number. A word is a text, for a shell takes its quotes away.

    >>> values_of("x=4x5,y=4<3,a=(),mode='train',kind=test,pad=(1)")  # doctest: +NORMALIZE_WHITESPACE
    {'x': (4, 5), 'y': ((4,), 3), 'a': (), 'mode': Value(value='train'), 'kind': Value(value='test'),
     'pad': Value(value=1)}
    """
    found: dict[str, Any] = {}
    for part in re.split(r",(?![^\[({]*[\])}])", texts):
        name, _, text = (x.strip() for x in part.partition("="))
        if name in found:
            raise UnusableError(f"--shapes: {name} is given twice; give it once")
        shape, _, below = text.partition("<")
        if name.isidentifier() and re.fullmatch(r"\d+(x\d+)*|\(\s*\)", shape) and (not below or below.isdigit()):
            lengths = tuple(map(int, re.findall(r"\d+", shape)))
            if 0 in lengths or prod(lengths) > _MOST or (below and not int(below)):
                raise UnusableError(
                    f"--shapes: {part.strip()!r} has no numbers, or more than {_MOST:,}; give other lengths"
                )
            found[name] = (lengths, int(below)) if below else lengths
            continue
        try:
            if not name.isidentifier():
                raise ValueError(name)
            found[name] = Value(text if text.isidentifier() and text not in _WORDS else ast.literal_eval(text))
        except (ValueError, SyntaxError):
            raise UnusableError(
                f"--shapes: {part.strip()!r} is no shape such as x=4x5, y=4<3 for whole numbers below 3, or stride=(1)"
            ) from None
    return found


def option(texts: str) -> str:
    """The option as it is typed, in quotes where a shell needs them.

    >>> print(option("x=4x5"), option("y=4<3,k=(2)"), option("pool=({'size':2})"))
    --shapes x=4x5 --shapes "y=4<3,k=(2)" --shapes "pool=({'size':2})"
    """
    return f"--shapes {texts}" if re.fullmatch(r"[\w=,.…-]*", texts) else f'--shapes "{texts}"'


def numbers_as_option(values: Mapping[str, Any]) -> str:
    """Values as ``--shapes`` takes them.

    >>> numbers_as_option({"rate": 0.5, "stride": 1, "pool": {"size": 2}})
    "rate=(0.5),stride=(1),pool=({'size':2})"
    """
    texts = {
        name: f"{x:g}" if isinstance(x, float) else re.sub(r"([,:]) ", r"\1", str(x)) for name, x in values.items()
    }
    return ",".join(f"{name}=({text})" for name, text in texts.items())


def said_as_option(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Shapes as ``--shapes`` takes them.

    >>> said_as_option({"x": (4, 5), "a": ()})
    'x=4x5,a=()'
    """
    return ",".join(f"{name}={'x'.join(map(str, shape)) or '()'}" for name, shape in shapes.items())
