"""Rendering: a report for a terminal, as a page, and as JSON; `sentences` has the text of all three."""
