"""A model that cannot be loaded, and says why in words that would do harm."""

from __future__ import annotations

from harm import HARM

raise ValueError(HARM)
