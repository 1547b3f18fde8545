"""The random programs that the algebra and the engine are tested with serve here too."""

import sys
from pathlib import Path

for folder in ("algebra", "engine", "optim", "nn"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
