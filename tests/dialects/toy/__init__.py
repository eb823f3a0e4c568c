"""Toy: asks a model, in a frame of its own."""
