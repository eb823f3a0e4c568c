"""Models of XGBoost: JSON, UBJSON, or its old binary form."""

from __future__ import annotations

import re
import struct

from modelport.sources.files.formats.format import File, Format, Found, Recognised

KEYS = re.compile(rb'\s*\{\s*"(?:learner|version)"\s*:')
UBJSON_LENGTHS = b"iUIlL"
PARAMETERS = 136  # bytes of LearnerModelParam, before the names of objective and booster
BOOSTERS = (b"gbtree", b"gblinear", b"dart")
NAME_LENGTH = struct.Struct("<Q")
MAX_NAME = 64

_XGBOOST = Format(
    "xgboost", "XGBoost", (".json", ".ubj", ".model", ".bin", ".xgb", ".deprecated"),
    "xgboost", "xgboost", "xgboost",
)  # fmt: skip


def _by_head(look: File) -> Found | None:
    return Found(look.path, _XGBOOST) if _is_xgboost(look.head) else None


def _is_xgboost(head: bytes) -> bool:
    if KEYS.match(head) and b'"learner"' in head:
        return True
    if head[:1] == b"{" and head[1:2] in UBJSON_LENGTHS and head[1:2] and b"learner" in head[:64]:
        return True
    return _is_old(head, 4 if head.startswith(b"binf") else 0)


def _is_old(head: bytes, begin: int) -> bool:
    objective, at = _name(head, begin + PARAMETERS)
    booster, _ = _name(head, at)
    return bool(objective) and booster in BOOSTERS


def _name(head: bytes, at: int) -> tuple[bytes, int]:
    if at + NAME_LENGTH.size > len(head):
        return b"", at
    length = NAME_LENGTH.unpack_from(head, at)[0]
    begin = at + NAME_LENGTH.size
    return (head[begin : begin + length], begin + length) if length <= MAX_NAME else (b"", at)


XGBOOST = Recognised((_XGBOOST,), by_head=_by_head)
