"""Models of scikit-learn in the archives of skops."""

from __future__ import annotations

from modelport.guards.archives import check_nested
from modelport.sources.files.formats.format import Archive, Format, Found, Recognised

SAVE_SKOPS = "save the model in a safe format: skops.io.dump(model, 'model.skops'), or ONNX"

_SKOPS = Format("skops", "scikit-learn (skops)", (".skops",), "skops", "skops", "skops")


def _in_archive(archive: Archive) -> Found | None:
    if "schema.json" not in archive.names:
        return None
    check_nested(archive.zip, archive.members)
    return Found(archive.path, _SKOPS)


SKOPS = Recognised((_SKOPS,), in_archive=_in_archive)
