"""Weights of ONNX models in other files: what stands before them must not keep them from being seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_files import message, onnx_bytes, varint

from modelport.contract.errors import ModelLoadError
from modelport.sources.source import parse_source

GROUP = varint(99 << 3 | 3) + message(5, b"x") + varint(99 << 3 | 4)
OPEN_GROUP = varint(99 << 3 | 3)
WRONG_END = varint(99 << 3 | 4)
LONG_KEY = b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01"
ENTRY = message(1, b"location") + message(2, b"/etc/passwd")
TENSOR = message(8, b"weights")


def model_with(graph: bytes) -> bytes:
    opset = message(8, message(1, b"") + b"\x10\x11")
    return b"\x08\x0a" + message(2, b"tests") + message(7, message(2, b"graph") + graph) + opset


SEEN = {
    "a group in the graph": GROUP + message(5, TENSOR + message(13, ENTRY)),
    "a group in the tensor": message(5, GROUP + TENSOR + message(13, ENTRY)),
    "a group in the entry": message(5, TENSOR + message(13, GROUP + ENTRY)),
    "a key of another type": message(5, TENSOR + message(13, ENTRY + b"\x08\x01\x10\x01")),
}
UNREADABLE = {
    "a group without an end": message(5, TENSOR + message(13, ENTRY)) + OPEN_GROUP,
    "an end without a group": WRONG_END + message(5, TENSOR + message(13, ENTRY)),
    "a number that is too large": message(5, LONG_KEY + TENSOR + message(13, ENTRY)),
}


@pytest.mark.parametrize("graph", SEEN.values(), ids=SEEN.keys())
def test_weights_elsewhere_are_seen_behind_what_nobody_knows(tmp_path: Path, graph: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(model_with(graph))
    with pytest.raises(ModelLoadError, match="'/etc/passwd', which is outside its folder"):
        parse_source(str(tmp_path / "m.onnx"))


@pytest.mark.parametrize("graph", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_model_with_weights_elsewhere_that_cannot_be_read_is_refused(tmp_path: Path, graph: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(model_with(graph))
    with pytest.raises(ModelLoadError, match="cannot be read, so nobody can say which files it names"):
        parse_source(str(tmp_path / "m.onnx"))


def test_a_group_does_not_hide_a_hard_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "weights.bin").hardlink_to(tmp_path / "secret")
    entry = message(1, b"location") + message(2, b"weights.bin")
    (tmp_path / "m.onnx").write_bytes(model_with(GROUP + message(5, TENSOR + message(13, entry))))
    with pytest.raises(ModelLoadError, match="is a link"):
        parse_source(str(tmp_path / "m.onnx"))


def test_a_model_without_such_things_is_taken(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(onnx_bytes())
    assert parse_source(str(tmp_path / "m.onnx")).options.format == "onnx"
