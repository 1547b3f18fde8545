"""Paths in a tree of modules: the key of a tensor in `state_dict`, and the scopes of a forward pass."""

from __future__ import annotations

from ..engine.recording import Scope


def key(path: tuple[str, ...], name: str) -> str:
    """The name in `state_dict`, which leaves out the outermost module's own name.

    >>> key(("net", "0", "norm"), "weight")
    '0.norm.weight'
    """
    return ".".join((*path[1:], name))


def not_entered(path: tuple[str, ...], at: Scope | None) -> tuple[str, ...]:
    """The part of a module's path whose scopes are not open yet: all of it, if none is.

    A `ModuleList` is never called, and ``self.encoder.embed(x)`` bypasses the encoder, yet both belong to the path.

    >>> not_entered(("net", "layers", "0"), Scope("skip", Scope("net")))
    ('layers', '0')
    """
    while at is not None:
        if at.name in path[:-1]:
            return path[len(path) - 1 - path[-2::-1].index(at.name) :]
        at = at.parent
    return path
