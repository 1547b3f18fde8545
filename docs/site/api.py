"""The API reference: one page for each part of the package, of what is public in it."""

from __future__ import annotations

import inspect
from collections import defaultdict

import micrograd_tensor as mt
from micrograd_tensor import nn, optim, training
from micrograd_tensor.nn import init
from micrograd_tensor.optim import lr_scheduler

PARTS = {
    "tensors": (
        "Tensors",
        ("engine.creation", "engine.tensor", "engine.randomness", "engine.recording", "engine.trace"),
    ),
    "ops": ("Ops", ("engine.table",)),
    "functions": ("Functions", ("functional",)),
    "derivatives": ("Derivatives", ("engine.walk", "functional.derivatives")),
    "readers": ("Readers of the graph", ("graph", "draw", "check", "derive", "compile")),
    "errors": ("Errors", ("engine.errors", "draw.errors")),
    "saving": ("Files", ("saving",)),
}
"""Pages of what stands at ``mt``: name, title, and the modules whose public names are on them."""

SPACES = {
    "nn": ("Modules", nn),
    "init": ("Initializers", init),
    "optim": ("Optimizers", optim),
    "lr_scheduler": ("Schedules of the learning rate", lr_scheduler),
    "data": ("Data", mt.data),
    "training": ("Training", training),
}
"""Pages of modules of their own: name, title and module."""

ALL = "```{toctree}\n:maxdepth: 2\n\n" + "\n".join(f"api/{name}" for name in (*PARTS, *SPACES)) + "\n```\n"


def home(name: str) -> str:
    """The module that defines a public name of ``mt``."""
    return getattr(getattr(mt, name), "__module__", "").removeprefix("micrograd_tensor.")


def part_of(module: str) -> str | None:
    """The page of a module's names: that of the longest prefix."""
    prefixes = {prefix: part for part, (_, modules) in PARTS.items() for prefix in modules}
    fitting = [prefix for prefix in prefixes if f"{module}.".startswith(f"{prefix}.")]
    return prefixes[max(fitting, key=len)] if fitting else None


def entry(owner: str, name: str, value: object) -> str:
    """What autodoc is asked for a name."""
    if inspect.isclass(value):
        members = "" if issubclass(value, BaseException) else "\n   :members:\n"
        return f".. autoclass:: {owner}.{name}{members}\n"
    return f".. autofunction:: {owner}.{name}\n"


def page(title: str, module: str, entries: list[str]) -> str:
    """One page, in reStructuredText."""
    return "\n".join([title, "=" * len(title), "", f".. currentmodule:: {module}", "", *entries])


def pages_of_the_api() -> dict[str, str]:
    """Every page by the name of its file."""
    entries = defaultdict(list)
    for name in mt.__all__:
        if part := part_of(home(name)):
            entries[part].append(entry("micrograd_tensor", name, getattr(mt, name)))
    pages = {f"{part}.rst": page(PARTS[part][0], "micrograd_tensor", entries[part]) for part in PARTS}
    for name, (title, module) in SPACES.items():
        names = [n for n in getattr(module, "__all__", vars(module)) if n[0] != "_"]
        own = [(n, v) for n in names if getattr(v := getattr(module, n), "__module__", "").startswith(module.__name__)]
        listed = [entry(module.__name__, n, v) for n, v in own]
        pages[f"{name}.rst"] = page(title, module.__name__, listed)
    return pages
