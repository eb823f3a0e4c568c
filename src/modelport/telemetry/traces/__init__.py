"""Traces: which requests are traced, what is told of them, and who is told."""
