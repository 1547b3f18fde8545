"""Hypotheses: what a line of a derivation may do in place of what is due, one family of mistakes a module."""
