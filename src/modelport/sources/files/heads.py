"""Formats that are told by how a file begins."""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from modelport.settings import MIB

HDF5 = b"\x89HDF\r\n\x1a\n"
SEARCH_BYTES = 8 * MIB
UBJSON_LENGTHS = b"iUIlL"
XGBOOST_KEYS = re.compile(rb'\s*\{\s*"(?:learner|version)"\s*:')
CATBOOST_KEYS = re.compile(
    rb'\s*\{\s*"(?:ctr_data|features_info|model_info|oblivious_trees|trees|scale_and_bias)"\s*:'
)
XGBOOST_PARAMETERS = 136  # bytes of LearnerModelParam, before the names of objective and booster
BOOSTERS = (b"gbtree", b"gblinear", b"dart")
NAME_LENGTH = struct.Struct("<Q")
MAX_NAME = 64
HEADER_LENGTH = struct.Struct("<Q")
MAX_HEADER = 100_000_000  # safetensors' own limit


def format_of_head(head: bytes, file: BinaryIO, size: int) -> str:
    """The format of a file that begins so, where its beginning tells; empty where it does not."""
    if head.startswith(b"CBM1"):
        return "catboost"
    if re.match(rb"tree\r?\n", head):
        return "lightgbm"
    if head.startswith(HDF5):
        return "keras-h5" if _contains(file, size, b"model_config") else ""
    if is_xgboost(head):
        return "xgboost"
    if CATBOOST_KEYS.match(head) and _contains(file, size, b'"model_info"'):
        return "catboost"
    return ""


def is_xgboost(head: bytes) -> bool:
    """True for a model of XGBoost: JSON, UBJSON, or its old binary form."""
    if XGBOOST_KEYS.match(head) and b'"learner"' in head:
        return True
    if head[:1] == b"{" and head[1:2] in UBJSON_LENGTHS and head[1:2] and b"learner" in head[:64]:
        return True
    return _is_old_xgboost(head, 4 if head.startswith(b"binf") else 0)


def _is_old_xgboost(head: bytes, begin: int) -> bool:
    objective, at = _name(head, begin + XGBOOST_PARAMETERS)
    booster, _ = _name(head, at)
    return bool(objective) and booster in BOOSTERS


def _name(head: bytes, at: int) -> tuple[bytes, int]:
    if at + NAME_LENGTH.size > len(head):
        return b"", at
    length = NAME_LENGTH.unpack_from(head, at)[0]
    begin = at + NAME_LENGTH.size
    return (head[begin : begin + length], begin + length) if length <= MAX_NAME else (b"", at)


def is_safetensors(head: bytes, size: int) -> bool:
    """True for weights in safetensors' form."""
    if len(head) < HEADER_LENGTH.size + 2:
        return False
    length = HEADER_LENGTH.unpack_from(head)[0]
    return 2 <= length <= min(MAX_HEADER, size - HEADER_LENGTH.size) and head[HEADER_LENGTH.size] == ord("{")


def _contains(file: BinaryIO, size: int, text: bytes) -> bool:
    """True if the text is near the beginning or the end of a file."""
    for begin in {0, max(0, size - SEARCH_BYTES)}:
        file.seek(begin)
        if text in file.read(SEARCH_BYTES):
            return True
    return False


# Files that are no model of any format here: how they begin, what they are, and what to do.
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
