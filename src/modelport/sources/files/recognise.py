"""Which format a model file or folder has, told by its content. The name decides nothing."""

from __future__ import annotations

from pathlib import Path

from modelport.sources.files.folders import found_in_folder
from modelport.sources.files.formats.format import Found, UnknownContentError
from modelport.sources.files.formats.known import format_named
from modelport.sources.files.opening import is_folder
from modelport.sources.files.single_files import found_in_file


def recognised(path: Path, name: str = "") -> Found:
    """What a file or folder is, or what its format is said to be: `name` decides where it is given.

    Raises `ModelLoadError` of one line: what is wrong, and what to do.
    """
    named = format_named(name) if name else None
    try:
        found = found_in_folder(path) if is_folder(path) else found_in_file(path)
    except UnknownContentError:
        if named is None:
            raise
        return Found(path, named, named.danger)
    if named is None or named is found.format:
        return found
    return Found(path, named, named.danger, found.scan)
