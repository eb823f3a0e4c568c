"""The models of a soak are read by its judge, too."""

from __future__ import annotations

import sys

from serving import MODELS

sys.path.insert(0, str(MODELS))
