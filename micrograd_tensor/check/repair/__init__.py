"""Repair: which line of a backward pass is wrong, and how it should be, found by changing it and running it again."""
