"""Interoperation: what people who know NumPy and PyTorch type, and what it means here.

`protocols` records NumPy's functions on Tensors, by `settings` (their keywords) and `instead` (the way where there is
none); `pytorch` gives Tensors PyTorch's names, and `habits` answers to names and keywords that are not here.
"""
