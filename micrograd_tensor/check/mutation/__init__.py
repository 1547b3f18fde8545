"""Mutation: mistakes made on purpose in the source of a backward pass, and whether a test notices them."""
