"""Wheels of what is installed beside the tests, so that an environment is made anew without a registry."""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution
from pathlib import Path


def repacked(name: str, folder: Path) -> None:
    """Put an installed package into a folder as the wheel that it came from, not compressed."""
    found = distribution(name)
    about = next(file.parent for file in found.files or () if file.name == "WHEEL")
    tags = [
        line.partition(": ")[2]
        for line in (found.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag")
    ]
    parts = [".".join(dict.fromkeys(part)) for part in zip(*(tag.split("-") for tag in tags), strict=True)]
    stem = str(about).removesuffix(".dist-info")
    with zipfile.ZipFile(folder / f"{stem}-{'-'.join(parts)}.whl", "w") as wheel:
        for file in found.files or ():
            if (
                ".." not in file.parts
                and file.suffix != ".pyc"
                and file.name not in ("RECORD", "direct_url.json")
            ):
                wheel.write(str(file.locate()), str(file))
        kept = [line for line in (found.read_text("RECORD") or "").splitlines() if not line.startswith("../")]
        wheel.writestr(f"{about}/RECORD", "\n".join([line for line in kept if ".pyc," not in line]))
