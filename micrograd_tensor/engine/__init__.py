"""The engine: record, table of primitives, walk.

Read in this order: `tensor` (an array and the call that made it), `recording` (on or off, and where), `primitive` (a
row and its call), `table` (the rows), `walk` (backward), `operators` and `protocols` (what stands behind ``+`` and
``np.exp``), `derivatives` (what is built on the walk), `arrays` (what an array may be), `errors` and `anomaly`.
"""

from . import operators as _operators  # noqa: F401 -- binds the operators to Tensor
