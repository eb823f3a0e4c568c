"""Models of Keras: its archives, and HDF5."""

from __future__ import annotations

import json
from typing import Any

from modelport.contract.errors import ModelLoadError
from modelport.guards.archives import check_nested
from modelport.guards.keras_layers import danger_of_layers
from modelport.settings.sizes import MIB
from modelport.sources.files.formats.format import Archive, File, Format, Found, Recognised

HDF5 = b"\x89HDF\r\n\x1a\n"
CONFIG_BYTES = 16 * MIB
SAVE_KERAS = "export it to ONNX: model.export('model.onnx', format='onnx')"
LAYERS = "can run code of its layers when it is loaded, whatever Keras's safe mode says"

_KERAS = Format("keras", "Keras model", (".keras",), "keras", "keras", "keras", LAYERS, SAVE_KERAS)
_HDF5 = Format(
    "keras-h5",
    "Keras model (HDF5)",
    (".h5", ".hdf5", ".keras"),
    "keras",
    "keras",
    "keras",
    LAYERS,
    SAVE_KERAS,
)


def _by_head(look: File) -> Found | None:
    if look.head.startswith(HDF5) and look.contains(b"model_config"):
        return Found(look.path, _HDF5, LAYERS)
    return None


def _in_archive(archive: Archive) -> Found | None:
    names = archive.names
    if "config.json" not in names or not ("model.weights.h5" in names or "metadata.json" in names):
        return None
    check_nested(archive.zip, archive.members)
    return Found(archive.path, _KERAS, _danger(archive))


def _danger(archive: Archive) -> str:
    member = archive.zip.getinfo("config.json")
    if member.file_size > CONFIG_BYTES:
        raise ModelLoadError(
            f"{archive.path}: its config.json has {member.file_size} bytes, which no model has"
        )
    try:
        config: Any = json.loads(archive.zip.read(member))
    except (ValueError, RecursionError):
        raise ModelLoadError(f"{archive.path}: its config.json is no JSON; save the model again") from None
    return danger_of_layers(config)


KERAS = Recognised((_KERAS, _HDF5), by_head=_by_head, in_archive=_in_archive)
