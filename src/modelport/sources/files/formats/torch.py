"""What PyTorch saves: exported programs, TorchScript, and pickled modules."""

from __future__ import annotations

from modelport.guards.archives import scan_of_members
from modelport.guards.pickles import scanned
from modelport.sources.files.formats.format import CODE, PROGRAM, Archive, File, Format, Found, Recognised

SAVE_TORCH = "save a program instead: torch.export.save(torch.export.export(model, inputs), 'model.pt2')"
# How a file of torch's older form begins: a pickle of this number.
OLD_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."

_EXPORTED = Format("torch-export", "PyTorch (torch.export)", (".pt2",), "torch", "torch", "torch")
_TORCHSCRIPT = Format(
    "torchscript", "TorchScript file", (".pt", ".pth", ".ts", ".torchscript"), "torch", "torch", "torch",
    PROGRAM, SAVE_TORCH,
)  # fmt: skip
_PICKLED = Format(
    "torch", "pickled PyTorch", (".pt", ".pth", ".bin", ".ckpt"), "torch", "torch", "torch", CODE, SAVE_TORCH
)


def _by_head(look: File) -> Found | None:
    if not look.head.startswith(OLD_TORCH):
        return None
    look.file.seek(0)
    return Found(look.path, _PICKLED, CODE, scanned(look.file))


def _in_archive(archive: Archive) -> Found | None:
    inner = archive.inner
    is_exported = "archive_format" in inner or "models/model.json" in inner
    if is_exported or "serialized_exported_program.json" in archive.names:
        return Found(archive.path, _EXPORTED)
    if "data.pkl" not in inner:
        return None
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return Found(archive.path, _TORCHSCRIPT)
    return Found(archive.path, _PICKLED, CODE, scan_of_members(archive.zip, archive.members))


TORCH = Recognised((_EXPORTED, _TORCHSCRIPT, _PICKLED), by_head=_by_head, in_archive=_in_archive)
