"""Writes verse, a character at a time: a small network, and an engine that writes many texts at once."""

__version__ = "1.0.0"
