"""The engine: what an op is, what it leaves behind, and how gradients walk back. Each module stands on those before it.

Read `row` (all that is known about an op), `record` (an array and the call that made it), `primitive` (the call of an
op), `table` (the ops), `walk` (backward), `protocols` (NumPy's functions on Tensors), and `tensor` (a record with the
surface of an array). They lean on `arrays` (what an array may be), `lengths` (its sizes), `axes` (their count),
`recording` (on or off, and in which scope), `errors`, and `anomaly` (the search for NaN). `creation` makes Tensors from
nothing, `pytorch` gives them PyTorch's names, and `habits` answers to names that are not here.
"""
