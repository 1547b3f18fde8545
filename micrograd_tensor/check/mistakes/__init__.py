"""Mistakes: what a line of a derivation may compute instead of the right thing, and which explains a wrong stage."""
