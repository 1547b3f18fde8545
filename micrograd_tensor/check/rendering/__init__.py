"""Rendering: a report for a terminal, as a page, and as JSON. What it says is in `words`, the same for all three."""
