"""Compositions: functions built from the table alone, so their gradients, pictures and checks fall out of the graph."""

from .normalization import batch_norm
from .softmax import log_softmax, logsumexp, softmax
from .statistics import l2_norm, std, var

__all__ = ["batch_norm", "l2_norm", "log_softmax", "logsumexp", "softmax", "std", "var"]
