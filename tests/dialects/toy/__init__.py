"""Toy: asks a model, in an envelope of its own."""
