"""Training: in one process or data-parallel, and runs for people to watch, which can be stopped and resumed."""

from .data_parallel import fit
from .files import NpyFiles, ParquetFile
from .passes import in_passes
from .run import Learner, Run

__all__ = ["Learner", "NpyFiles", "ParquetFile", "Run", "fit", "in_passes"]
