"""The reader of formulas, and the graphs that it is tried on, serve here too."""

import sys
from pathlib import Path

for folder in ("engine", "notation"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
