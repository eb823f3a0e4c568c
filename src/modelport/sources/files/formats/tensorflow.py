"""The folders of TensorFlow's SavedModel."""

from __future__ import annotations

from modelport.sources.files.formats.format import PROGRAM, Folder, Format, Found, Recognised

SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
SAVE_GRAPH = "convert it to ONNX: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"

_SAVED_MODEL = Format(
    "tensorflow", "TensorFlow SavedModel", (), "keras", "tensorflow", "tensorflow", PROGRAM, SAVE_GRAPH
)


def _in_folder(folder: Folder) -> Found | None:
    return Found(folder.path, _SAVED_MODEL) if any(name in folder.names for name in SAVED_MODEL) else None


TENSORFLOW = Recognised((_SAVED_MODEL,), in_folder=_in_folder)
