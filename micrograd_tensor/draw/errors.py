"""What can go wrong with a picture."""

from __future__ import annotations


class DrawError(ValueError):
    """A picture that cannot be made or saved: too large, of an unknown kind, or without a program to paint it."""


class NoRendererError(DrawError):
    """There is no Graphviz, neither in this process nor on the PATH."""
