"""Saved models and checkpoints, in safetensors files: arrays and JSON without pickle, so loading runs no code."""

from .checkpoint import load_checkpoint, save_checkpoint
from .models import load, save

__all__ = ["load", "load_checkpoint", "save", "save_checkpoint"]
