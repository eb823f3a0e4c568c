"""Models of CatBoost: its binary files, and its JSON."""

from __future__ import annotations

import re

from modelport.sources.files.formats.format import File, Format, Found, Recognised

KEYS = re.compile(
    rb'\s*\{\s*"(?:ctr_data|features_info|model_info|oblivious_trees|trees|scale_and_bias)"\s*:'
)

_CATBOOST = Format(
    "catboost", "CatBoost", (".cbm", ".json", ".bin", ".model"), "catboost", "catboost", "catboost"
)


def _by_head(look: File) -> Found | None:
    if look.head.startswith(b"CBM1") or (KEYS.match(look.head) and look.contains(b'"model_info"')):
        return Found(look.path, _CATBOOST)
    return None


CATBOOST = Recognised((_CATBOOST,), by_head=_by_head)
