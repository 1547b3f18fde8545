"""The graph: an immutable view of what was recorded, which every reader takes instead of a Tensor's private parts."""

from .capture import *
from .cut import *
from .evaluate import *
from .joint import *
from .nodes import *
from .rewrites import *
