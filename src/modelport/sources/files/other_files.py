"""Files that are no model of any format here: what they are, and what to do."""

from __future__ import annotations

from modelport.sources.files.formats.keras import HDF5
from modelport.sources.files.formats.transformers import is_safetensors

# How they begin, what they are, and what to do.
OTHERS = (
    (b"GGUF", "a GGUF file, which is not served", "save the model as a Hugging Face folder with safetensors"),
    (b"PAR1", "a Parquet table, not a model", "name the model's own file"),
    (b"\x93NUMPY", "a numpy array, not a model", "save the model itself"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "decompress it first: `zstd -d`"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive", "unpack it and name the model in it"),
    (b"Rar!", "a RAR archive", "unpack it and name the model in it"),
    (b"SQLite format 3", "a SQLite database, not a model", "name the model's own file"),
    (b"\x7fELF", "a program or library, not a model", "name the model's own file"),
    (b"\x89PNG", "a picture, not a model", "name the model's own file"),
    (b"\xff\xd8\xff", "a picture, not a model", "name the model's own file"),
    (b"%PDF", "a PDF document, not a model", "name the model's own file"),
    (
        HDF5,
        "an HDF5 file that holds no Keras model (weights alone?)",
        "save the whole model: model.save('model.keras')",
    ),
)
HTML = (b"<!doctype html", b"<html", b"<head", b"<!--")


def words_for_other(head: bytes, size: int) -> str:
    """What a file that is no model of a known format is, and what to do."""
    for magic, words, advice in OTHERS:
        if head.startswith(magic):
            return f"it is {words}; {advice}"
    if head[4:8] == b"TFL3":
        return "it is a TensorFlow Lite file, which is not served; save it as a SavedModel or ONNX"
    if head[257:262] == b"ustar":
        return "it is a tar archive; unpack it and name the model in it"
    if is_safetensors(head, size):
        return "it holds weights only (safetensors); name its folder, which has the config.json of the model"
    if head.lstrip()[:16].lower().startswith(HTML):
        return (
            "it is a web page, not a model: a download that needed a login or another address; "
            "download the file itself"
        )
    if not head.strip(b"\0"):
        return "it holds nothing but zeros; copy or download the model again"
    return _words_for_text(head)


def _words_for_text(head: bytes) -> str:
    if _is_text(head):
        if head.lstrip().startswith(b"{"):
            if b'"model_type"' in head or b'"architectures"' in head:
                return "it is the configuration of a Hugging Face model; name its folder instead"
            if b'"tree_info"' in head or b'"feature_names"' in head:
                return "it is a dump of LightGBM, which cannot be loaded; save it with booster.save_model()"
            return (
                "it is JSON, but no model of XGBoost or CatBoost; name the file that the model was saved to"
            )
        if b"<PMML" in head:
            return "it is PMML, which is not served; save the model as skops or ONNX"
        return "it is a text file, not a model; name the file that the model was saved to"
    return "its content is of no format that is known here; --format NAME says which it is"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # the head may end within a character
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\f\ufeff" for c in text)
