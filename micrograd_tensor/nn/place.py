"""Places: where something stands in a tree of modules, as a key of the state and as the path of a scope."""

from __future__ import annotations

from ..engine.recording import Scope


def key(path: tuple[str, ...], name: str) -> str:
    """The name in a `state_dict`, which the outermost module's own name is not part of.

    >>> key(("net", "0", "norm"), "weight")
    '0.norm.weight'
    """
    return ".".join((*path[1:], name))


def not_entered(path: tuple[str, ...], at: Scope | None) -> tuple[str, ...]:
    """The part of a module's path that no open scope stands for: all of it, if none does.

    A `ModuleList` is never called, and ``self.encoder.embed(x)`` passes the encoder by, yet both belong to the path.

    >>> not_entered(("net", "layers", "0"), Scope("skip", Scope("net")))
    ('layers', '0')
    """
    while at is not None:
        if at.name in path[:-1]:
            return path[len(path) - 1 - path[-2::-1].index(at.name) :]
        at = at.parent
    return path
