"""Compositions: functions built from primitives, whose gradients, pictures and checks fall out of the graph."""
