"""Pickles, told by who wrote them: pickle, cloudpickle, or joblib, which may compress its own."""

from __future__ import annotations

from modelport.contract.errors import ModelLoadError
from modelport.guards.bounded import DAMAGED, decompressed
from modelport.guards.pickles import Scan, is_pickle, scanned
from modelport.sources.files.formats.format import CODE, File, Format, Found, Recognised, UnknownContentError
from modelport.sources.files.formats.skops import SAVE_SKOPS

JOBLIB = Format(
    "joblib", "joblib pickle",
    (".joblib", ".pkl", ".pickle", ".gz", ".z", ".bz2", ".xz", ".lzma", ".lz4"),
    "pickles", "joblib", "sklearn", CODE, SAVE_SKOPS,
)  # fmt: skip
PICKLE = Format(
    "pickle", "pickle", (".pkl", ".pickle", ".p", ".joblib"), "pickles", danger=CODE, instead=SAVE_SKOPS
)
CLOUDPICKLE = Format(
    "cloudpickle", "pickle (cloudpickle)", (".pkl", ".pickle", ".cloudpickle", ".joblib"), "pickles",
    "cloudpickle", danger=CODE, instead=SAVE_SKOPS,
)  # fmt: skip
# What the names that a pickle imports begin with.
OF_JOBLIB = "joblib.numpy_pickle."
OF_CLOUDPICKLE = "cloudpickle."
HEAD_BYTES = 4096


def _by_content(look: File) -> Found | None:
    if not is_pickle(look.head):
        return None
    look.file.seek(0)
    scan = scanned(look.file)
    if scan.cut:
        raise ModelLoadError(
            f"{look.path}: this pickle ends in the middle (it is cut off); copy or save the model again"
        )
    format = PICKLE
    if any(found.startswith(OF_JOBLIB) for found in scan.names):
        format = JOBLIB
    elif any(found.startswith(OF_CLOUDPICKLE) for found in scan.names):
        format = CLOUDPICKLE
    return Found(look.path, format, CODE, scan)


def found_compressed(look: File, compression: str) -> Found:
    """joblib compresses its pickles; whatever else is compressed has to be decompressed first.

    Raises `ModelLoadError`.
    """
    path = look.path
    content = decompressed(look.file, compression)
    if content is None:
        return Found(path, JOBLIB, CODE, Scan(incomplete="lz4 is not installed"))
    cut = ModelLoadError(f"{path}: its {compression} data ends in the middle; copy or save the model again")
    try:
        head = content.read(HEAD_BYTES)
    except EOFError:
        raise cut from None
    except DAMAGED:
        raise ModelLoadError(
            f"{path}: its {compression} data is damaged; copy or save the model again"
        ) from None
    if not is_pickle(head):
        raise UnknownContentError(
            f"{path}: it is compressed by {compression}, and no pickle of joblib; decompress it first"
        )
    content = decompressed(look.file, compression)
    scan = scanned(content) if content is not None else Scan()
    if scan.cut:
        raise cut
    return Found(path, JOBLIB, CODE, scan)


PICKLED = Recognised((JOBLIB, PICKLE, CLOUDPICKLE), by_content=_by_content)
PICKLES = tuple(format.name for format in PICKLED.formats)
