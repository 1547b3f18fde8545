"""Modules are tried on the engine's foreign arrays too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "engine"))
