"""Saved models and checkpoints, in safetensors files: arrays and JSON, no pickle, so loading runs no foreign code."""

from .checkpoint import load_checkpoint, save_checkpoint
from .models import load, save

__all__ = ["load", "load_checkpoint", "save", "save_checkpoint"]
