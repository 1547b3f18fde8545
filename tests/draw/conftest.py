"""The reader of formulas, the graphs that it is tried on, and the net that is measured serve here too."""

import sys
from pathlib import Path

for folder in ("engine", "notation", "benchmarks"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
