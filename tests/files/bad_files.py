"""Files that are no models, or not whole, or not to be trusted: each made by a function of a path."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any


class Canary:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def canary_bytes(canary: Path, protocol: int = 4) -> bytes:
    return pickle.dumps({"model": [1, 2, Canary(canary)]}, protocol)


def zipped(path: Path, **members: bytes) -> Path:
    """A zip of these members; `__` in a name stands for a slash, and `_DOT_` for a dot."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
    return path


def torch_zip(path: Path, pickled: bytes) -> Path:
    return zipped(path, archive__data_DOT_pkl=pickled, archive__version=b"3\n", archive__byteorder=b"little")


def keras_zip(path: Path, *layers: dict[str, Any]) -> Path:
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": list(layers)}}
    return zipped(
        path,
        config_DOT_json=json.dumps(config).encode(),
        metadata_DOT_json=b'{"keras_version": "3.5.0"}',
        model_DOT_weights_DOT_h5=b"\x89HDF\r\n\x1a\n",
    )


DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}}
LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"function": {"class_name": "__lambda__"}},
}


def compressions(content: bytes) -> dict[str, bytes]:
    return {
        "gzip": gzip.compress(content),
        "zlib": zlib.compress(content),
        "bz2": bz2.compress(content),
        "xz": lzma.compress(content),
        "lzma": lzma.compress(content, lzma.FORMAT_ALONE),
    }


def zip_bomb(path: Path, member: str = "schema.json") -> Path:
    """A hundred megabytes of zeros in a hundred kilobytes, in an archive that looks like a model."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(member, "w") as stream:
            for _ in range(100):
                stream.write(bytes(1 << 20))
    return path


def nested_zip_bomb(path: Path) -> Path:
    """A bomb among the members of a harmless archive."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("data.npy", "w") as stream:
            for _ in range(100):
                stream.write(bytes(1 << 20))
    return zipped(path, schema_DOT_json=b"{}", matrix_DOT_npz=inner.getvalue())


def overlapping_zip(path: Path) -> Path:
    """Many members that are the same bytes."""
    zipped(path, schema_DOT_json=b"{}", data=bytes(1000))
    content = path.read_bytes()
    end = content.rfind(b"PK\x05\x06")
    directory_at = struct.unpack_from("<L", content, end + 16)[0]
    directory = content[directory_at:end]
    second = directory.rfind(b"PK\x01\x02")
    more = directory + directory[second:] * 5
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 7, 7, len(more), directory_at, 0)
    path.write_bytes(content[:directory_at] + more + record)
    return path


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that is itself bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx_bytes(*external: str) -> bytes:
    """The least of an ONNX model, with weights in these other files."""
    graph = message(2, b"graph")
    for location in external:
        entry = message(1, b"location") + message(2, location.encode())
        graph += message(5, message(8, b"weights") + message(13, entry))
    return b"\x08\x0a" + message(2, b"tests") + message(7, graph) + message(8, message(1, b"") + b"\x10\x11")


def safetensors_bytes() -> bytes:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return struct.pack("<Q", len(header)) + header + bytes(4)


def hugging_face(folder: Path, config: dict[str, Any] | None = None, **files: bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"} | (config or {})))
    for name, content in files.items():
        (folder / name.replace("_DOT_", ".")).write_bytes(content)
    return folder
