"""Check: is a gradient right? The engine's own rules (`gradcheck`), and derivations made by hand (`compare`)."""

from .compare import Report, Stage, compare
from .gradcheck import gradcheck

__all__ = ["Report", "Stage", "compare", "gradcheck"]
