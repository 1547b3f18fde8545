"""The engine: what an op is, what it leaves behind, and how gradients walk back. Each module stands on those before it.

Read `row` (all that is known about an op), `record` (an array and the call that made it), `primitive` (the call of an
op), `table` (the ops), `walk` (backward), and `tensor` (a record with the surface of an array). They lean on `arrays`
(what an array may be), `lengths` (its sizes), `axes` (their count), `recording` (on or off, and in which scope),
`trace` (what leaves the graph), `errors`, and `anomaly` (the search for NaN). `updates` and `creation` are the ways in,
and `interop` is what people who know NumPy and PyTorch type.
"""
