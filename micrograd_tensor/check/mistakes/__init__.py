"""Mistakes: what a line of a derivation may do in place of what is due, and which of it explains a wrong stage."""

from .search import diagnose

__all__ = ["diagnose"]
