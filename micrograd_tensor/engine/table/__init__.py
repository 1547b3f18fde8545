"""The table of primitives: every elementary op stands in one place, with its rule, its notation and its docstring.

Read `elementwise` first; `shapes`, `reductions` and `matrix` each lean on the ones before.
"""
