"""The text files of LightGBM."""

from __future__ import annotations

import re

from modelport.sources.files.formats.format import File, Format, Found, Recognised

_LIGHTGBM = Format(
    "lightgbm", "LightGBM", (".txt", ".lgb", ".lgbm", ".model"), "lightgbm", "lightgbm", "lightgbm"
)


def _by_head(look: File) -> Found | None:
    return Found(look.path, _LIGHTGBM) if re.match(rb"tree\r?\n", look.head) else None


LIGHTGBM = Recognised((_LIGHTGBM,), by_head=_by_head)
