"""ONNX models."""

from __future__ import annotations

from modelport.guards.onnx import is_onnx
from modelport.sources.files.formats.format import File, Format, Found, Recognised

_ONNX = Format("onnx", "ONNX", (".onnx",), "onnxruntime", "onnxruntime", "onnx")


def _by_content(look: File) -> Found | None:
    return Found(look.path, _ONNX) if is_onnx(look.path, look.file, look.size) else None


ONNX = Recognised((_ONNX,), by_content=_by_content)
