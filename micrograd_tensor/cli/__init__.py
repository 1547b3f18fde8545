"""The `micrograd-tensor` command."""

from .main import main

__all__ = ["main"]
